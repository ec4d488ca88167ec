"""Field tool: ``python -m meterwire read|find|dialects|decode|listen``.

    python -m meterwire read tcp://192.0.2.7:5001 202611000001
    python -m meterwire read --dialect d_single tcp://192.0.2.7:5001 202611000001 balance status
    python -m meterwire read 'serial:///dev/ttyUSB0?baudrate=2400' 202611000001 00010000 04000503
    python -m meterwire read --dialect mine.json tcp://192.0.2.7:5001 33201170000018
    python -m meterwire find --protocol cjt188_2004 serial:///dev/ttyUSB0
    python -m meterwire dialects d_single
    python -m meterwire decode 68 01 00 00 11 26 20 68 91 08 33 33 34 33 A9 4A 36 33 F0 16
    python -m meterwire listen tcp://192.0.2.7:5001

It reads and listens; it never writes into a meter.
"""

import argparse
import asyncio
import json
import re
import select
import sys
import time

from . import cjt188, dlt645_2007
from .decode import explain, mask, value_words, words
from .decode.streams import frames_in
from .dialect import PROTOCOLS, Dialect, shipped
from .engine import Engine
from .envelope import parse_envelope
from .errors import DialectError, WireError
from .jobs import LIVE_READ, Done, Find, LineSpec, Meter, Read, Timing
from .recharge import KeyRing
from .transport import open_link
from .values import is_digits

#: what is not told the tool takes: address digits -> dialect
_USUAL = {12: "b_07", 14: "e_water"}
_WILDCARDS = {"A" * 12, "A" * 14}
#: pieces of one message come closer together than that
_QUIET_SECONDS = 0.2
_MAX_HELD = 4096


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

    read = commands.add_parser("read", help="read registers of one meter")
    _line_options(read)
    read.add_argument("--dialect", metavar="CODE|FILE", help="a shipped one, or a JSON file")
    read.add_argument("address", type=_address, help="12 digits, of CJ/T 188 14")
    read.add_argument(
        "item",
        nargs="*",
        type=_item,
        help="name of a register, or a data identifier in hex; default: what is read routinely",
    )
    read.set_defaults(run=_read)

    find = commands.add_parser("find", help="ask the only meter on a line for its address")
    _line_options(find)
    find.add_argument("--protocol", choices=PROTOCOLS, default="dlt645_2007")
    find.set_defaults(run=_find)

    dialects = commands.add_parser("dialects", help="list the shipped dialects, or show one")
    dialects.add_argument("code", nargs="?")
    dialects.set_defaults(run=_dialects)

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
    parser.add_argument(
        "--envelope", default="", help="around each frame: hex:A5{port:02X} or gdw3761:TERMINAL"
    )
    parser.add_argument("--port", type=int, default=1, help="of the concentrator, for --envelope")


def _address(text):
    if text.upper() not in _WILDCARDS and not any(is_digits(text, size) for size in _USUAL):
        raise argparse.ArgumentTypeError("an address is 12 digits, of CJ/T 188 14")
    return text.upper()


def _item(text):
    if re.fullmatch(r"([0-9A-Fa-f]{4}){1,2}", text) or re.fullmatch(r"[a-z][a-z0-9_]+", text):
        return text
    raise argparse.ArgumentTypeError("a register is a name, or 4 or 8 hex digits, as in 00010000")


# --- meters ---------------------------------------------------------------------------------------


def _read(options):
    source = _source(options.dialect or _USUAL[len(options.address)])
    known = Dialect.from_json(source)
    items = options.item or known.reading_items(live=True)
    # An identifier that the dialect does not name is read as the bytes that come.
    free = {
        f"di_{item.lower()}": {"di": item, "coding": "bytes"}
        for item in items
        if item not in known.registers and re.fullmatch(r"[0-9A-Fa-f]+", item)
    }
    dialect = Dialect.from_json({**source, "registers": {**source["registers"], **free}})
    names = [f"di_{item.lower()}" if f"di_{item.lower()}" in free else item for item in items]
    meter = Meter(options.address, dialect, envelope=_envelope(options))
    values = _run(options, Read("read", "line", meter, tuple(names), LIVE_READ)).values
    for name in names:
        register = dialect.registers[name]
        if name in free:
            print(_identifier_words(dialect, register.di, values[name]))
        else:
            label = f" ({register.label})" if register.label else ""
            print(f"{name}: {_value_words(values[name])} {register.unit}".rstrip() + label)
    return 0


