"""What holds for every message of every protocol, and for bytes that are no message at all."""

import contextlib
import itertools
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterwire import cjt188, dlt645_1997, dlt645_2007, gdw3761, water188
from meterwire.decode import explain, fields, mask, words
from meterwire.errors import WireError
from meterwire.values import bcd_to_int, moment_to_wire, wire_to_moment

CODECS = (dlt645_2007, dlt645_1997, cjt188, gdw3761)
EVERY = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__[10:])


def digits(size):
    return st.text("0123456789", min_size=size, max_size=size)


byte = st.integers(0, 255)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda when: when.replace(microsecond=0)
)
addresses = digits(12).filter(lambda text: text != "9" * 12)
orders = st.sampled_from([cjt188.HIGH_FIRST, cjt188.LOW_FIRST])


# --- every builder: what it makes is one frame that says what was asked for -----------------------


def one(codec, made):
    """The one frame in ``made``, whose first ``68`` follows the preamble."""
    buffer = codec.Buffer()
    (raw,) = buffer.feed(made)
    assert (len(buffer), buffer.noise) == (0, 0)
    frame = codec.parse(raw)
    assert codec.encode(frame, len(made) - len(raw)) == made
    assert words(frame) and "senseless" not in words(frame)
    return frame, fields(frame)


@given(addresses, st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(1, 99), moments)
def test_2007_read(address, di, preamble, count, since):
    frame, found = one(dlt645_2007, dlt645_2007.read_request(address, di, preamble))
    assert (frame.address, frame.control, frame.di, len(frame.data)) == (address, 0x11, di, 4)
    assert found["di"] == f"{di:08X}"
    frame, _ = one(dlt645_2007, dlt645_2007.read_request(address, di, preamble, count, since))
    assert (frame.di, bcd_to_int(frame.data[4:5])) == (di, count)
    assert wire_to_moment(frame.data[5:], "mmhhDDMMYY") == since.replace(second=0)
    frame, found = one(dlt645_2007, dlt645_2007.read_next_request(address, di, count))
    assert (frame.control, frame.di, found["seq"]) == (0x12, di, count)


@given(addresses, st.integers(0, 2**32 - 1), st.binary(max_size=200), byte, digits(6), digits(8))
def test_2007_write(address, di, value, level, password, operator):
    made = dlt645_2007.write_request(address, di, value, level, password, operator)
    frame, found = one(dlt645_2007, made)
    assert (frame.address, frame.control, frame.di) == (address, 0x14, di)
    assert (found["pa"], found["password"]) == (f"{level:02X}", password)
    assert (found["operator"], found["payload"]) == (operator, value.hex().upper())
    assert hidden_in(made, 10 + 5, 3)


@given(addresses, byte, moments, st.sampled_from([2, 3, 4]), digits(6), digits(8), byte)
def test_2007_relay(address, code, expires, level, password, operator, n2):
    made = dlt645_2007.relay_request(address, code, expires, level, password, operator, n2)
    frame, found = one(dlt645_2007, made)
    assert (frame.address, frame.control, len(frame.data)) == (address, 0x1C, 16)
    assert (found["N1"], found["N2"]) == (f"{code:02X}", f"{n2:02X}")
    assert (found["password"], found["operator"]) == (password, operator)
    assert found["expiry_yymmddhhmmss"] == expires.strftime("%y%m%d%H%M%S")
    assert hidden_in(made, 10 + 1, 3)


@given(moments, addresses)
def test_2007_broadcasts(when, new):
    _, found = one(dlt645_2007, dlt645_2007.broadcast_time_request(when))
    assert found["time_yymmddhhmmss"] == when.strftime("%y%m%d%H%M%S")
    _, found = one(dlt645_2007, dlt645_2007.write_address_request(new))
    assert found["reported_address"] == new
    one(dlt645_2007, dlt645_2007.read_address_request())


