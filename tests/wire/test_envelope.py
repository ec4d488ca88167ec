"""What boxes want around a frame; and that replies of another port are not taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterwire import dlt645_2007 as dlt
from meterwire import gdw3761
from meterwire.envelope import Gdw3761, Prefix, parse_envelope
from meterwire.errors import BadJob, ValueFault

ADDRESS = "202611000001"
REQUEST = dlt.read_request(ADDRESS, dlt.TOTAL)
REPLY = dlt.encode(dlt.Frame(ADDRESS, 0x91, bytes.fromhex("0000010076170300")))
TERMINAL = "02001234"


def test_a_selector_stands_before_each_frame():
    envelope = parse_envelope("hex:A5{port:02X}", 12)
    assert envelope.wrap(REQUEST) == b"\xa5\x0c" + REQUEST
    assert parse_envelope("hex:0{port}", 3).wrap(b"") == b"\x03"
    assert parse_envelope("hex:AABB", 3).wrap(b"") == b"\xaa\xbb"


def test_the_same_arguments_give_the_same_envelope():
    assert parse_envelope("hex:A5{port:02X}", 1) is parse_envelope("hex:A5{port:02X}", 1)
    assert parse_envelope("") is None


@pytest.mark.parametrize("prefix", [b"\xa5\x03", b""])
def test_the_selector_is_dropped_where_the_reply_begins(prefix):
    reader = Prefix(b"\xa5\x03").reader()
    inside = REPLY[:14] + b"\xa5\x03" + REPLY[14:]  # in a frame it is data
    heard = b"".join(reader.feed(bytes([byte])) for byte in prefix + inside)
    assert heard == inside


@given(st.binary(max_size=6), st.binary(max_size=30), st.integers(1, 7))
def test_no_byte_of_a_reply_is_lost(prefix, reply, size):
    reader = Prefix(prefix).reader()
    data = prefix + reply
    heard = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert heard == reply or (not reply and not heard)


@pytest.mark.parametrize(
    "text",
    ["A5", "hex:", "hex:A", "hex:XY", "hex:{port", "hex:{terminal}", "hex:{port.x}", "tcp:A5",
     "hex:{port:zz}"],
)  # fmt: skip
def test_a_text_that_is_no_envelope(text):
    with pytest.raises(BadJob, match="is no"):
        parse_envelope(text, 1)


def test_forwarding_by_a_concentrator():
    envelope = parse_envelope(f"gdw3761:{TERMINAL}", 31, 2400, "E")
    (raw,) = gdw3761.Buffer().feed(envelope.wrap(REQUEST))
    frame = gdw3761.decode(raw)
    assert (frame.terminal, frame.afn, frame.item) == (TERMINAL, gdw3761.FORWARD, 1)
    port, start, end = gdw3761.forward_span(frame)
    assert (port, frame.data[start:end]) == (31, REQUEST)
    following = gdw3761.decode(gdw3761.Buffer().feed(envelope.wrap(REQUEST))[0])
    assert following.seq != frame.seq


def forwarded(port=31, terminal=TERMINAL, inner=REPLY):
    data = bytes([port]) + len(inner).to_bytes(2, "little") + inner
    return gdw3761.encode(
        gdw3761.Frame(terminal, 0x88, gdw3761.FORWARD, 0x60, gdw3761.F1, data, msa=2)
    )


def test_a_forwarded_reply_in_any_pieces():
    reader = Gdw3761(TERMINAL, 31).reader()
    heard = b"".join(reader.feed(bytes([byte])) for byte in forwarded())
    assert heard == REPLY


def test_what_is_not_of_this_port_is_not_heard():
    reader = Gdw3761(TERMINAL, 31).reader()
    heartbeat = gdw3761.encode(gdw3761.Frame(TERMINAL, 0xC9, gdw3761.LINK, 0x71, gdw3761.F3))
    denial = gdw3761.encode(gdw3761.Frame(TERMINAL, 0x88, gdw3761.CONFIRM, 0x60, gdw3761.F2))
    others = [forwarded(port=1), forwarded(terminal="02001235"), forwarded(inner=b""), heartbeat]
    assert b"".join(map(reader.feed, [*others, denial, b"noise"])) == b""
    assert reader.feed(forwarded()) == REPLY


@pytest.mark.parametrize("arguments", [("1", 1), (TERMINAL, 999), (TERMINAL, 1, 2401)])
def test_a_port_that_cannot_be(arguments):
    with pytest.raises(ValueFault):
        Gdw3761(*arguments)
