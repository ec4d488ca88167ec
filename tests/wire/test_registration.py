"""Who is calling, and what of the stream belongs to the meters: any split, any glue."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterwire import cjt188, gdw3761
from meterwire import dlt645_2007 as dlt
from meterwire.hub import ddp, limits, program
from meterwire.hub.dtu import Dtu, DtuError
from meterwire.hub.registration import Directory, Unknown
from meterwire.hub.stream import stream_of

REQUEST = bytes.fromhex("FEFEFEFE68010000112620681104333334330A16")
REPLY = b"\xfe" * 4 + dlt.encode(
    dlt.Frame("202611000001", 0x91, bytes.fromhex("00000100 44761300")), preamble=0
)
#: CJ/T 188: a reading with zero bytes in it
WATER = bytes.fromhex(
    "6810785634120011118116 901F01 000000002C 000000002C 00000000000000 0000".replace(" ", "")
)
WATER += bytes([sum(WATER) & 0xFF, 0x16])
LOGIN = bytes.fromhex("683200320068C900023412000271000001008516")
DDP_LOGIN = bytes.fromhex("7B010016") + b"13800138000" + bytes.fromhex("0A0000011F40") + b"\x7b"
DDP_CONFIRM = bytes.fromhex("7B810010") + b"13800138000" + b"\x7b"


def dtu(name, registration="ascii", **values):
    return Dtu.from_json({"id": name, "registration": registration, **values})


DIRECTORY = Directory(
    [
        dtu("BOX-7"),
        dtu("BOX-77"),
        dtu("A1B2C3", "hex"),
        dtu("00000A17", "hex"),
        dtu("860000000000017", "imei"),
        dtu("SN9", "regex", pattern=r"\+REG,(?P<id>\w+),(?P<signal>\d+);"),
        dtu("SN10", "regex", pattern=r"\+REG,(?P<id>\w+),(?P<signal>\d+);"),
        dtu("CTRL:0921", "prefix"),
        dtu("EDGE", "prefix", prefix="A55A01"),
        dtu("13800138000", "ddp"),
        dtu("02001234", "gdw3761"),
    ]
)
CALLS = [
    (b"BOX-77", "BOX-77", 6),
    (b"BOX-77\r\n" + REPLY, "BOX-77", 8),
    (b"\r\nBOX-7" + REPLY, "BOX-7", 7),
    (b"\xa1\xb2\xc3", "A1B2C3", 3),
    (b"\0\0\n\x17", "00000A17", 4),
    (b"860000000000017", "860000000000017", 15),
    (b"IMEI:860000000000017", "860000000000017", 20),
    (bytes.fromhex("0860000000000017"), "860000000000017", 8),
    (b"+REG,SN10,17;", "SN10", 13),
    (b"CTRL:0921" + REPLY, "CTRL:0921", 9),
    (b"\xa5\x5a\x01" + REPLY, "EDGE", 3),
    (DDP_LOGIN, "13800138000", 0),
    (LOGIN, "02001234", 0),
]


def test_the_directory_has_no_problems():
    assert DIRECTORY.problems == [] and len(DIRECTORY.dtus) == 11


@pytest.mark.parametrize(("data", "name", "used"), CALLS)
def test_every_way_of_registering(data, name, used):
    caller = DIRECTORY.recognise(data)
    assert (caller.dtu.id, caller.used) == (name, used)


@pytest.mark.parametrize(("data", "name", "used"), CALLS)
def test_a_registration_that_comes_byte_by_byte(data, name, used):
    for size in range(1, len(data) + 1):
        caller = DIRECTORY.recognise(data[:size])
        if caller:
            break
    assert caller.dtu.id == name


def test_a_short_identity_waits_for_the_longer_one():
    assert DIRECTORY.recognise(b"BOX-7") is None
    assert DIRECTORY.recognise(b"BOX-7", final=True).dtu.id == "BOX-7"
    assert DIRECTORY.recognise(b"BOX-", final=True) is None


def test_a_pattern_tells_the_signal():
    assert DIRECTORY.recognise(b"+REG,SN9,23;").signal == 23
    assert DIRECTORY.recognise(b"BOX-77").signal is None


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02", b"BOX-8", b"8601"])
def test_strangers_are_known_at_once_where_no_pattern_could_still_match(data):
    known = [one for one in DIRECTORY.dtus.values() if one.registration != "regex"]
    with pytest.raises(Unknown):
        Directory(known).recognise(data)
    assert DIRECTORY.recognise(data) is None


@pytest.mark.parametrize(
    "data",
    [
        DDP_LOGIN.replace(b"13800138000", b"13800138001"),
        b"\x7b\x01\xff\xff",
        gdw3761.encode(gdw3761.Frame("02009999", 0xC9, gdw3761.LINK, 0x71, gdw3761.F1)),
    ],
)
def test_strangers_of_the_framed_families(data):
    known = [one for one in DIRECTORY.dtus.values() if one.registration in ("ddp", "gdw3761")]
    with pytest.raises(Unknown):
        Directory(known).recognise(data)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"id": ""}, "identity of 1 to 64"),
        ({"id": "12", "registration": "imei"}, "15 digits"),
        ({"id": "XY", "registration": "hex"}, "pairs of hexadecimal"),
        ({"id": "X", "registration": "regex", "pattern": "("}, "pattern is wrong"),
        ({"id": "X", "registration": "regex", "pattern": "X"}, "no group"),
        ({"id": "1380013800", "registration": "ddp"}, "11 characters"),
        ({"id": "0200123", "registration": "gdw3761"}, "4 digits and 4"),
        ({"id": "X", "registration": "morse"}, "unknown registration 'morse'"),
        ({"id": "X", "heartbeat": "7"}, "heartbeat is not pairs"),
        ({"id": "X", "colour": "red"}, "unknown setting 'colour'"),
    ],
)
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(DtuError, match=words):
        Dtu.from_json(values)


def test_two_boxes_that_cannot_be_told_apart_leave_the_first_one():
    directory = Directory([dtu("4142", "hex"), dtu("AB"), dtu("4142"), dtu("CD")])
    assert [one.registration for one in directory.dtus.values()] == ["hex", "ascii"]
    assert directory.recognise(b"AB").dtu.id == "4142"
    assert "same bytes as 4142" in directory.problems[0]
    assert "two boxes" in directory.problems[1]


# --- the stream -----------------------------------------------------------------------------------


def passed(box, data, cuts=()):
    """What of ``data`` goes to the meters' side, and what is answered."""
    stream, plain, answer, at = stream_of(box), b"", b"", 0
    for cut in (*sorted(cuts), len(data)):
        if cut <= at:
            continue
        got, said = stream.feed(data[at:cut], 0.0)
        plain, answer, at = plain + got, answer + said, cut
    return plain + (stream.release() if stream.holding else b""), answer


