"""Conversations on a line: pauses, giving way, several protocols and ports on one line."""

import asyncio
import dataclasses
import threading
from decimal import Decimal

import pytest
from conversing import Meter188, Meter645
from meter_double import (
    ADDRESS,
    OTHER,
    PATIENCE,
    QUICK,
    SILENT,
    Desk,
    MeterDouble,
    ask,
    meter_of,
    read,
    run,
)
from meterwire import cjt188, dlt645_1997, gdw3761
from meterwire import dlt645_2007 as dlt
from meterwire.buffer import FrameBuffer
from meterwire.dialect import Dialect, shipped
from meterwire.envelope import parse_envelope
from meterwire.jobs import (
    SCHEDULED_READ,
    Done,
    Failed,
    Find,
    Meter,
    Raw,
    Read,
    SetClock,
    Settled,
    Switch,
    Write,
)
from meterwire.transport.memory import Device
from meterwire.values import wire_to_moment

WATER = "33201170000018"
METERING = "00000200 2C 00000100 2C 56341222112620 0000".replace(" ", "")
E_WATER = Dialect.from_json(shipped()["e_water"])
F_WATER = Dialect.from_json(shipped()["f_water"])
ACCEPTED = dlt.encode(dlt.Frame(ADDRESS, 0x9C))


def slow_relay(poll=0.05, settle=5):
    """A meter model whose state is asked for every ``poll`` seconds."""
    source = shipped()["d_single"]
    source["clock"] = None
    source["switch"].update(poll_seconds=poll, settle_seconds=settle)
    return Meter(ADDRESS, Dialect.from_json(source))


def relay_double(name):
    """A ``MeterDouble`` that accepts relay commands; ``move`` lets the relay follow."""
    double = MeterDouble(name, (ADDRESS, OTHER))
    true = double.answer
    double.answer = lambda frame: ACCEPTED if frame.function == dlt.RELAY else true(frame)
    double.move = lambda: double.values.update({dlt.STATUS_3: "1000"})
    return double


# --- pauses -------------------------------------------------------------------------------------


@run
async def test_a_switch_leaves_the_line_to_others_while_the_relay_moves():
    meter = relay_double("pausing")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Switch("off", "line", slow_relay(), "off"))
        while meter.functions().count(dlt.READ) < 1:
            await asyncio.sleep(0)
        desk.submit(read("other", OTHER, priority=SCHEDULED_READ))
        assert (await desk.next(Done)).id == "other"
        meter.move()
        done = await desk.next(Done)
    assert (done.id, done.values) == ("off", {"supply": "off", "acked": True})
    assert done.exchanges[0].words.startswith("reply to relay-control")
    assert meter.functions().count(dlt.RELAY) == 1


@run
async def test_a_switch_that_is_not_followed_says_so():
    meter = relay_double("stuck")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Switch("off", "line", slow_relay(0.01, 1), "off"))
        failed = await desk.next(Failed)
    assert failed.code == "not_confirmed" and "within 1 s, but on" in failed.words


@run
async def test_a_job_that_pauses_ends_with_its_line():
    meter = relay_double("closed")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Switch("off", "line", slow_relay(60, 600), "off"))
        while not desk.line._resting:
            await asyncio.sleep(0)
        desk.line.close("enough")
        failed = await desk.next(Failed)
        assert (failed.code, failed.words) == ("stopped", "enough")
        assert len(failed.exchanges) == 2
        await desk.line.run()  # ends: nothing is left
    assert desk.events.empty()


@run
async def test_a_job_that_pauses_goes_on_before_those_behind_it():
    meter = relay_double("order")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Switch("off", "line", slow_relay(0.01), "off"))
        while not desk.line._resting:
            await asyncio.sleep(0)
        meter.move()
        desk.submit(*(read(n, OTHER, priority=SCHEDULED_READ) for n in range(400)))
        order = []
        while "off" not in order:
            order.append((await desk.next(Done)).id)
    assert len(order) < 400


@run
async def test_money_overtakes_a_long_write():
    """Between two registers, never between the write of one and its proof."""
    meter = MeterDouble("writing")
    meter.values.update({0x04000F01: "00100000", 0x04000F02: "00200000"})
    true = meter.answer

    def answer(frame):
        if frame.function != dlt.WRITE:
            return true(frame)
        meter.values[frame.di] = frame.data[12:].hex()
        if frame.di == 0x04000F01:
            desk.submit(ask("sale"))
        return dlt.encode(dlt.Frame(ADDRESS, 0x94))

    meter.answer = answer
    async with Desk(meter.endpoint) as desk:
        items = (("alarm_1", "1.00"), ("alarm_2", "2.00"))
        desk.submit(Write("write", "line", meter_of(), items))
        assert (await desk.next(Settled)).id == "sale"
        done = await desk.next(Done)
    assert [done.values[name]["ok"] for name in ("alarm_1", "alarm_2")] == [True, True]
    assert meter.functions() == [0x11, 0x14, 0x11, 0x03, 0x11, 0x14, 0x11]


