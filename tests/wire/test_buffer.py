"""Reassembly: any split, glue and garble, against the rule stated once more in the simplest way."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st
from meterwire import dlt645_2007 as dlt
from meterwire.buffer import MAX_FRAME, FrameBuffer

frames = st.builds(
    dlt.Frame,
    st.text("0123456789", min_size=12, max_size=12),
    st.integers(0, 255),
    st.binary(max_size=255),
)
# 68 and 16 and short lengths are what can confuse the search, so they come often.
noise = st.lists(
    st.one_of(st.sampled_from([0x68, 0x16, 0xFE, 0x00, 0x04]), st.integers(0, 255)), max_size=60
).map(bytes)


def reference(stream):
    """Find 68, check [i+7], take L, check 16 and CS, else one byte on: on the whole stream."""
    found, at = [], 0
    while at < len(stream):
        if stream[at] == 0x68 and at + 9 < len(stream) and stream[at + 7] == 0x68:
            end = at + 12 + stream[at + 9]
            fits = end <= len(stream) and stream[end - 1] == 0x16
            if fits and sum(stream[at : end - 2]) % 256 == stream[end - 2]:
                found.append(stream[at:end])
                at = end
                continue
        at += 1
    return found


def pieces(stream, cuts):
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


@given(
    st.lists(st.one_of(noise, frames.map(dlt.encode)), max_size=6), st.lists(st.integers(0, 4000))
)
def test_any_split_gives_what_the_whole_gives(parts, cuts):
    stream = b"".join(parts)
    buffer = FrameBuffer()
    found = []
    for piece in pieces(stream, cuts):
        found += buffer.feed(piece)
        assert len(buffer) < MAX_FRAME
    found += buffer.flush()
    assert found == reference(stream)
    assert len(buffer) == 0


@given(frames, st.integers(0, 4))
@example(dlt.Frame("161668686816", 0x16, b"\x35\xe3" * 120), 0)
def test_round_trip(frame, preamble):
    (raw,) = FrameBuffer().feed(dlt.encode(frame, preamble))
    assert dlt.parse(raw) == frame


@given(frames, st.binary(max_size=40).map(lambda data: data.replace(b"\x68", b"\x69")))
def test_noise_around_a_frame_costs_nothing(frame, dirt):
    buffer = FrameBuffer()
    assert [dlt.decode(raw) for raw in buffer.feed(dirt + dlt.encode(frame) + dirt)] == [frame]


def test_a_frame_hidden_behind_a_false_start_is_found_at_silence():
    frame = dlt.encode(dlt.Frame("202611000001", 0x91, b"\x00\x00\x01\x00"), 0)
    buffer = FrameBuffer()
    false_start = bytes.fromhex("68000000000000 68 00 FF")
    assert buffer.feed(false_start + frame) == []
    assert buffer.flush() == [frame]
    assert buffer.noise == len(false_start)


def test_noise_is_counted_without_the_preamble():
    buffer = FrameBuffer()
    buffer.feed(b"\xfe\xfe\x00" + dlt.encode(dlt.Frame("202611000001", 0x13)) + b"\x01\x02")
    assert buffer.noise == 3


def test_memory_stays_bounded_under_an_endless_false_start():
    buffer = FrameBuffer()
    for _ in range(2000):
        buffer.feed(b"\x68" * 500)
        assert len(buffer) < MAX_FRAME


def test_clear_forgets_a_half_frame():
    whole = dlt.encode(dlt.Frame("202611000001", 0x13), 0)
    buffer = FrameBuffer()
    buffer.feed(whole[:6])
    buffer.clear()
    assert buffer.feed(whole[6:]) == []