BEAT = bytes.fromhex("70696E67")  # "ping"
BEATING = dtu("BOX-7", heartbeat=BEAT.hex(), heartbeat_reply="706F6E67")


@given(st.lists(st.integers(0, 90), max_size=6))
def test_heartbeats_between_and_inside_frames_whatever_the_split(cuts):
    stream = BEAT + REPLY + BEAT + BEAT + WATER[:9] + BEAT + WATER[9:] + b"BOX-7" + REPLY + BEAT
    plain, answer = passed(BEATING, stream, cuts)
    assert plain == REPLY + WATER + REPLY
    assert answer == b"pong" * 5


@pytest.mark.parametrize("beat", ["00", "0000", "00000000", "16", "33333433", "FE"])
@pytest.mark.parametrize("frame", [WATER, REPLY[4:]])
def test_a_heartbeat_that_might_be_a_meters_data_is_taken_between_frames_only(beat, frame):
    box = dtu("BOX-7", heartbeat=beat, heartbeat_reply="FF")
    mark = bytes.fromhex(beat)
    plain, answer = passed(box, mark + frame + mark + mark + frame + mark)
    assert plain == frame * 2
    assert answer == b"\xff" * 4


def test_what_might_become_a_heartbeat_is_not_kept_for_ever():
    stream = stream_of(BEATING)
    assert stream.feed(REPLY + b"pi", 0.0) == (REPLY, b"")
    assert stream.holding and stream.release() == b"pi" and not stream.holding


def test_a_frame_that_never_ends_does_not_hide_heartbeats_for_ever():
    box = dtu("BOX-7", heartbeat="0000")
    stream = stream_of(box)
    assert stream.feed(REPLY[:9], 0.0)[0] == REPLY[:9]
    assert stream.feed(b"\0\0", 0.1)[0] == b"\0\0"
    assert stream.feed(b"\0\0", 5.0)[0] == b""


