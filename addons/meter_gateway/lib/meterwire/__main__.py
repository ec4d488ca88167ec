"""Field tool: ``python -m meterwire read|find|decode|listen``.

    python -m meterwire read tcp://192.0.2.7:5001 202611000001
    python -m meterwire read 'serial:///dev/ttyUSB0?baudrate=2400' 202611000001 00010000 04000503
    python -m meterwire find serial:///dev/ttyUSB0
    python -m meterwire decode 68 01 00 00 11 26 20 68 91 08 33 33 34 33 A9 4A 36 33 F0 16
    python -m meterwire listen tcp://192.0.2.7:5001

It reads and listens; it never writes into a meter.
"""

import argparse
import asyncio
import select
import sys
import time

from .buffer import FrameBuffer
from .decode import explain, mask, value_words, words
from .dlt645_2007 import REGISTERS, STATUS_3, TOTAL, WILDCARD, decode
from .engine import Engine
from .errors import WireError
from .jobs import LIVE_READ, Find, LineSpec, Read, ReadDone, Timing
from .recharge import KeyRing
from .transport import open_link
from .values import is_digits


def main(argv=None):
    """Run the tool; the exit status is 0 if the meter answered, the frame was one, and so on."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except WireError as error:
        print(error.words, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m meterwire", description="Read meters, explain frames, listen to a line."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    read = commands.add_parser("read", help="read data identifiers of one meter")
    _line_options(read)
    read.add_argument("address", type=_address, help="12 digits")
    read.add_argument(
        "item", nargs="*", type=_item, help="8 hex digits; default: energy and status"
    )
    read.set_defaults(run=_read)

    find = commands.add_parser("find", help="ask the only meter on a line for its address")
    _line_options(find)
    find.set_defaults(run=_find)

    show = commands.add_parser("decode", help="explain frames given as hex")
    show.add_argument("hex", nargs="+")
    show.set_defaults(run=_decode)

    listen = commands.add_parser("listen", help="show what passes on a line")
    listen.add_argument("endpoint")
    listen.add_argument("--seconds", type=float, help="stop after this time")
    listen.set_defaults(run=lambda options: asyncio.run(_listen(options)))
    return parser


def _line_options(parser):
    parser.add_argument(
        "endpoint", help="tcp://HOST:PORT or serial:///DEVICE?baudrate=2400&parity=E"
    )
    parser.add_argument("--timeout", type=float, default=1.5, help="seconds for the first byte")
    parser.add_argument("--frames", action="store_true", help="show the frames too")


def _address(text):
    if text.upper() != WILDCARD and not is_digits(text):
        raise argparse.ArgumentTypeError("an address is 12 digits")
    return text.upper()


def _item(text):
    try:
        value = int(text, 16) if len(text) == 8 else -1
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError("a data identifier is 8 hex digits, as in 00010000")
    return value


def _read(options):
    items = tuple(options.item) or (TOTAL, STATUS_3)
    event = _run(options, Read("read", "line", options.address, items, LIVE_READ))
    for di, value in event.values.items():
        register = REGISTERS.get(di)
        print(f"{di:08X} {register.name if register else '?'}: {value_words(di, value)}")
    return 0


def _find(options):
    print(_run(options, Find("find", "line")).values["address"])
    return 0


def _run(options, job):
    """The ``ReadDone`` of one job."""
    spec = LineSpec("line", options.endpoint, Timing(first_byte=options.timeout))
    events = []
    with Engine(KeyRing()) as engine:
        engine.configure([spec])
        engine.submit([job])
        while not events:
            select.select([engine.wake_fd], [], [])
            events = engine.drain()
    if options.frames:
        for exchange in events[0].exchanges:
            print(f"> {exchange.tx_masked}\n< {exchange.rx_masked or '(silence)'}")
    if not isinstance(events[0], ReadDone):
        raise WireError(events[0].words)
    return events[0]


def _decode(options):
    try:
        data = bytes.fromhex("".join(options.hex))
    except ValueError:
        raise WireError("that is not hexadecimal") from None
    print("\n".join(explain(data)))
    buffer = FrameBuffer()
    return 0 if buffer.feed(data) or buffer.flush() else 1


async def _listen(options):
    gone = asyncio.get_running_loop().create_future()
    buffer = FrameBuffer()

    def heard(data):
        dropped = buffer.noise
        for raw in buffer.feed(data):
            frame = decode(raw)
            print(
                f"{time.strftime('%H:%M:%S')} {frame.address} {words(frame)}\n  {mask(raw)}",
                flush=True,
            )
        if buffer.noise > dropped:
            print(f"  {buffer.noise - dropped} bytes that are no frame", flush=True)

    def lost(reason):
        if not gone.done():
            gone.set_result(reason)

    link = await open_link(options.endpoint, heard, lost, 3.0)
    try:
        await asyncio.wait({gone}, timeout=options.seconds)
    finally:
        link.abort()
    if gone.done():
        raise WireError(gone.result())
    return 0


if __name__ == "__main__":
    sys.exit(main())