@run
async def test_the_clock_is_set_to_the_time_of_the_place():
    meter = MeterDouble("clock")
    meter.values[dlt.CLOCK] = "00000000010100"
    true = meter.answer
    written = {}

    def answer(frame):
        if frame.function != dlt.WRITE:
            return true(frame)
        written[frame.di] = frame.data[12:]
        return dlt.encode(dlt.Frame(ADDRESS, 0x94))

    meter.answer = answer
    async with Desk(meter.endpoint) as desk:
        for zone in ("Asia/Shanghai", "UTC"):
            desk.submit(SetClock(zone, "line", meter_of(zone=zone)))
            done = await desk.next(Done)
            assert done.values["clock"]["ok"] is False  # the double keeps its own time
            written[zone] = wire_to_moment(written[0x04000102], "ssmmhh").hour
    assert (written["Asia/Shanghai"] - written["UTC"]) % 24 in (7, 8)  # the hour may be over


@run
async def test_a_zone_that_is_none():
    meter = MeterDouble("zone")
    async with Desk(meter.endpoint) as desk:
        desk.submit(SetClock(1, "line", meter_of(zone="Nowhere/At_all")))
        assert (await desk.next(Failed)).code == "bad_job"
    assert meter.requests == []


# --- raw frames, addresses ----------------------------------------------------------------------


@run
async def test_a_raw_frame_is_put_once_and_any_answer_is_its_result():
    meter = MeterDouble("raw")
    request = dlt.read_request(ADDRESS, dlt.TOTAL)
    refused = dlt.read_request(ADDRESS, 0x12345678)
    async with Desk(meter.endpoint) as desk:
        desk.submit(Raw(1, "line", request, dlt, ADDRESS, dlt.READ))
        done = await desk.next(Done)
        assert done.values["words"] == "reply to read 00010000: 317.76 kWh"
        assert done.values["reply"].startswith("68 01 00 00 11 26 20 68 91")
        desk.submit(Raw(2, "line", refused, dlt, ADDRESS, dlt.READ))
        assert (await desk.next(Done)).values["words"] == "refusal of read: no such data"
        meter.script.append(SILENT)
        desk.submit(Raw(3, "line", request, dlt, ADDRESS, dlt.READ))
        assert (await desk.next(Failed)).code == "no_reply"
    assert len(meter.requests) == 3


@run
async def test_a_raw_frame_to_everybody_is_not_waited_for():
    meter = MeterDouble("broadcast")
    request = dlt.encode(dlt.Frame("9" * 12, dlt.FREEZE, bytes.fromhex("99999999")))
    async with Desk(meter.endpoint, dataclasses.replace(QUICK, first_byte=60.0)) as desk:
        desk.submit(Raw(1, "line", request, dlt, "9" * 12, None))
        done = await desk.next(Done)
    assert done.values == {"reply": "", "words": ""}
    assert [exchange.outcome for exchange in done.exchanges] == ["sent"]


class WireMeter:
    """A double of ``conversing`` on a memory line."""

    def __init__(self, name, double, wrap=lambda raw: raw, unwrap=lambda data: data):
        self.double, self.wrap, self.unwrap = double, wrap, unwrap
        self.heard = []
        self.device = Device(name, self._on_write)

    @property
    def endpoint(self):
        return self.device.endpoint

    def _on_write(self, device, data):
        self.heard.append(data)
        codec = self.double.codec
        for raw in codec.Buffer().feed(self.unwrap(data)):
            reply = self.double.hear(codec.decode(raw))
            if reply is not None:
                device.send(self.wrap(codec.encode(reply)))


@run
async def test_find_a_water_meter_that_has_its_identifiers_the_other_way_round():
    double = Meter188(x901F=METERING)

    def hear(frame):
        if frame.data[:2] != bytes.fromhex("0A81"):
            return None
        return cjt188.Frame(WATER, 0x83, frame.data, 0x11)

    double.hear = hear
    meter = WireMeter("find water", double)
    async with Desk(meter.endpoint, read_attempts=1) as desk:
        desk.submit(Find(1, "line", cjt188))
        assert (await desk.next(Done)).values == {"address": WATER, "type_byte": "11"}
    assert len(meter.heard) == 2