def test_without_marks_bytes_pass_untouched():
    box = dtu("BOX-7")
    every = bytes(range(256)) * 3
    assert passed(box, every, range(0, 700, 7)) == (every, b"")


def test_a_prefix_is_stripped_and_added():
    box = dtu("EDGE", "prefix", prefix="A55A01")
    assert passed(box, REPLY + b"\xa5\x5a\x01" + REPLY, (10, 25, 26)) == (REPLY * 2, b"")
    assert stream_of(box).wrap(REQUEST) == b"\xa5\x5a\x01" + REQUEST
    plain = dtu("CTRL:0921", "prefix")
    assert passed(plain, b"CTRL:0921" + REPLY) == (REPLY, b"")
    assert stream_of(plain).wrap(REQUEST) == REQUEST


HONGDIAN = dtu("13800138000", "ddp")


@given(st.lists(st.integers(0, 200), max_size=6))
def test_ddp_whatever_the_split(cuts):
    name = b"13800138000"
    awkward = b"\x7b\x7d" + REPLY + b"\x7b"
    stream = (
        DDP_LOGIN
        + b"noise"
        + ddp.build(ddp.DATA_UP, name, awkward)
        + ddp.build(ddp.DATA_UP, b"13800138001", b"another's")
        + DDP_LOGIN
        + ddp.build(0x05, name)
        + ddp.build(ddp.DATA_UP, name, REPLY)[:-1]
        + b"\x7d"
    )
    assert passed(HONGDIAN, stream, cuts) == (awkward + REPLY, DDP_CONFIRM * 2)


def test_ddp_down_and_log_out():
    stream = stream_of(HONGDIAN)
    wrapped = stream.wrap(REQUEST)
    assert wrapped == bytes.fromhex("7B890024") + b"13800138000" + REQUEST + b"\x7b"
    long = bytes(1500)
    frames = ddp.Buffer().feed(stream.wrap(long))
    assert [len(frame.data) for frame in frames] == [1024, 476]
    assert not stream.closed
    _, answer = stream.feed(ddp.build(ddp.LOG_OUT, b"13800138000"), 0.0)
    assert answer == bytes.fromhex("7B820010") + b"13800138000" + b"\x7b" and stream.closed


def test_a_376_concentrator_is_confirmed_and_its_data_pass():
    box = dtu("02001234", "gdw3761")
    frame = gdw3761.Frame("02001234", 0x88, gdw3761.FORWARD, 0x60, gdw3761.F1, b"data")
    data = gdw3761.encode(frame)
    beat = gdw3761.encode(gdw3761.Frame("02001234", 0xC9, gdw3761.LINK, 0x73, gdw3761.F3))
    for cut in range(len(LOGIN + data + beat)):
        plain, answer = passed(box, LOGIN + data + beat, (cut,))
        assert plain == data
        assert answer == gdw3761.confirm(gdw3761.parse(LOGIN)) + gdw3761.confirm(
            gdw3761.parse(beat)
        )
    stream = stream_of(box)
    stream.feed(gdw3761.encode(gdw3761.Frame("02001234", 0xC9, 2, 0x70, gdw3761.F2)), 0.0)
    assert stream.closed
    assert stream.wrap(data) == data


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=4))
def test_garbage_never_breaks_anything(data, cuts):
    for box in (BEATING, HONGDIAN, dtu("02001234", "gdw3761"), dtu("BOX-7", heartbeat="00")):
        passed(box, data, cuts)
    for final in (False, True):
        DIRECTORY.recognise(data, final)


def test_the_frames_of_this_file_are_frames():
    assert dlt.parse(REQUEST[4:]).address == dlt.parse(REPLY[4:]).address == "202611000001"
    assert cjt188.parse(WATER).is_reply


@pytest.mark.parametrize("module", [limits, program])
def test_examples_of_the_sources(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_a_minute_of_an_address_is_used_up_and_begins_again():
    rate = limits.Rate(2)
    for _ in range(2):
        assert not rate.full("a", 10.0)
        rate.note("a", 10.0)
    assert rate.full("a", 69.0) and not rate.full("b", 69.0)
    assert not rate.full("a", 70.0)