@given(addresses, st.integers(0, 0xFFFF), st.binary(max_size=60), byte, digits(6), moments)
def test_1997(address, di, value, level, password, when):
    frame, found = one(dlt645_1997, dlt645_1997.read_request(address, di))
    assert (frame.address, frame.control, found["di"]) == (address, 0x01, f"{di:04X}")
    frame, _ = one(dlt645_1997, dlt645_1997.read_next_request(address, di))
    assert (frame.control, frame.di) == (0x02, di)
    made = dlt645_1997.write_request(address, di, value, level, password)
    frame, found = one(dlt645_1997, made)
    assert (frame.control, frame.di, found["pa"]) == (0x04, di, f"{level:02X}")
    assert (found["password"], found["payload"]) == (password, value.hex().upper())
    assert hidden_in(made, 10 + 3, 3)
    _, found = one(dlt645_1997, dlt645_1997.broadcast_time_request(when))
    assert found["time_yymmddhhmmss"] == when.strftime("%y%m%d%H%M%S")
    _, found = one(dlt645_1997, dlt645_1997.write_address_request(address))
    assert found["reported_address"] == address
    one(dlt645_1997, dlt645_1997.read_address_request())


@given(digits(14), st.sampled_from([0x901F, 0x8105, 0x810A, 0x8106, 0xD120]), byte, byte, orders)
def test_188_read(address, di, ser, meter_type, order):
    frame, found = one(cjt188, cjt188.read_request(address, di, ser, meter_type, order))
    assert (frame.address, frame.meter_type, frame.di, frame.ser) == (address, meter_type, di, ser)
    assert (found["di"], found["payload"]) == (f"{di:04X}", "")
    one(cjt188, cjt188.read_address_request(ser, meter_type, order))


@given(digits(14), st.binary(min_size=1, max_size=40), byte, byte, orders)
def test_188_write(address, payload, ser, meter_type, order):
    for di in (cjt188.SET_PURCHASE, cjt188.VALVE, cjt188.SET_KEY, cjt188.SET_SYNC, 0xA0EC):
        made = cjt188.write_request(address, di, ser, payload, meter_type, order)
        frame, _ = one(cjt188, made)
        assert (frame.di, frame.ser, frame.payload) == (di, ser, payload)
        assert frame.meter_type == meter_type
        secret = di == cjt188.SET_KEY or di == cjt188.SET_PURCHASE and len(payload) > 5
        if secret and len(payload) > 1:
            assert hidden_in(made, 11 + 4, len(payload) - 1)
        else:
            assert mask(made) == made.hex(" ").upper()


@given(
    digits(4),
    st.integers(0, 0xFFFF),
    byte,
    addresses,
    st.sampled_from([300, 600, 1200, 2400, 4800, 7200, 9600, 19200]),
    st.sampled_from("NEO"),
    st.integers(0, 15),
    st.one_of(st.none(), moments),
)
def test_376_forward(region, number, port, address, baud, parity, seq, when):
    terminal = f"{region}{number:04X}"
    inner = dlt645_2007.read_request(address, dlt645_2007.TOTAL)
    made = gdw3761.forward_request(
        terminal, port, inner, baud=baud, parity=parity, seq=seq, when=when
    )
    frame, found = one(gdw3761, made)
    assert (frame.terminal, frame.seq & 0x0F) == (terminal, seq)
    assert (found["region"], found["terminal"]) == (region, number)
    assert found["inner"]["address"] == address
    reply = frame._replace(control=0xA8, data=frame.data[:1] + frame.data[4 : 6 + len(inner)])
    assert gdw3761.forwarded(reply) == (port, inner)
    frame, _ = one(gdw3761, gdw3761.confirm(reply))
    assert (frame.terminal, frame.seq, frame.afn) == (terminal, 0x60 | seq, 0)


def hidden_in(made, start, size):
    """Whether ``mask`` hides these bytes of the frame, and its checksum."""
    at = made.index(0x68) + start
    shown = mask(made).split()
    hidden = [index for index, text in enumerate(shown) if text == "**"]
    return set(range(at, at + size)) | {len(made) - 2} <= set(hidden)


@given(moments, st.permutations(["ss", "mm", "hh", "WW", "DD", "MM", "YY", "CC"]))
def test_moments_in_any_layout(when, parts):
    layout = "".join(parts)
    assert wire_to_moment(moment_to_wire(when, layout), layout) == when


# --- any bytes at all ---------------------------------------------------------------------------