@run
async def test_find_a_meter_of_1997():
    double = Meter645()
    double.codec = dlt645_1997
    double.hear = lambda frame: dlt645_1997.Frame(
        ADDRESS, 0x81, frame.data + bytes.fromhex("76170300")
    )
    meter = WireMeter("find old", double)
    async with Desk(meter.endpoint) as desk:
        desk.submit(Find(1, "line", dlt645_1997))
        assert (await desk.next(Done)).values == {"address": ADDRESS}


# --- several protocols, several ports -----------------------------------------------------------


class Mixed:
    """An electricity meter and a water meter on one line."""

    def __init__(self, name):
        self.power = MeterDouble(f"{name} power")
        self.water = Meter188(x901F=METERING)
        self.device = Device(name, self._on_write)

    def _on_write(self, device, data):
        for raw in FrameBuffer().feed(data):
            device.send(self.power.answer(dlt.decode(raw)))
        for raw in cjt188.Buffer().feed(data):
            device.send(cjt188.encode(self.water.hear(cjt188.decode(raw))))


@run
async def test_meters_of_two_protocols_on_one_line():
    line = Mixed("mixed")
    water = Meter(WATER, E_WATER)
    async with Desk(line.device.endpoint) as desk:
        desk.submit(
            read(1),
            Read(2, "line", water, ("total",), 2),
            read(3),
            ask(4),
            Read(5, "line", water, ("status",), 2),
        )
        done = {event.id: event for event in [await desk.next() for _ in range(5)]}
    assert done[1].values == done[3].values == {"total": Decimal("317.76")}
    assert done[2].values == {"total": Decimal("200.00")} and done[5].values == {"status": 0}
    assert isinstance(done[4], Settled) and done[4].status.number == 0
    assert done[2].exchanges[0].words.startswith("reply to read 901F")


@run
async def test_a_late_frame_of_the_other_protocol_answers_nothing():
    meter = WireMeter("late other", Meter188(x901F=METERING))
    late = dlt.encode(dlt.Frame(ADDRESS, 0x91, bytes.fromhex("0000010011111111")))
    meter.wrap = lambda raw: late + raw
    async with Desk(meter.device.endpoint) as desk:
        desk.submit(Read(1, "line", Meter(WATER, E_WATER), ("total",)))
        assert (await desk.next(Done)).values == {"total": Decimal("200.00")}


@run
async def test_what_came_late_is_told_with_the_next_exchange():
    meter = MeterDouble("told")
    late = dlt.encode(dlt.Frame(OTHER, 0x91, bytes.fromhex("0000010011111111")))
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(1))
        await desk.next(Done)
        meter.device.send(late)
        for _ in range(3):
            await asyncio.sleep(0)
        desk.submit(read(2))
        done = await desk.next(Done)
    assert done.values == {"total": Decimal("317.76")}
    assert f"heard before {OTHER} reply to read 00010000: 111111.11 kWh" in done.exchanges[0].words


@run
async def test_the_ports_of_a_box_share_a_line():
    """Each port's meter answers only what came with its selector."""
    doubles = {port: MeterDouble(f"port {port}") for port in (1, 2)}
    doubles[2].values[dlt.TOTAL] = "01000000"

    def on_write(device, data):
        assert data[0] == 0xA5
        (raw,) = FrameBuffer().feed(data[2:])
        device.send(data[:2] + doubles[data[1]].answer(dlt.decode(raw)))

    device = Device("box", on_write)
    async with Desk(device.endpoint) as desk:
        for port in (1, 2, 1):
            envelope = parse_envelope("hex:A5{port:02X}", port)
            desk.submit(Read(port, "line", meter_of(envelope=envelope), ("total",)))
            done = await desk.next(Done)
            wanted = {1: Decimal("317.76"), 2: Decimal("0.01")}[port]
            assert done.values == {"total": wanted}
            assert done.exchanges[0].tx_masked.startswith(f"A5 0{port} FE")
            assert done.exchanges[0].words == f"reply to read 00010000: {wanted} kWh"


