"""Frames in words, and what evidence does not show."""

import contextlib
import doctest
import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_double import ADDRESS, KEYRING, charge, frame_in, status_reply
from meterwire import dlt645_2007 as dlt
from meterwire.decode import explain, fields, mask, words
from meterwire.errors import FrameError
from meterwire.recharge import status_query

KEYS = KEYRING.meter_keys(ADDRESS, 1, "3des")


@pytest.mark.parametrize(
    "module",
    ["values", "buffer", "dlt645_2007", "decode", "recharge.cipher", "recharge.order"],
)
def test_examples_in_the_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"meterwire.{module}"))
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    "data, text",
    [
        ("6829250707212068910833333333A94A36332E16", "reply to read 00000000: 317.76 kWh"),
        (
            "FEFEFEFE68292507072120681104333333334E16",
            "read 00000000 (combined active energy, total)",
        ),
        ("6812907856341268D101358D16", "refusal of read: no such data"),
        ("68611001301215689106363833378333BE16", "reply to read 04000503: 0050, supply off"),
        ("68160051190625689104B3B3B3B3DC16", "reply to read 80808080: nothing"),
        ("68611001301215689C003516", "reply to relay-control: accepted"),
        ("6812005105032668C301345916", "refusal of security-auth: reason 01"),
        (
            "68111111111111681C1033333333333333334D3357744845384B5516",
            "relay-control trip, valid until 180512154124",
        ),
    ],
)
def test_words_of_frames_of_others(data, text):
    assert words(frame_in(bytes.fromhex(data))) == text


def test_words_of_our_own_protocol():
    assert words(frame_in(charge(3)[1])) == "charge, reference 1003, key version 1"
    assert words(frame_in(status_query(ADDRESS, KEYS, bytes(8)))) == "status query, key version 1"
    status = status_reply(
        KEYS, bytes(8), number=2, last_kind="charge", last_amount=10000, balance=-5
    )
    assert words(frame_in(status)) == (
        "status: purchase number 2, epoch 0, last charge 100.00, reference 0, balance -0.05, "
        "bought 0.00, customer 000000000000, supply on"
    )
    executed = bytes.fromhex("FF020107") + b"\x02\0\0\0" + b"\x16\x26\0\0"
    assert (
        words(dlt.Frame(ADDRESS, 0x83, executed))
        == "charge executed, purchase number 2, balance 97.50"
    )
    assert "over the hoarding limit" in words(dlt.Frame(ADDRESS, 0xC3, b"\x40\x00"))


def test_explain_counts_what_is_no_frame():
    assert explain(bytes.fromhex("001234")) == ["3 bytes that are no frame"]
    assert explain(b"\x01" + charge(3)[1]) == [
        f"{ADDRESS} charge, reference 1003, key version 1",
        "1 byte that are no frame",
    ]


@pytest.mark.parametrize(
    "frame",
    [
        dlt.Frame(ADDRESS, dlt.READ),
        dlt.Frame(ADDRESS, dlt.WRITE, bytes(5)),
        dlt.Frame(ADDRESS, dlt.RELAY, bytes(9)),
        dlt.Frame(ADDRESS, dlt.SECURITY, bytes(3)),
        dlt.Frame(ADDRESS, dlt.BROADCAST_TIME, bytes(5)),
        dlt.Frame(ADDRESS, dlt.BAUD, b"\x03"),
        dlt.Frame(ADDRESS, 0x93, bytes(5)),
    ],
)
def test_senseless_frames(frame):
    with pytest.raises(FrameError):
        fields(frame)
    assert words(frame)


@given(st.integers(0, 255), st.binary(max_size=60))
def test_words_never_fail(control, data):
    frame = dlt.Frame(ADDRESS, control, data)
    assert words(frame)
    assert explain(dlt.encode(frame)) == [f"{ADDRESS} {words(frame)}"]
    with contextlib.suppress(FrameError):
        fields(frame)


@given(st.binary(max_size=300))
def test_mask_never_fails_and_keeps_the_length(data):
    assert len(mask(data).split()) == len(data)


def secret_bytes(frame, start, end):
    at = frame.index(0x68) + 10
    return frame[at + start : at + end]


def hides(shown, secret):
    """No two neighbours of the secret are shown."""
    pairs = {secret[at : at + 2].hex(" ").upper() for at in range(len(secret) - 1)}
    return not any(pair in shown for pair in pairs)


@given(st.binary(max_size=20).map(lambda data: data.replace(b"\x68", b"\x69")), st.integers(0, 44))
def test_cipher_and_mac_are_masked_whole_or_cut(dirt, cut):
    frame = charge(3)[1]
    secret = secret_bytes(frame, 9, 29)
    assert hides(mask(frame), secret)
    assert mask(frame).endswith("** 16")
    assert mask(dirt + frame + dirt).split()[len(dirt) :][: len(frame)] == mask(frame).split()
    piece = mask(dirt + frame[:cut])
    shown = piece.split()[len(dirt) :]
    assert all(byte == "**" for byte in shown[14:])


def test_what_is_no_secret_stays():
    assert mask(charge(3)[1]).startswith(
        "FE FE FE FE 68 01 00 00 11 26 20 68 03 1D 32 35 34 3A 1E 36 33 33 34 **"
    )
    query = status_query(ADDRESS, KEYS, bytes(8))
    assert mask(query) == query.hex(" ").upper()
    read = bytes.fromhex("FEFEFEFE68292507072120681104333333334E16")
    assert mask(read) == read.hex(" ").upper()
    assert mask(b"") == ""


def test_the_mac_of_a_status_is_masked_its_record_is_not():
    frame = status_reply(KEYS, bytes(8), number=2)
    assert mask(frame).split()[-6:] == ["**"] * 5 + ["16"]
    assert "**" not in mask(frame).split()[:-6]


@pytest.mark.parametrize(
    "function, data, hidden",
    [
        (dlt.WRITE, "01040004" + "02112233" + "00000000" + "55", [5, 6, 7]),
        (dlt.WRITE, "01040004" + "98000000" + "00000000" + "AABBCCDD", list(range(5, 16))),
        (dlt.RELAY, "02112233" + "00000000" + "1A00595923311299", [1, 2, 3]),
        (dlt.RELAY, "98000000" + "00000000" + "AA" * 20, list(range(1, 28))),
        (dlt.CLEAR_METER, "02112233" + "00000000", [1, 2, 3]),
        (dlt.PASSWORD, "000C0004" + "02112233" + "04445566", [5, 6, 7, 9, 10, 11]),
        (dlt.SECURITY, "000000FF" + "00000000" + "AABBCC", [8, 9, 10]),
    ],
)
def test_passwords_are_masked(function, data, hidden):
    frame = dlt.encode(dlt.Frame(ADDRESS, function, bytes.fromhex(data)), 0)
    shown = mask(frame).split()
    found = [at - 10 for at, byte in enumerate(shown[:-2]) if byte == "**"]
    assert found == hidden
    # The checksum would give away the sum of what is hidden.
    assert shown[-2] == "**"
