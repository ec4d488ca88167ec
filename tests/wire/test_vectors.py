"""Frames of other people: every frame of the collection, of every protocol, the faulty included."""

import json
import pathlib
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from meterwire import cjt188, dlt645_1997, dlt645_2007, gdw3761
from meterwire.decode import explain, fields, mask, words
from meterwire.errors import FrameError

CODECS = {
    "DL/T645-2007": dlt645_2007,
    "DL/T645-1997": dlt645_1997,
    "CJ/T188": cjt188,
    "Q/GDW376.1": gdw3761,
}
VECTORS = json.loads(
    (pathlib.Path(__file__).parent / "vectors" / "wire.json").read_text(encoding="utf-8"),
    parse_float=Decimal,
)
GOOD = [vector for vector in VECTORS if not vector["kind"].startswith("negative")]
BAD = [vector for vector in VECTORS if vector["kind"].startswith("negative")]
BAD_CHECKSUM = [vector for vector in BAD if not vector["checksum_ok"]]
# Words about a frame, not fields of it.
REMARKS = {"meaning", "note", "preamble_fe", "data_plain", "transport_prefix_hex"}


def name(vector):
    return f"{vector['protocol']}-{vector['kind']}-{vector['hex'][-12:]}"


def raw_of(vector):
    return bytes.fromhex(vector["hex"]).lstrip(b"\xfe")


def codec_of(vector):
    return CODECS[vector["protocol"]]


def test_the_collection_is_whole():
    assert Counter(vector["protocol"] for vector in GOOD) == {
        "DL/T645-2007": 39,
        "DL/T645-1997": 15,
        "CJ/T188": 24,
        "Q/GDW376.1": 4,
    }
    assert Counter(vector["protocol"] for vector in BAD) == {
        "DL/T645-2007": 3,
        "DL/T645-1997": 1,
        "CJ/T188": 3,
    }


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_good_frame_there_and_back(vector):
    data, codec = bytes.fromhex(vector["hex"]), codec_of(vector)
    buffer = codec.Buffer()
    (raw,) = buffer.feed(data)
    assert (len(buffer), buffer.noise) == (0, 0)
    frame = codec.parse(raw)
    assert frame == codec.decode(raw)
    assert codec.encode(frame, preamble=vector["decoded"]["preamble_fe"]) == data
    if "data_plain" in vector["decoded"]:
        assert frame.data.hex().upper() == vector["decoded"]["data_plain"]


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_good_frame_field_by_field(vector):
    compare(fields(codec_of(vector).parse(raw_of(vector))), vector["decoded"])


def compare(found, decoded):
    """Every field that the collection states, as the collection writes it."""
    wanted = {key: value for key, value in decoded.items() if key not in REMARKS}
    if decoded.get("function") == "broadcast-time":
        wanted.pop("value")  # the same moment once more, as ISO text
    if "inner" in wanted:
        compare(found["inner"], wanted.pop("inner"))
    if "value" in wanted:
        compare_value(found["value"], wanted.pop("value"))
    assert {key: found.get(key) for key in wanted} == wanted


def compare_value(found, value):
    if isinstance(value, list):  # of a block, without the spare registers behind it
        assert list(found[: len(value)]) == value
        assert not any(found[len(value) :])
    elif isinstance(found, date):
        assert found.isoformat() == value
    elif isinstance(value, str):
        assert f"{found:04X}" == value
    else:
        assert found == value


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_good_frame_in_words(vector):
    frame = codec_of(vector).parse(raw_of(vector))
    assert "senseless" not in words(frame)
    assert explain(bytes.fromhex(vector["hex"])) == [f"{frame.address} {words(frame)}"]


def passwords_of_others():
    for vector in GOOD:
        for decoded in (vector["decoded"], vector["decoded"].get("inner", {})):
            if decoded.get("password", "000000") != "000000":
                yield pytest.param(vector, decoded["password"], id=name(vector))


@pytest.mark.parametrize("vector, password", list(passwords_of_others()))
def test_passwords_of_others_are_masked(vector, password):
    wire = bytes.fromhex(password)[::-1]
    shown = bytes((byte + 0x33) & 0xFF for byte in wire).hex(" ").upper()
    assert shown in bytes.fromhex(vector["hex"]).hex(" ").upper()
    assert shown not in mask(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", BAD_CHECKSUM, ids=name)
def test_wrong_checksum_is_no_frame(vector):
    data, codec = bytes.fromhex(vector["hex"]), codec_of(vector)
    buffer = codec.Buffer()
    assert buffer.feed(data) + buffer.flush() == []
    assert buffer.noise == len(raw_of(vector))
    decoded = vector["decoded"]
    with pytest.raises(
        FrameError, match=f"{decoded['cs_on_wire']}, should be {decoded['cs_expected']}"
    ):
        codec.parse(raw_of(vector))


@pytest.mark.parametrize("vector", BAD_CHECKSUM, ids=name)
def test_with_the_right_checksum_the_same_frame_is_one(vector):
    raw = bytearray(raw_of(vector))
    raw[-2] = int(vector["decoded"]["cs_expected"], 16)
    frame = codec_of(vector).parse(bytes(raw))
    assert "senseless" not in words(frame)


@pytest.mark.parametrize("vector", [v for v in BAD if v["checksum_ok"]], ids=name)
def test_missing_offset_is_found_in_the_content(vector):
    frame = dlt645_2007.parse(raw_of(vector))
    with pytest.raises(FrameError, match="baud rate"):
        fields(frame)
    assert "senseless" in words(frame)


@pytest.mark.parametrize("vector", GOOD, ids=name)
@pytest.mark.parametrize("at", [0, 7, -1, -2])
def test_one_changed_byte_is_never_the_same_frame(vector, at):
    data = bytearray(raw_of(vector))
    data[at] ^= 0x01
    buffer = codec_of(vector).Buffer()
    assert bytes(data) not in buffer.feed(data) + buffer.flush()


@pytest.mark.parametrize("protocol", CODECS)
@pytest.mark.parametrize("noise", [b"", b"\x00\xaa\x16", b"\x00\x68\x16"], ids=bytes.hex)
def test_all_frames_in_one_stream(protocol, noise):
    """Glued, with noise between them, byte by byte."""
    raws = [raw_of(vector) for vector in GOOD if vector["protocol"] == protocol]
    stream = noise.join(raws)
    buffer = CODECS[protocol].Buffer()
    frames = [raw for byte in stream for raw in buffer.feed(bytes([byte]))]
    # A 68 of noise is a start like any other in CJ/T 188: what it hides comes out at silence.
    assert frames + buffer.flush() == raws


def test_every_protocol_is_told_from_the_others_in_one_stream():
    told = explain(b"\xfe\xfe".join(bytes.fromhex(vector["hex"]) for vector in GOOD))
    assert told == [line for vector in GOOD for line in explain(bytes.fromhex(vector["hex"]))]
    assert len(told) == len(GOOD)


def test_a_prefix_of_the_transport_is_noise():
    (vector,) = [v for v in GOOD if "transport_prefix_hex" in v["decoded"]]
    prefix = bytes.fromhex(vector["decoded"]["transport_prefix_hex"])
    buffer = cjt188.Buffer()
    assert buffer.feed(prefix + bytes.fromhex(vector["hex"])) == [raw_of(vector)]
    assert buffer.noise == len(prefix)