def concentrator(data, answer, port=None):
    """Forward what is in ``data`` as a concentrator of Q/GDW 376.1 does; ``port`` as it says it."""
    (raw,) = gdw3761.Buffer().feed(data)
    frame = gdw3761.decode(raw)
    asked, start, end = gdw3761.forward_span(frame)
    inner = answer(frame.data[start:end])
    back = bytes([asked if port is None else port]) + len(inner).to_bytes(2, "little") + inner
    return gdw3761.encode(
        gdw3761.Frame(frame.terminal, 0x88, gdw3761.FORWARD, frame.seq, gdw3761.F1, back, msa=2)
    )


@run
async def test_a_concentrator_passes_frames_on():
    meter = MeterDouble("behind")
    heartbeat = gdw3761.encode(gdw3761.Frame("02001234", 0xC9, gdw3761.LINK, 0x71, gdw3761.F3))

    def answer(inner):
        (raw,) = FrameBuffer().feed(inner)
        return meter.answer(dlt.decode(raw))

    def on_write(device, data):
        reply = concentrator(data, answer)
        device.send(heartbeat + reply[:20])
        device.send(reply[20:])

    device = Device("concentrator", on_write)
    envelope = parse_envelope("gdw3761:02001234", 31)
    async with Desk(device.endpoint) as desk:
        desk.submit(Read(1, "line", meter_of(envelope=envelope), ("total", "status")))
        done = await desk.next(Done)
        device.on_write = lambda device, data: device.send(concentrator(data, answer, port=1))
        desk.submit(Read(2, "line", meter_of(envelope=envelope), ("total",)))
        failed = await desk.next(Failed)
    assert done.values == {"total": Decimal("317.76"), "status": 0}
    assert failed.code == "no_reply"


@run
async def test_no_envelope_shows_the_password_of_a_write():
    meter = MeterDouble("masked")
    meter.values[0x04000F01] = "00100000"
    true = meter.answer
    meter.answer = lambda frame: (
        dlt.encode(dlt.Frame(ADDRESS, 0x94)) if frame.function == dlt.WRITE else true(frame)
    )

    def on_write(device, data):
        device.send(
            concentrator(data, lambda inner: meter.answer(dlt.decode(FrameBuffer().feed(inner)[0])))
        )

    device = Device("masking", on_write)
    envelope = parse_envelope("gdw3761:02001234", 31)
    async with Desk(device.endpoint) as desk:
        desk.submit(Write(1, "line", meter_of(envelope=envelope), (("alarm_1", "1.00"),)))
        done = await desk.next(Done)
    wire = bytes((value + 0x33) & 0xFF for value in bytes.fromhex("563412")).hex(" ").upper()
    shown = " ".join(exchange.tx_masked for exchange in done.exchanges)
    assert "**" in shown and wire not in shown


# --- other programs -----------------------------------------------------------------------------


@run
async def test_a_call_to_another_program_keeps_no_other_line_waiting():
    from meterwire.question import Call

    gate = threading.Event()
    meter, other = MeterDouble("calling"), MeterDouble("not calling")

    class Shape:
        kinds = frozenset()

        def keys(self, keyring, meter):
            return None

        def status(self, meter, keys):
            words = yield Call(lambda: gate.wait(PATIENCE) and threading.current_thread().name)
            return words

    calling = Dialect.from_json(shipped()["d_single"])
    object.__setattr__(calling, "shape", Shape())
    job = dataclasses.replace(ask(), meter=Meter(ADDRESS, calling))
    async with Desk(meter.endpoint) as desk, Desk(other.endpoint) as second:
        desk.submit(job)
        second.submit(read(1))
        await second.next(Done)
        assert desk.events.empty()
        gate.set()
        settled = await desk.next(Settled)
    assert settled.status != threading.main_thread().name


@pytest.mark.parametrize("items", [(), ("speed",)])
def test_a_reading_of_nothing(items):
    @run
    async def check():
        meter = MeterDouble("nothing")
        async with Desk(meter.endpoint) as desk:
            desk.submit(read(items=items))
            assert (await desk.next(Failed)).code == "bad_job"
        assert meter.requests == []

    check()


def test_the_water_meter_of_this_file_is_not_charged_in_the_dark():
    """A dialect without a shape refuses money before anything is said."""

    @run
    async def check():
        meter = WireMeter("no shape", Meter188(x901F=METERING))
        async with Desk(meter.endpoint) as desk:
            desk.submit(dataclasses.replace(ask(), meter=Meter(WATER, E_WATER)))
            failed = await desk.next(Failed)
            desk.submit(dataclasses.replace(ask(), meter=Meter("12", F_WATER)))
            short = await desk.next(Failed)
        assert failed.code == short.code == "bad_job" and "not charged" in failed.words
        assert meter.heard == []

    check()
