"""Frames in words, and what evidence does not show."""

import contextlib
import doctest
import importlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterwire import cjt188, dlt645_1997, gdw3761
from meterwire import dlt645_2007 as dlt
from meterwire.decode import explain, fields, mask, value_words, words
from meterwire.errors import FrameError
from meterwire.recharge import KeyRing, Order, build, status_query
from meterwire.values import int_to_le

ADDRESS = "202611000001"
WATER = "78331505900569"
KEYS = KeyRing({1: bytes.fromhex("00112233445566778899AABBCCDDEEFF")}).meter_keys(
    ADDRESS, 1, "3des"
)


def charge(number):
    """The frame of a charge of 100.00."""
    return build(Order("charge", 10000, "000000000017", 1000 + number, number, 0), ADDRESS, KEYS)


def status_reply(number, kind=0, amount=0, balance=0):
    """The reply to a status query, with a MAC of zeros: nobody checks it here."""
    record = (
        int_to_le(number, 4)
        + bytes([0, 0, kind])
        + bytes(4)
        + int_to_le(amount, 4)
        + bytes(8)
        + int_to_le(balance, 4, signed=True)
        + bytes(11)
    )
    return dlt.encode(dlt.Frame(ADDRESS, 0x83, bytes.fromhex("FF028107") + record + bytes(4)))


def frame_in(data):
    """The one frame of DL/T 645-2007 in ``data``."""
    (raw,) = dlt.Buffer().feed(data)
    return dlt.decode(raw)


