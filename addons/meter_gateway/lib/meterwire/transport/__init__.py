"""Ways to reach a line. Only the files of this folder, and ``hub``, touch sockets and serial ports.

A link is opened by ``open_link`` and then only calls back, in the event loop's thread:

- ``on_data(bytes)`` for what comes in, ``on_lost(words)`` once when the link is gone by itself;
- ``link.write(data)`` writes one whole frame, without waiting; raises ``LinkDown`` if it cannot;
- ``link.abort()`` gives the link up at once, without any further call back;
- ``link.reopen`` says whether the line should open it anew after silence (a socket: what is still
  on its way is then lost for good) or keep listening (a serial port, a hub, a broker: opening
  anew would bring nothing, late bytes come all the same).
"""

from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import LinkDown
from . import hub, memory, mqtt, rfc2217, serial, tcp

_NETWORK = {"tcp", "rfc2217", "hub", "mqtt", "mqtts"}


async def open_link(endpoint, on_data, on_lost, timeout, secrets=None):
    """Open ``endpoint``: one of

    - ``tcp://192.0.2.7:5001``
    - ``serial:///dev/ttyS1?baudrate=2400&parity=E``
    - ``rfc2217://192.0.2.7:5001?baudrate=2400&parity=E``
    - ``hub://127.0.0.1:7101/DTU?generation=3&worker=1``
    - ``mqtt://`` or ``mqtts://192.0.2.9:1883/?up=TOPIC&down=TOPIC&credentials=NAME``
    - ``memory://NAME``

    :param float timeout: seconds
    :param KeyRing secrets: where a hub's secret and a broker's credentials are
    :raises LinkDown: it cannot be opened, or the endpoint is not understood
    """
    try:
        parts = urlsplit(endpoint)
        scheme = parts.scheme
        port = parts.port if scheme in _NETWORK else None
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        scheme = None
    name = "" if scheme is None else parts.netloc + parts.path
    if scheme == "tcp":
        return await tcp.open_link(parts.hostname, port, on_data, on_lost, timeout)
    if scheme == "serial":
        return await serial.open_link(name, options, on_data, on_lost)
    if scheme == "memory":
        return await memory.open_link(name, options, on_data, on_lost)
    if scheme == "rfc2217":
        return await rfc2217.open_link(parts.hostname, port, options, on_data, on_lost, timeout)
    if scheme == "hub":
        dtu = unquote(parts.path[1:])
        return await hub.open_link(
            parts.hostname, port, dtu, options, on_data, on_lost, timeout, secrets
        )
    if scheme in ("mqtt", "mqtts"):
        tls = scheme == "mqtts"
        return await mqtt.open_link(
            parts.hostname, port, tls, options, on_data, on_lost, timeout, secrets
        )
    raise LinkDown(f"the endpoint {endpoint!r} is not understood")
