"""A hub as a program: addresses, signals, and its end. Used alone and by ``odoo meter_hub``."""

import asyncio
import signal

from .server import Hub


class AddressError(ValueError):
    """Not HOST:PORT."""


def address(text):
    """``(host, port)`` of ``HOST:PORT`` or ``[IPv6]:PORT``.

    >>> address("127.0.0.1:7100"), address("[::]:7100")
    (('127.0.0.1', 7100), ('::', 7100))
    """
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise AddressError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def place(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve(secret, limits, listen, workers, tend):
    """Run a hub until SIGTERM or SIGINT.

    :param listen: ``(host, port)`` for DTUs, any number
    :param workers: ``(host, port)`` for workers
    :param tend: coroutine function of the hub, the texts of the addresses it listens at (the
        workers' is the last), and an ``asyncio.Event`` that is set at the end; configures the hub
        and looks after it
    """
    hub = Hub(secret, limits)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        hub.loop.add_signal_handler(number, ending.set)
    try:
        addresses = await hub.start(listen, workers)
        await tend(hub, [place(*one) for one in addresses], ending)
    finally:
        await hub.close()