def _source(name):
    if name in shipped():
        return shipped()[name]
    try:
        with open(name, encoding="utf-8") as file:
            source = json.load(file)
    except OSError as error:
        raise DialectError(f"no dialect {name!r} is shipped, and no such file: {error.strerror}")
    except ValueError as error:
        raise DialectError(f"{name} is no JSON: {error}") from None
    Dialect.from_json(source)
    return source


def _value_words(value):
    if value is None:
        return "not available"
    if isinstance(value, tuple):
        return ", ".join(
            " ".join(map(str, one)) if isinstance(one, tuple) else _value_words(one)
            for one in value
        )
    return value.hex(" ").upper() if isinstance(value, bytes) else str(value)


def _identifier_words(dialect, di, payload):
    """What a bare identifier brought, by the table of its protocol where there is one."""
    codec = dialect.codec
    if codec is cjt188:
        return f"{di:04X}: {_value_words(payload)}"
    register = codec.REGISTERS.get(di)
    digits = 8 if codec is dlt645_2007 else 4
    head = f"{di:0{digits}X} {register.name if register else '?'}: "
    value = None if payload is None else codec.read_value(di, payload)
    if codec is dlt645_2007:
        return head + value_words(di, value)
    return f"{head}{_value_words(value)} {register.unit if register else ''}".rstrip()


def _find(options):
    codec = PROTOCOLS[options.protocol]
    print(_run(options, Find("find", "line", codec, _envelope(options))).values["address"])
    return 0


def _envelope(options):
    return parse_envelope(options.envelope, options.port)


def _run(options, job):
    """The ``Done`` of one job."""
    spec = LineSpec("line", options.endpoint, Timing(first_byte=options.timeout))
    events = []
    with Engine(KeyRing.from_env()) as engine:
        engine.configure([spec])
        engine.submit([job])
        while not events:
            select.select([engine.wake_fd], [], [])
            events = engine.drain()
    if options.frames:
        for exchange in events[0].exchanges:
            print(f"> {exchange.tx_masked}\n< {exchange.rx_masked or '(silence)'}")
    if not isinstance(events[0], Done):
        raise WireError(events[0].words)
    return events[0]


def _dialects(options):
    if options.code:
        print(json.dumps(_source(options.code), ensure_ascii=False, indent=2))
        return 0
    for code, source in shipped().items():
        print(f"{code:10} {source['protocol']:12} {source['name']}")
    return 0


# --- frames ---------------------------------------------------------------------------------------


def _decode(options):
    try:
        data = bytes.fromhex("".join(options.hex))
    except ValueError:
        raise WireError("that is not hexadecimal") from None
    print("\n".join(explain(data)))
    return 0 if any(frames_in(data)) else 1


async def _listen(options):
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    held = bytearray()
    timer = None

    def show():
        data = bytes(held)
        held.clear()
        clock = time.strftime("%H:%M:%S")
        at = noise = 0
        for start, end, codec in frames_in(data):
            noise += len(data[at:start].replace(b"\xfe", b""))
            frame = codec.decode(data[start:end])
            print(f"{clock} {frame.address} {words(frame)}\n  {mask(data[start:end])}", flush=True)
            at = end
        noise += len(data[at:].replace(b"\xfe", b""))
        if noise:
            print(f"  {noise} bytes that are no frame", flush=True)

    def heard(data):
        # Shown when the line is quiet: a frame may come in pieces, and inside of another one.
        nonlocal timer
        held.extend(data)
        if timer is not None:
            timer.cancel()
        timer = loop.call_later(_QUIET_SECONDS if len(held) < _MAX_HELD else 0, show)

    def lost(reason):
        if not gone.done():
            gone.set_result(reason)

    link = await open_link(options.endpoint, heard, lost, 3.0, KeyRing.from_env())
    try:
        await asyncio.wait({gone}, timeout=options.seconds)
    finally:
        link.abort()
        show()
    if gone.done():
        raise WireError(gone.result())
    return 0


if __name__ == "__main__":
    sys.exit(main())
