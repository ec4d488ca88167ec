"""Frames entered by hand: what is completed, what is let through, and what is refused and why."""

import doctest

import pytest
from meterwire import raw
from meterwire.raw import RawRefused, complete, examine, fill

METER = "12 90 78 56 34 12"
WATER = "44 33 22 11 00 33 78"


def dlt(control, data, address=METER):
    """A 645 frame of plain data, `**` left as they are."""
    shifted = [
        part if part == "**" else f"{(int(part, 16) + 0x33) & 0xFF:02X}" for part in data.split()
    ]
    return complete(
        "dlt645_2007", f"68 {address} 68 {control:02X} {len(shifted):02X} {' '.join(shifted)}"
    )


def cjt(control, data, address=WATER):
    return complete("cjt188_2004", f"68 10 {address} {control:02X} {len(data.split()):02X} {data}")


def reason_of(protocol, text, dis=()):
    with pytest.raises(RawRefused) as refused:
        examine(protocol, text, dis)
    assert refused.value.code == "bad_job"
    assert refused.value.words
    return refused.value.reason


def test_doctests():
    assert doctest.testmod(raw).failed == 0


def test_a_read_is_completed_and_let_through():
    # 317.76 kWh is the answer in the vectors; the question's checksum is theirs too
    text = "FEFEFEFE 68 29 25 07 07 21 20 68 11 04 33 33 33 33"
    whole = complete("dlt645_2007", text)
    assert whole.endswith("4E 16")
    frame = examine("dlt645_2007", whole)
    assert (frame.address, frame.function, frame.asks) == ("202107072529", 0x11, True)
    assert fill(frame) == bytes.fromhex("FEFEFEFE6829250707212068110433333333" + "4E16")


def test_completing_keeps_a_right_frame_and_mends_the_checksum():
    whole = complete("cjt188_2004", "68 10 18 02 12 20 20 00 00 01 03 90 1F 00 97 16")
    assert whole == "68 10 18 02 12 20 20 00 00 01 03 90 1F 00 97 16"
    assert complete("cjt188_2004", whole[:-5] + "00 16") == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "68 12",
        f"69 {METER} 68 11 04 33 33 34 33",
        f"68 {METER} 67 11 04 33 33 34 33",
        f"68 {METER} 68 11 05 33 33 34 33",
        f"68 {METER} 68 11 03 33 33 34 33",
        f"68 {METER} 68 11 04 33 33 34 33 B3 17",
        "68 ** 90 78 56 34 12 68 11 04 33 33 34 33",
    ],
)
def test_what_is_no_frame(text):
    with pytest.raises(RawRefused) as refused:
        complete("dlt645_2007", text)
    assert refused.value.reason == "frame"


def test_a_wrong_or_missing_checksum_is_said():
    assert reason_of("dlt645_2007", f"68 {METER} 68 13 00 00 16") == "checksum"
    assert reason_of("dlt645_2007", f"68 {METER} 68 13 00") == "checksum"


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        (0x03, "FF 02 01 07 00 00 00 00 01 00 00 00", "money"),  # recharge
        (0x03, "FF 00 00 07", "money"),  # identity: opens a session
        (0x03, "FF 01 02 07", "money"),  # key update
        (0x08, "00 00 00 01 01 26", "line"),
        (0x14, "00 00 90 04 02 ** ** ** 00 00 00 00 01", "money"),
        (0x14, "00 02 90 00 02 ** ** ** 00 00 00 00 01", "money"),
        (0x14, "01 0C 00 04 02 ** ** ** 00 00 00 00 01", "password"),
        (0x14, "01 04 00 04 02 ** ** ** 00 00 00 00 01", "address"),
        (0x14, "01 10 00 04 02 00 00 00 00 00 00 00 01", "secret"),
        (0x14, "01 10 00 04 99 ** ** ** 00 00 00 00 01", "unknown"),
        (0x14, "01 00 00 05 02 ** ** ** 00 00 00 00 01", "unknown"),
        (0x14, "01 10 00 04", "unknown"),
        (0x14, "01 10", "unknown"),
        (0x11, "00 00 01 **", "secret"),
        (0x11, "", "unknown"),
        (0x15, "11 11 11 11 11 11", "address"),
        (0x17, "08", "line"),
        (0x18, "00 0C 00 04 02 ** ** ** 02 ** ** **", "password"),
        (0x19, "02 ** ** ** 00 00 00 00", "clear"),
        (0x1A, "02 ** ** ** 00 00 00 00", "clear"),
        (0x1B, "02 ** ** ** 00 00 00 00 FF FF FF FF", "clear"),
        (0x1C, "02 ** ** ** 00 00 00 00 1A 00 00 00 00 01 01 99", "switching"),
        (0x31, "00 00 01 00", "unknown"),
        (0x51, "00 00 01 00", "unknown"),
        (0x1E, "00", "unknown"),
        (0x91, "00 00 01 00", "reply"),
    ],
)
def test_what_645_2007_refuses(control, data, reason):
    assert reason_of("dlt645_2007", dlt(control, data)) == reason


