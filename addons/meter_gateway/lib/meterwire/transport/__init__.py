"""Ways to reach a line. Only the files of this folder touch sockets and serial ports.

A link is opened by ``open_link`` and then only calls back, in the event loop's thread:

- ``on_data(bytes)`` for what comes in, ``on_lost(words)`` once when the link is gone by itself;
- ``link.write(data)`` writes one whole frame, without waiting; raises ``LinkDown`` if it cannot;
- ``link.abort()`` gives the link up at once, without any further call back;
- ``link.reopen`` says whether the line should open it anew after silence (a socket: what is still
  on its way is then lost for good) or keep listening (a serial port).
"""

from urllib.parse import parse_qsl, urlsplit

from ..errors import LinkDown
from . import memory, serial, tcp

_SCHEMES = {"tcp": tcp, "serial": serial, "memory": memory}


async def open_link(endpoint, on_data, on_lost, timeout):
    """Open ``endpoint``.

    :param float timeout: seconds
    :raises LinkDown: it cannot be opened, or the endpoint is not understood
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port if parts.scheme == "tcp" else None
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        module = _SCHEMES[parts.scheme]
    except (ValueError, KeyError):
        raise LinkDown(f"the endpoint {endpoint!r} is not understood") from None
    if parts.scheme == "tcp":
        return await tcp.open_link(parts.hostname, port, on_data, on_lost, timeout)
    return await module.open_link(parts.netloc + parts.path, options, on_data, on_lost)