@pytest.mark.parametrize(
    "module",
    [
        "values",
        "buffer",
        "dlt645_2007",
        "dlt645_1997",
        "cjt188",
        "water188",
        "gdw3761",
        "decode.meter645_2007",
    ],
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
    assert words(frame_in(charge(3))) == "charge, reference 1003, key version 1"
    assert words(frame_in(status_query(ADDRESS, KEYS, bytes(8)))) == "status query, key version 1"
    status = status_reply(2, kind=2, amount=10000, balance=-5)
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
    assert explain(b"\x01" + charge(3)) == [
        f"{ADDRESS} charge, reference 1003, key version 1",
        "1 byte that are no frame",
    ]


ONE_OF_EACH = [
    ("6834691708172068C40134BC16", "201708176934 refusal of write: illegal data"),
    ("6895320600000068810643C3483333330B16", "000000063295 reply to read 9010: 0.15 kWh"),
    ("6899999999999968010265F3C116", "999999999999 read C032 (meter number)"),
    (
        "68106900010717200081161F9002000000002C000000002C595416190817201301EF16",
        (
            "00201707010069 reply to read 901F (metering data): 0.00 m3, "
            "clock 2017-08-19 16:54:59, valve abnormal"
        ),
    ),
    (
        "68105417370300180081161F900102030405060708090A0B0C0D0E0F10111213144D16",
        "00180003371754 reply to read 901F (metering data): 50403.02 of unit 06, valve abnormal",
    ),
    ("6810690590051533780404A01701555016", f"{WATER} write A017 (valve): open"),
    (
        "6811070605040302010413A01000010203040506070809101112131415160E16",
        "01020304050607 write A010 (prices): 302.01/908.07/1514.13, limits 60504/121110",
    ),
    ("683200320068C900023412000271000001008516", "02001234 login"),
    ("683200320068C900023412000271000004008816", "02001234 heartbeat"),
    ("6832003200680B0002341200006100000100B516", "02001234 confirmation"),
    (
        (
            "68A600A60068A8000234120410E6000001001F120068611001301215689106363833378333BE16"
            "4F000604050022053316"
        ),
        "02001234 reply to forward, port 31: 151230011061 reply to read 04000503: 0050, supply off",
    ),
]


@pytest.mark.parametrize("data, line", ONE_OF_EACH)
def test_words_of_every_protocol(data, line):
    assert explain(bytes.fromhex(data)) == [line]


def forwarding(frame):
    return gdw3761.parse(gdw3761.forward_request("02001234", 2, frame))


def water(data, control=0x84):
    return cjt188.Frame(WATER, control, bytes.fromhex(data))


@pytest.mark.parametrize(
    "frame, text",
    [
        (water("A0170100 00"), "reply to write A017 (valve): valve open"),
        (water("17A001"), "reply to write A017 (valve): accepted"),
        (water("A013010700500000"), "reply to write A013 (purchase): serial 7"),
        (water("A0140102"), "reply to write A014 (key): version 2"),
        (water("A015017856341811202600", 0x04), "write A015 (clock)"),
        (
            water("81050107 00500000 00001200 55340000 0400", 0x81),
            (
                "reply to read 8105 (purchase): 34.55, serial 7, amount 50.00, bought 1200.00, "
                "valve open, battery low"
            ),
        ),
        (
            water("810201 500100 100000 500200 200000 500300", 0x81),
            "reply to read 8102 (prices): 1.50/2.50/3.50, limits 10/20",
        ),
        (water("A01201"), "reply to write A012 (reading day): accepted"),
        (water("D12001 7665550029", 0x81), "reply to read D120: 5.56576 m3"),
        (water("901F01", 0x81), "reply to read 901F (metering data): nothing"),
        (water("010400", 0xC1), "refusal of read: valve open, battery low (status 0400)"),
        (water("", 0xC4), "refusal of write: the meter refused with no reason"),
        (water("9012", 0x2F), "function 2F"),
        (
            dlt.Frame(ADDRESS, 0x92, bytes.fromhex("00FF0100 0102 03")),
            "reply to read-next 0001FF00 part 3",
        ),
        (
            dlt.Frame(ADDRESS, 0x92, bytes.fromhex("00FF0100 01")),
            "reply to read-next 0001FF00 part 1",
        ),
        (dlt.Frame(ADDRESS, 0x17, b"\x20"), "baud-rate 9600"),
        (dlt.Frame(ADDRESS, 0x1D, b"\x01"), "multi-function-output"),
        (dlt.Frame(ADDRESS, 0x9D), "reply to multi-function-output: accepted"),
        (dlt645_1997.Frame(ADDRESS, 0x84), "reply to write: accepted"),
        (
            dlt645_1997.Frame(ADDRESS, 0x08, bytes.fromhex("563412221126")),
            "broadcast-time 261122123456",
        ),
        (
            gdw3761.Frame("02001234", 0xA8, 16, 0x60, gdw3761.F1, b"\x03\0\0"),
            "reply to forward, port 3: no answer of the meter",
        ),
        (
            gdw3761.Frame("02001234", 0xA8, 16, 0x60, gdw3761.F1, b"\x03\x01\0\xfe"),
            "reply to forward, port 3: 1 bytes that are no frame of a meter",
        ),
        (gdw3761.Frame("02001234", 0x88, 0x0C, 0x60, b"\x01\x03"), "AFN 0C F25"),
        (gdw3761.Frame("02001234", 0xC9, 0x02, 0x70, gdw3761.F2), "logout"),
        (gdw3761.Frame("02001234", 0x88, 0x00, 0x60, gdw3761.F2), "denial"),
        (
            forwarding(cjt188.read_request(WATER, cjt188.METERING)),
            f"forward, port 2: {WATER} read 901F (metering data)",
        ),
        (
            forwarding(dlt.encode(dlt.Frame(ADDRESS, dlt.BAUD, b"\x03"))),
            f"forward, port 2: {ADDRESS} baud-rate, senseless: 03 is no baud rate character",
        ),
    ],
)
def test_words_of_made_up_frames(frame, text):
    assert words(frame) == text


def test_a_value_that_is_not_there():
    assert value_words(dlt.TOTAL, None) == "not available"
    assert value_words(dlt.STATUS_3, None) == "not available"
    assert value_words(0x12345678, b"\x01") == "01"


def test_a_frame_right_behind_its_own_first_byte_is_found():
    frame = dlt.read_request(ADDRESS, dlt.TOTAL, 0)
    line = f"{ADDRESS} read 00010000 (forward active energy, total)"
    assert explain(b"\x68" + frame) == [line, "1 byte that are no frame"]
    secret = dlt.write_request(ADDRESS, 1, b"", 2, "123456", preamble=0)
    assert mask(b"\x68" + secret) == "68 " + mask(secret)


@pytest.mark.parametrize(
    "code, name",
    [
        (0x1A, "trip"),
        (0x1B, "permit-close"),
        (0x1C, "close"),
        (0x2A, "alarm"),
        (0x2B, "alarm-off"),
        (0x3A, "keep-power"),
        (0x3B, "end-keep-power"),
        (0x1D, "command 1D"),
    ],
)
def test_relay_commands_by_their_code(code, name):
    request = dlt.relay_request(ADDRESS, code, datetime(2026, 11, 22), 2, "123456", preamble=0)
    assert words(dlt.parse(request)) == f"relay-control {name}, valid until 261122000000"


@pytest.mark.parametrize(
    "frame",
    [
        dlt.Frame(ADDRESS, dlt.READ),
        dlt.Frame(ADDRESS, 0x92, bytes(4)),
        dlt645_1997.Frame(ADDRESS, 0x01),
        dlt645_1997.Frame(ADDRESS, 0x04, bytes(5)),
        dlt645_1997.Frame(ADDRESS, 0x08, bytes(5)),
        dlt645_1997.Frame(ADDRESS, 0x81, bytes.fromhex("1090 1500")),
        cjt188.Frame(WATER, 0x01, b"\x90\x1f"),
        cjt188.Frame(WATER, 0x81, bytes.fromhex("901F00 7A6555002C")),
        cjt188.Frame(WATER, 0x81, bytes.fromhex("810500 07")),
        gdw3761.Frame("02001234", 0xA8, 16, 0x60, gdw3761.F1, b"\x03"),
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


@pytest.mark.parametrize("codec", [dlt, dlt645_1997, cjt188, gdw3761])
@given(st.integers(0, 255), st.binary(max_size=60))
def test_words_never_fail(codec, control, data):
    if codec is gdw3761:
        frame = codec.Frame("02001234", control, data[0] if data else 16, 0x60, codec.F1, data)
    else:
        frame = codec.Frame(WATER if codec is cjt188 else ADDRESS, control, data)
    assert words(frame)
    with contextlib.suppress(FrameError):
        fields(frame)


@given(st.integers(0, 255), st.binary(max_size=60))
def test_the_edition_is_told_by_the_function(control, data):
    old = control & 0x1F in {0x01, 0x02, 0x04, 0x0A, 0x0C, 0x0F, 0x10}
    frame = (dlt645_1997 if old else dlt).Frame(ADDRESS, control, data)
    assert explain(dlt.encode(frame)) == [f"{ADDRESS} {words(frame)}"]


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
    frame = charge(3)
    secret = secret_bytes(frame, 9, 29)
    assert hides(mask(frame), secret)
    assert mask(frame).endswith("** 16")
    assert mask(dirt + frame + dirt).split()[len(dirt) :][: len(frame)] == mask(frame).split()
    piece = mask(dirt + frame[:cut])
    shown = piece.split()[len(dirt) :]
    assert all(byte == "**" for byte in shown[14:])


def test_what_is_no_secret_stays():
    assert mask(charge(3)).startswith(
        "FE FE FE FE 68 01 00 00 11 26 20 68 03 1D 32 35 34 3A 1E 36 33 33 34 **"
    )
    query = status_query(ADDRESS, KEYS, bytes(8))
    assert mask(query) == query.hex(" ").upper()
    read = bytes.fromhex("FEFEFEFE68292507072120681104333333334E16")
    assert mask(read) == read.hex(" ").upper()
    assert mask(b"") == ""


def test_the_mac_of_a_status_is_masked_its_record_is_not():
    frame = status_reply(2)
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
        (dlt.SECURITY, "FF020107" + "44556677" + "AA" * 26, list(range(8, 34))),
    ],
)
def test_passwords_are_masked(function, data, hidden):
    frame = dlt.encode(dlt.Frame(ADDRESS, function, bytes.fromhex(data)), 0)
    shown = mask(frame).split()
    found = [at - 10 for at, byte in enumerate(shown[:-2]) if byte == "**"]
    assert found == hidden
    # The checksum would give away the sum of what is hidden.
    assert shown[-2] == "**"


def test_fields_of_a_forwarded_water_frame():
    request = cjt188.read_request(WATER, cjt188.METERING, preamble=0)
    found = fields(forwarding(request))
    assert found["inner_188"] == request.hex().upper()
    assert found["inner"] == fields(cjt188.parse(request))
    assert fields(gdw3761.Frame("02001234", 0x88, 0x0C, 0x60, gdw3761.F1, b"\1"))["payload"] == "01"


def test_a_forwarding_that_is_too_short_for_what_it_says_is_hidden_whole():
    body = bytes.fromhex("02 6B8A0A 2000 010203")
    frame = gdw3761.Frame("02001234", 0x4B, gdw3761.FORWARD, 0x60, gdw3761.F1, body)
    assert hidden(gdw3761.encode(frame), 0) == list(range(18, 27))


def hidden(frame, start):
    """Which data bytes of a frame are masked, counted from ``start`` in the frame."""
    shown = mask(frame).split()
    assert ("**" in shown[:-2]) == (shown[-2] == "**")  # the checksum would give away the sum
    return [at - start for at, text in enumerate(shown[:-2]) if text == "**"]


@pytest.mark.parametrize(
    "control, data, positions",
    [
        (0x04, "A01401 02" + "11" * 8, list(range(4, 12))),
        (0x04, "14A001 02" + "11" * 8, list(range(4, 12))),
        (0x04, "07A101 02" + "11" * 16, list(range(4, 20))),
        (0x04, "A01301 07 00500000", []),
        (0x04, "A01301 07" + "11" * 8, list(range(4, 12))),
        (0x84, "A01301 07 00500000", []),
        (0x84, "A01401 02", []),
        (0x04, "A01701 55", []),
        (0xC4, "010400", []),
        (0x81, "901F01 766555002C", []),
    ],
)
def test_keys_and_enciphered_purchases_of_188_are_masked(control, data, positions):
    frame = cjt188.encode(cjt188.Frame(WATER, control, bytes.fromhex(data)), 0)
    assert hidden(frame, 11) == positions


@pytest.mark.parametrize(
    "function, data, positions",
    [
        (dlt645_1997.WRITE, "10C0" + "02112233" + "00221126", [3, 4, 5]),
        (dlt645_1997.PASSWORD, "02112233" + "03445566", [1, 2, 3, 5, 6, 7]),
        (dlt645_1997.CLEAR_DEMAND, "02112233", [1, 2, 3]),
        (dlt645_1997.READ, "1090", []),
        (0x84, "", []),
        (0xC4, "04", []),
    ],
)
def test_passwords_of_1997_are_masked(function, data, positions):
    frame = dlt.encode(dlt645_1997.Frame(ADDRESS, function, bytes.fromhex(data)), 0)
    assert hidden(frame, 10) == positions


def test_secrets_inside_a_forwarded_frame_and_the_password_of_the_concentrator():
    write = dlt.write_request(ADDRESS, 0x04001001, b"\0\x50\0\0", 2, "123456", preamble=0)
    plain = gdw3761.forward_request("02001234", 31, write)
    inside = 18 + 6
    secret = [inside + 10 + 5, inside + 10 + 6, inside + 10 + 7, inside + len(write) - 2]
    assert hidden(plain, 0) == secret
    password = bytes(range(1, 17))
    guarded = gdw3761.forward_request("02001234", 31, write, password=password)
    behind = inside + len(write)
    assert hidden(guarded, 0) == secret + list(range(behind, behind + 16))
    read = dlt.read_request(ADDRESS, dlt.TOTAL)
    assert hidden(gdw3761.forward_request("02001234", 31, read), 0) == []


@pytest.mark.parametrize(
    "frame, head, secret",
    [
        (dlt.write_request(ADDRESS, 1, b"", 2, "123456", preamble=0), 10, 15),
        (dlt645_1997.write_request(ADDRESS, 1, b"", 2, "123456", 0), 10, 13),
        (
            cjt188.write_request(WATER, cjt188.SET_KEY, 1, b"\x02" + b"\x11" * 8, preamble=0),
            11,
            15,
        ),
        (
            cjt188.write_request(
                WATER, cjt188.SET_KEY, 1, b"\x02" + b"\x11" * 8, di_order="low_first", preamble=0
            ),
            11,
            15,
        ),
        (
            gdw3761.forward_request("02001234", 1, b"\x01", password=b"\x11" * 16),
            18,
            25,
        ),
    ],
)
@pytest.mark.parametrize("dirt", [b"", b"\x01\x02"])
def test_a_piece_of_a_frame_with_secrets_shows_its_head_only(frame, head, secret, dirt):
    for cut in range(secret + 1, len(frame)):
        shown = mask(dirt + frame[:cut]).split()[len(dirt) :]
        assert shown[:head] == [f"{byte:02X}" for byte in frame[:head]]
        assert set(shown[head:]) == {"**"}