@pytest.mark.parametrize(
    ("control", "data", "asks"),
    [
        (0x11, "00 00 01 00", True),
        (0x12, "00 FF 01 00 01", True),
        (0x13, "", True),
        (0x03, "FF 02 81 07 00 00 00 00 01 01 02 03 04 05 06 07 08", True),
        (0x14, "01 10 00 04 02 ** ** ** 00 00 00 00 00 50 00 00", False),
        (0x16, "99 99 99 99", False),
    ],
)
def test_what_645_2007_lets_through(control, data, asks):
    assert examine("dlt645_2007", dlt(control, data)).asks is asks


def test_a_password_is_filled_in_only_when_sent():
    frame = examine("dlt645_2007", dlt(0x14, "01 10 00 04 02 ** ** ** 00 00 00 00 00 50 00 00"))
    assert frame.text.count("**") == 4  # three bytes and the checksum that would tell their sum
    with pytest.raises(RawRefused):
        fill(frame)
    sent = fill(frame, "123456")[4:]
    assert bytes((value - 0x33) & 0xFF for value in sent[15:18]).hex() == "563412"
    assert sum(sent[:-2]) & 0xFF == sent[-2]


def test_the_identifiers_of_the_meters_own_recharge_are_money():
    text = dlt(0x14, "05 10 00 04 02 ** ** ** 00 00 00 00 01")
    assert not examine("dlt645_2007", text).asks
    assert reason_of("dlt645_2007", text, ["04001005"]) == "money"


def test_broadcast_and_wildcard():
    everyone, anyone = "99 " * 6, "AA " * 6
    assert reason_of("dlt645_2007", dlt(0x16, "99 99 99 99", everyone)) == "broadcast"
    assert examine("dlt645_2007", dlt(0x13, "", anyone)).address == "A" * 12
    assert reason_of("dlt645_2007", dlt(0x16, "99 99 99 99", anyone)) == "wildcard"


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        (0x0A, "11 11 11 11 11 11", "address"),
        (0x0F, "00 00 00 00 00 00 00 00", "password"),
        (0x10, "", "clear"),
        (0x04, "12 C2 02 ** ** ** 00", "password"),
        (0x04, "32 C0 02 ** ** ** 00", "address"),
        (0x04, "10 90 02 ** ** ** 00", "unknown"),
        (0x11, "00 00 01 00", "unknown"),
    ],
)
def test_what_645_1997_refuses(control, data, reason):
    assert reason_of("dlt645_1997", dlt(control, data)) == reason


def test_what_645_1997_lets_through():
    assert examine("dlt645_1997", dlt(0x01, "10 90")).asks
    assert not examine("dlt645_1997", dlt(0x04, "17 C1 02 ** ** ** 01 00")).asks


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        (0x04, "A0 13 00 01 00 00 00 64", "money"),
        (0x04, "13 A0 00 01 00 00 00 64", "money"),
        (0x04, "A0 14 00 01 11 22 33 44 55 66 77 88", "key"),
        (0x04, "A0 17 01 55", "switching"),
        (0x04, "17 A0 01 99", "switching"),
        (0x15, "A0 18 00 01 02 03 04 05 06 07", "unknown"),
        (0x04, "A0 99 00", "unknown"),
        (0x01, "90", "unknown"),
        (0x41, "90 1F 00", "unknown"),
        (0x81, "90 1F 00", "reply"),
        (0x04, "A0 15 00 **", "secret"),
    ],
)
def test_what_188_refuses(control, data, reason):
    assert reason_of("cjt188_2004", cjt(control, data)) == reason


def test_what_188_lets_through():
    assert examine("cjt188_2004", cjt(0x01, "90 1F 00")).address == "78330011223344"
    assert examine("cjt188_2018", cjt(0x01, "1F 90 00")).asks
    assert not examine("cjt188_2004", cjt(0x04, "A0 15 00 00 00 00 01 01 26 20")).asks
