"""Reassembly: any split, glue and garble, against the rule stated once more in the simplest way."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from meterwire import cjt188, dlt645_2007, gdw3761
from meterwire.buffer import MAX_FRAME, FrameBuffer

digits = st.text("0123456789", min_size=12, max_size=12)
byte = st.integers(0, 255)
FRAMES = {
    dlt645_2007: st.builds(dlt645_2007.Frame, digits, byte, st.binary(max_size=255)),
    cjt188: st.builds(
        cjt188.Frame, digits.map(lambda text: text + "99"), byte, st.binary(max_size=255), byte
    ),
    gdw3761: st.builds(
        gdw3761.Frame,
        digits.map(lambda text: text[:8]),
        byte,
        byte,
        byte,
        st.binary(min_size=2, max_size=2),
        st.binary(max_size=300),
        st.binary(min_size=2, max_size=2),
        byte,
    ),
}
CODECS = pytest.mark.parametrize("codec", FRAMES, ids=lambda codec: codec.__name__[10:])
# 68 and 16 and short lengths are what can confuse the search, so they come often.
noise = st.lists(st.one_of(st.sampled_from([0x68, 0x16, 0xFE, 0x00, 0x04]), byte), max_size=60).map(
    bytes
)


def end_645(stream, at):
    if at + 9 < len(stream) and stream[at + 7] == 0x68:
        return at + 12 + stream[at + 9], at
    return None, None


def end_188(stream, at):
    return (at + 13 + stream[at + 10], at) if at + 10 < len(stream) else (None, None)


def end_376(stream, at):
    head = stream[at : at + 6]
    if len(head) == 6 and head[5] == 0x68 and head[1:3] == head[3:5] and head[1] % 4 == 2:
        size = int.from_bytes(head[1:3], "little") // 4
        if 12 <= size <= 2048:
            return at + 8 + size, at + 6
    return None, None


ENDS = {dlt645_2007: end_645, cjt188: end_188, gdw3761: end_376}


def reference(codec, stream):
    """Find 68, see where the frame would end, check 16 and CS, else one byte on: on the whole
    stream."""
    found, at = [], 0
    while at < len(stream):
        if stream[at] == 0x68:
            end, summed = ENDS[codec](stream, at)
            whole = end and end <= len(stream) and stream[end - 1] == 0x16
            if whole and sum(stream[summed : end - 2]) % 256 == stream[end - 2]:
                found.append(stream[at:end])
                at = end
                continue
        at += 1
    return found


def pieces(stream, cuts):
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


@CODECS
@settings(max_examples=400)
@given(st.data(), st.lists(st.integers(0, 4000)))
def test_any_split_gives_what_the_whole_gives(codec, data, cuts):
    parts = data.draw(st.lists(st.one_of(noise, FRAMES[codec].map(codec.encode)), max_size=6))
    stream = b"".join(parts)
    buffer = codec.Buffer()
    found = []
    for piece in pieces(stream, cuts):
        found += buffer.feed(piece)
        assert len(buffer) < buffer.max_frame
    found += buffer.flush()
    assert found == reference(codec, stream)
    assert len(buffer) == 0
    # Every byte is part of a frame, of a preamble, or noise.
    assert buffer.noise + sum(map(len, found)) <= len(stream)
    assert buffer.noise >= len(stream) - sum(map(len, found)) - stream.count(0xFE)


@CODECS
@given(st.data(), st.integers(0, 4))
def test_round_trip(codec, data, preamble):
    frame = data.draw(FRAMES[codec])
    (raw,) = codec.Buffer().feed(codec.encode(frame, preamble))
    assert codec.parse(raw) == codec.decode(raw) == frame


@given(st.integers(0, 4))
@example(0)
def test_a_frame_full_of_marks(preamble):
    frame = dlt645_2007.Frame("161668686816", 0x16, b"\x35\xe3" * 120)
    (raw,) = FrameBuffer().feed(dlt645_2007.encode(frame, preamble))
    assert dlt645_2007.parse(raw) == frame


@CODECS
@given(st.data(), st.binary(max_size=40).map(lambda dirt: dirt.replace(b"\x68", b"\x69")))
def test_noise_around_a_frame_costs_nothing(codec, data, dirt):
    frame = data.draw(FRAMES[codec])
    buffer = codec.Buffer()
    assert [codec.decode(raw) for raw in buffer.feed(dirt + codec.encode(frame) + dirt)] == [frame]


@pytest.mark.parametrize(
    "codec, false_start",
    [
        (dlt645_2007, "68000000000000 68 00 FF"),
        (cjt188, "6810"),
        (gdw3761, "68 0220 0220 68"),
    ],
)
def test_a_frame_hidden_behind_a_false_start_is_found_at_silence(codec, false_start):
    frame = {
        dlt645_2007: dlt645_2007.read_request("202611000001", 0x00010000, 0),
        # Its vendor code stands where the false start has its length.
        cjt188: cjt188.read_request("FF202611000001", 0x901F, preamble=0),
        gdw3761: gdw3761.encode(gdw3761.Frame("02001234", 0xC9, 2, 0x71, gdw3761.F1)),
    }[codec]
    buffer = codec.Buffer()
    dirt = bytes.fromhex(false_start)
    assert buffer.feed(dirt + frame) == []
    assert buffer.flush() == [frame]
    assert buffer.noise == len(dirt)


def test_noise_is_counted_without_the_preamble():
    buffer = FrameBuffer()
    frame = dlt645_2007.encode(dlt645_2007.Frame("202611000001", 0x13))
    buffer.feed(b"\xfe\xfe\x00" + frame + b"\x01\x02")
    assert buffer.noise == 3


@CODECS
def test_memory_stays_bounded_under_an_endless_false_start(codec):
    for dirt in (b"\x68" * 500, bytes.fromhex("6802200220") * 100):
        buffer = codec.Buffer()
        for _ in range(300):
            buffer.feed(dirt)
            assert len(buffer) < buffer.max_frame
        assert buffer.noise + len(buffer) == 300 * len(dirt)


def test_the_longest_frame():
    assert FrameBuffer.max_frame == MAX_FRAME
    for codec, longest in (
        (dlt645_2007, dlt645_2007.Frame("202611000001", 0x91, bytes(255))),
        (cjt188, cjt188.Frame("20261100000100", 0x81, bytes(255))),
        (gdw3761, gdw3761.Frame("02001234", 0xC9, 16, 0, gdw3761.F1, bytes(2048 - 12))),
    ):
        raw = codec.encode(longest, 0)
        assert len(raw) == codec.Buffer.max_frame
        assert codec.Buffer().feed(raw) == [raw]


@CODECS
def test_clear_forgets_a_half_frame(codec):
    whole = {
        dlt645_2007: dlt645_2007.read_address_request(0),
        cjt188: cjt188.read_address_request(preamble=0),
        gdw3761: gdw3761.encode(gdw3761.Frame("02001234", 0xC9, 2, 0x71, gdw3761.F1)),
    }[codec]
    buffer = codec.Buffer()
    buffer.feed(whole[:6])
    buffer.clear()
    assert buffer.feed(whole[6:]) == []
    buffer.flush()
    assert buffer.feed(whole) == [whole]
