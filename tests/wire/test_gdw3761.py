"""Q/GDW 376.1: link, confirmation and forwarding, by frames that others published."""

from datetime import datetime

import pytest
from meterwire import dlt645_2007
from meterwire import gdw3761 as gdw
from meterwire.errors import FrameError, MeterRefused, ValueFault, WrongReply

TERMINAL = "02001234"
LOGIN = bytes.fromhex("683200320068C900023412000271000001008516")
HEARTBEAT = bytes.fromhex("683200320068C900023412000271000004008816")
CONFIRMATION = bytes.fromhex("6832003200680B0002341200006100000100B516")
READ = bytes.fromhex(
    "68E200E200684B000234120410E0000001001F6BBC0A100068611001301215681104333334337B16"
    "00000000000000000000000000000000001351232105A116"
)
STATUS = bytes.fromhex(
    "68A600A60068A8000234120410E6000001001F120068611001301215689106363833378333BE16"
    "4F000604050022053316"
)


def up(afn, dt, data=b"", seq=0x60, control=0xA8):
    return gdw.Frame(TERMINAL, control, afn, seq, dt, data)


def test_login_and_heartbeat_are_told_apart():
    login, heartbeat = gdw.parse(LOGIN), gdw.parse(HEARTBEAT)
    assert login.terminal == heartbeat.terminal == TERMINAL
    assert (gdw.is_login(login), gdw.is_heartbeat(login), gdw.is_logout(login)) == (1, 0, 0)
    assert (gdw.is_login(heartbeat), gdw.is_heartbeat(heartbeat)) == (0, 1)
    assert gdw.is_logout(login._replace(dt=gdw.F2))
    assert login.wants_confirmation and login.is_reply
    assert not any(
        tells(login._replace(control=0x49))
        for tells in (gdw.is_login, gdw.is_heartbeat, gdw.is_logout)
    )


@pytest.mark.parametrize("heard", [LOGIN, HEARTBEAT])
def test_confirmation_as_others_send_it(heard):
    assert gdw.confirm(gdw.parse(heard)) == CONFIRMATION


@pytest.mark.parametrize("seq", range(16))
def test_confirmation_repeats_the_sequence(seq):
    frame = gdw.parse(gdw.confirm(gdw.parse(LOGIN)._replace(seq=0x70 | seq)))
    assert (frame.seq, frame.afn, frame.item) == (0x60 | seq, gdw.CONFIRM, 1)
    assert not frame.wants_confirmation and not frame.is_reply


@pytest.mark.parametrize(
    "dt, item", [("0100", 1), ("0400", 3), ("8000", 8), ("0101", 9), ("0000", 0), ("0300", 0)]
)
def test_item(dt, item):
    assert gdw.Frame(TERMINAL, 0, 0, 0, bytes.fromhex(dt)).item == item


def test_forwarding_as_others_ask_for_it():
    inner = dlt645_2007.read_request("151230011061", dlt645_2007.TOTAL, 0)
    made = gdw.forward_request(
        TERMINAL, 0x1F, inner, timeout=60, msa=4, when=datetime(2018, 6, 21, 23, 51, 13)
    )
    assert made == READ


@pytest.mark.parametrize(
    "options, setting",
    [
        ({}, "6B8A0A"),
        ({"baud": 1200, "parity": "N", "timeout": 5, "gap": 0.5}, "438532"),
        ({"baud": 9600, "parity": "O", "timeout": 127, "gap": 0.01}, "CFFF01"),
    ],
)
def test_settings_of_the_port(options, setting):
    frame = gdw.parse(gdw.forward_request(TERMINAL, 3, b"\x68\x16", **options))
    assert frame.data == bytes.fromhex("03" + setting + "0200" + "6816") + bytes(16)
    assert (frame.seq, frame.afn, frame.control) == (0x60, gdw.FORWARD, 0x4B)


@pytest.mark.parametrize(
    "options",
    [
        {"port": 256},
        {"baud": 4801},
        {"parity": "M"},
        {"timeout": 0},
        {"timeout": 128},
        {"gap": 0},
        {"gap": 2},
        {"seq": 16},
        {"msa": 256},
        {"password": b""},
        {"terminal": "0200123"},
        {"terminal": "0200123G"},
        {"terminal": "0A001234"},
        {"terminal": "02 00 12 34"},
        {"frame": bytes(2048)},
    ],
)
def test_forwarding_that_cannot_be_asked_for(options):
    given = {"terminal": TERMINAL, "port": 1, "frame": b"\x68", **options}
    with pytest.raises(FrameError):
        gdw.forward_request(**given)


def test_what_comes_back_from_the_meter():
    port, inner = gdw.forwarded(gdw.parse(STATUS))
    assert port == 0x1F
    frame = dlt645_2007.parse(inner)
    word = dlt645_2007.parse_reply(frame, "151230011061", dlt645_2007.STATUS_3)
    assert word & dlt645_2007.RELAY_OPEN


def test_a_meter_that_does_not_answer_leaves_nothing():
    assert gdw.forwarded(up(gdw.FORWARD, gdw.F1, b"\x1f\0\0")) == (0x1F, b"")


@pytest.mark.parametrize(
    "frame, error",
    [
        (up(gdw.CONFIRM, gdw.F2), MeterRefused),
        (up(gdw.CONFIRM, gdw.F1), WrongReply),
        (up(gdw.LINK, gdw.F1), WrongReply),
        (up(gdw.FORWARD, gdw.F2, b"\x1f\0\0"), WrongReply),
        (up(gdw.FORWARD, gdw.F1, b"\x1f\0\0", control=0x4B), WrongReply),
        (up(gdw.FORWARD, gdw.F1, b"\x1f\0"), FrameError),
        (up(gdw.FORWARD, gdw.F1, b"\x1f\x03\0\x68\x68"), FrameError),
    ],
)
def test_what_is_no_forwarded_reply(frame, error):
    with pytest.raises(error):
        gdw.forwarded(frame)


def test_a_terminal_is_eight_digits_both_ways():
    frame = gdw.Frame("4103FEDC", 0xC9, gdw.LINK, 0x71, gdw.F1)
    raw = gdw.encode(frame)
    assert raw[7:11] == bytes.fromhex("0341DCFE")
    assert gdw.parse(raw) == frame and frame.address == "4103FEDC"
    with pytest.raises(ValueFault):
        gdw.encode(frame._replace(terminal="41"))


@pytest.mark.parametrize("at", [0, 1, 3, 5, -1, -2, 8])
def test_what_is_no_frame(at):
    raw = bytearray(LOGIN)
    raw[at] ^= 0x40
    with pytest.raises(FrameError):
        gdw.parse(bytes(raw))
