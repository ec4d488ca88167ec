"""Frames of other people: every DL/T 645-2007 frame of the collection, the faulty ones included."""

import json
import pathlib
from decimal import Decimal

import pytest
from meterwire import dlt645_2007 as dlt
from meterwire.buffer import FrameBuffer
from meterwire.decode import fields, mask, words
from meterwire.errors import FrameError

VECTORS = [
    vector
    for vector in json.loads(
        (pathlib.Path(__file__).parent / "vectors" / "wire.json").read_text(encoding="utf-8"),
        parse_float=Decimal,
    )
    if vector["protocol"] == "DL/T645-2007"
]
GOOD = [vector for vector in VECTORS if not vector["kind"].startswith("negative")]
BAD = [vector for vector in VECTORS if vector["kind"].startswith("negative")]
# Words about a frame, not fields of it.
REMARKS = {"meaning", "note", "preamble_fe", "data_plain"}


def name(vector):
    return f"{vector['kind']}-{vector['hex'][-12:]}"


def test_the_collection_is_whole():
    assert (len(GOOD), len(BAD)) == (39, 3)


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_good_frame(vector):
    data = bytes.fromhex(vector["hex"])
    decoded = vector["decoded"]
    buffer = FrameBuffer()
    (raw,) = buffer.feed(data)
    assert (len(buffer), buffer.noise) == (0, 0)
    frame = dlt.parse(raw)
    assert frame.data.hex().upper() == decoded["data_plain"]
    assert dlt.encode(frame, preamble=decoded["preamble_fe"]) == data

    found = fields(frame)
    wanted = {key: value for key, value in decoded.items() if key not in REMARKS}
    if decoded["kind" if "kind" in decoded else "function"] == "broadcast-time":
        wanted.pop("value")  # the same moment once more, as ISO text
    value = wanted.pop("value", None)
    assert {key: found.get(key) for key in wanted} == wanted
    if isinstance(value, Decimal):
        assert found["value"] == value
    elif value is not None:
        assert f"{found['value']:04X}" == value


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_good_frame_in_words(vector):
    frame = dlt.parse(FrameBuffer().feed(bytes.fromhex(vector["hex"]))[0])
    assert "senseless" not in words(frame)
    decoded = vector["decoded"]
    if "password" in decoded and decoded["password"] != "000000":
        wire = bytes.fromhex(decoded["password"])[::-1]
        hidden = bytes((byte + 0x33) & 0xFF for byte in wire).hex(" ").upper()
        assert hidden in bytes.fromhex(vector["hex"]).hex(" ").upper()
        assert hidden not in mask(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", [v for v in BAD if not v["checksum_ok"]], ids=name)
def test_wrong_checksum_is_no_frame(vector):
    data = bytes.fromhex(vector["hex"])
    buffer = FrameBuffer()
    assert buffer.feed(data) + buffer.flush() == []
    assert buffer.noise == len(data)
    with pytest.raises(FrameError, match="checksum"):
        dlt.parse(data)


@pytest.mark.parametrize("vector", [v for v in BAD if v["checksum_ok"]], ids=name)
def test_missing_offset_is_found_in_the_content(vector):
    frame = dlt.parse(bytes.fromhex(vector["hex"]))
    with pytest.raises(FrameError, match="baud rate"):
        fields(frame)
    assert "senseless" in words(frame)


@pytest.mark.parametrize("vector", GOOD, ids=name)
@pytest.mark.parametrize("at", [0, 7, -1, -2])
def test_one_changed_byte_is_never_the_same_frame(vector, at):
    data = bytearray(bytes.fromhex(vector["hex"]).lstrip(b"\xfe"))
    data[at] ^= 0x01
    buffer = FrameBuffer()
    assert bytes(data) not in buffer.feed(data) + buffer.flush()


def test_all_frames_in_one_stream():
    """Glued, with other protocols' frames between them, byte by byte."""
    stream = b"".join(bytes.fromhex(vector["hex"]) + b"\x00\x68\x16" for vector in GOOD)
    buffer = FrameBuffer()
    frames = [raw for byte in stream for raw in buffer.feed(bytes([byte]))]
    assert frames == [bytes.fromhex(vector["hex"]).lstrip(b"\xfe") for vector in GOOD]