junk = st.lists(
    st.one_of(st.sampled_from([0x68, 0x16, 0xFE, 0x00, 0x01, 0x02, 0x10, 0xA0, 0x91]), byte),
    max_size=120,
).map(bytes)


@st.composite
def near_frames(draw):
    """Frames of any protocol, whole, or with a few bytes changed or missing."""
    codec = draw(st.sampled_from(CODECS))
    data = draw(st.binary(max_size=60))
    control = draw(byte)
    if codec is gdw3761:
        afn = draw(st.sampled_from([0, 2, 16, 10]))
        dt = draw(st.sampled_from([b"\x01\0", b"\x02\0", b"\x04\0", b"\0\0"]))
        frame = codec.Frame("02001234", control, afn, draw(byte), dt, data)
    elif codec is cjt188:
        head = draw(st.sampled_from([b"\x90\x1f", b"\x1f\x90", b"\xa0\x13", b"\xa0\x14", b""]))
        frame = codec.Frame("1" * 14, control, head + data, draw(byte))
    else:
        frame = codec.Frame("1" * 12, control, data)
    raw = bytearray(codec.encode(frame, draw(st.integers(0, 2))))
    for _ in range(draw(st.integers(0, 2))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(byte)
    return bytes(raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw)


streams = st.lists(st.one_of(junk, near_frames()), max_size=4).map(b"".join)


@EVERY
@settings(max_examples=300)
@given(st.data(), streams)
def test_any_stream_in_any_split(codec, data, stream):
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    edges = sorted({0, len(stream), *cuts})
    whole, split = codec.Buffer(), codec.Buffer()
    at_once = whole.feed(stream)
    in_pieces = []
    for start, end in itertools.pairwise(edges):
        in_pieces += split.feed(stream[start:end])
        assert len(split) < split.max_frame
    assert in_pieces == at_once
    assert (len(split), split.noise) == (len(whole), whole.noise)
    at_once += whole.flush()
    assert len(whole) == 0
    for raw in at_once:
        look_at(codec, codec.parse(raw))


@settings(max_examples=400)
@given(streams)
def test_any_bytes_can_be_explained_and_masked(stream):
    assert len(mask(stream).split()) == len(stream)
    shown = mask(stream).split()
    assert all(text in ("**", f"{value:02X}") for text, value in zip(shown, stream, strict=True))
    for line in explain(stream):
        assert line and "\n" not in line


@EVERY
@settings(max_examples=300)
@given(st.one_of(junk, near_frames()))
def test_parse_takes_a_frame_or_says_what_is_wrong(codec, raw):
    try:
        frame = codec.parse(raw)
    except WireError as error:
        assert error.words
    else:
        assert codec.encode(frame, 0) == raw


def look_at(codec, frame):
    """Everything that can be asked about a frame: an answer, or a typed error."""
    assert words(frame)
    calls = [lambda: fields(frame)]
    if codec is gdw3761:
        calls += [lambda: gdw3761.forwarded(frame), lambda: gdw3761.confirm(frame)]
    else:
        function = frame.function
        di = frame.di or 0
        calls += [
            lambda: codec.payload_of(frame, frame.address, di),
            lambda: codec.check_ack(frame, frame.address, function),
            lambda: codec.refusal(frame),
            lambda: codec.address_of(frame),
        ]
    if codec is cjt188:
        calls += [
            lambda: cjt188.serial_remark(0, frame),
            lambda: water188.metering(frame.payload),
            lambda: water188.purchase(frame.payload),
            lambda: water188.prices(frame.payload),
        ]
    if codec in (dlt645_2007, dlt645_1997):
        calls += [lambda: codec.parse_reply(frame, frame.address, di)]
    for call in calls:
        with contextlib.suppress(WireError):
            call()


@pytest.mark.parametrize("codec", [dlt645_2007, dlt645_1997], ids=["2007", "1997"])
@settings(max_examples=300)
@given(st.data(), st.binary(max_size=40))
def test_any_content_of_any_register(codec, data, payload):
    di = data.draw(st.sampled_from(sorted(codec.REGISTERS)))
    size = codec.REGISTERS[di].size
    if size is not None and data.draw(st.booleans()):
        payload = (payload + bytes(size))[:size]
    with contextlib.suppress(WireError):
        codec.read_value(di, payload)
