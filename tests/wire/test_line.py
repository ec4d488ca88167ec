"""One line: order of the queue, pauses, drains, evidence."""

import asyncio
import dataclasses
from decimal import Decimal

import pytest
from meter_double import (
    ADDRESS,
    OTHER,
    QUICK,
    SILENT,
    Desk,
    MeterDouble,
    ask,
    charge,
    frame_in,
    frame_of,
    read,
    run,
    sale,
)
from meterwire import dlt645_2007 as dlt
from meterwire.jobs import (
    SCHEDULED_READ,
    Answered,
    Asked,
    Done,
    Failed,
    Find,
    Read,
    Settled,
)

FOREIGN = dlt.encode(dlt.Frame(OTHER, 0x91, bytes.fromhex("0000010076170300")))


@run
async def test_read():
    meter = MeterDouble("read")
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(items=("total", "status")))
        done = await desk.next(Done)
    assert done.values == {"total": Decimal("317.76"), "status": 0}
    first = done.exchanges[0]
    assert (len(done.exchanges), first.outcome) == (2, "reply")
    assert first.words == "reply to read 00010000: 317.76 kWh"
    assert first.tx_masked == dlt.read_request(ADDRESS, dlt.TOTAL).hex(" ").upper()
    assert first.rx_masked.endswith("16") and first.started <= first.ended


@run
async def test_what_the_meter_does_not_have_is_none():
    meter = MeterDouble("none")
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(items=("total", "owed")))
        assert (await desk.next(Done)).values["owed"] is None
        desk.submit(read(items=("owed",)))
        failed = await desk.next(Failed)
    assert (failed.code, failed.words) == ("refused", "the meter refused: no such data")


@run
async def test_find():
    meter = MeterDouble("find")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Find(1, "line"))
        assert (await desk.next(Done)).values == {"address": ADDRESS}


@pytest.mark.parametrize("job", [read(address="12"), read(items=()), read(address="1" * 11 + "A")])
def test_a_job_that_makes_no_sense(job):
    @run
    async def check():
        meter = MeterDouble("senseless")
        async with Desk(meter.endpoint) as desk:
            desk.submit(job)
            assert (await desk.next(Failed)).code == "bad_job"
        assert meter.device.written == []

    check()


@run
async def test_the_line_is_opened_with_the_first_job():
    meter = MeterDouble("lazy")
    async with Desk(meter.endpoint) as desk:
        await asyncio.sleep(0)
        assert meter.device.opened == 0
        desk.submit(read(1), read(2))
        await desk.next(Done)
        await desk.next(Done)
    assert meter.device.opened == 1


@run
async def test_a_read_is_repeated_after_silence():
    meter = MeterDouble("repeat")
    meter.script.append(SILENT)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(Done)
    assert [exchange.outcome for exchange in done.exchanges] == ["silence", "reply"]


@run
async def test_order_of_the_queue():
    """Money before live reads before scheduled reads; equals in the order they came."""
    meter = MeterDouble("order", (ADDRESS,))
    async with Desk(meter.endpoint) as desk:
        desk.submit(
            read("scheduled 1", priority=SCHEDULED_READ),
            read("scheduled 2", priority=SCHEDULED_READ),
            read("live 1"),
            read("live 2"),
            ask(),
        )
        order = [(await desk.next()).id for _ in range(5)]
    assert order == ["ask", "live 1", "live 2", "scheduled 1", "scheduled 2"]


@run
async def test_money_overtakes_fifty_waiting_reads():
    meter = MeterDouble("overtake")
    async with Desk(meter.endpoint) as desk:
        desk.submit(*(read(n, priority=SCHEDULED_READ) for n in range(50)))
        await desk.next(Done)
        asked = len(meter.requests)
        desk.submit(sale())
        while not isinstance(await desk.next(), Asked):
            pass
        assert meter.functions().index(dlt.SECURITY) == asked < 10
        desk.line.turn.answer(charge(1))
        await desk.next(Answered)
        await desk.next(Settled)


@run
async def test_money_overtakes_a_read_of_many_items():
    meter = MeterDouble("items")
    async with Desk(meter.endpoint) as desk:
        submitted = []

        def sell(reply):
            desk.submit(ask("sale"))
            submitted.append(True)
            return reply

        meter.script.append(sell)
        desk.submit(read("read", items=("total", "status", "balance")))
        assert (await desk.next(Settled)).id == "sale"
        done = await desk.next(Done)
    assert submitted and len(done.values) == 3
    assert meter.functions() == [dlt.READ, dlt.SECURITY, dlt.READ, dlt.READ]


@run
async def test_a_late_reply_is_not_taken_for_the_next_answer():
    """The same meter, the same identifier, another value: only the drain can tell them apart."""
    meter = MeterDouble("late")
    loop = asyncio.get_running_loop()
    late = dlt.encode(dlt.Frame(ADDRESS, 0x91, bytes.fromhex("0000010011111111")))
    true = meter.answer(frame_in(dlt.read_request(ADDRESS, dlt.TOTAL)))
    # After the question was given up, before the line has been silent for long enough.
    meter.script.append(lambda reply: loop.call_later(0.35, meter.device.send, late) and b"")
    meter.script.append(lambda reply: loop.call_later(0.1, meter.device.send, true) and b"")
    timing = dataclasses.replace(QUICK, first_byte=0.3, drain=0.2)
    async with Desk(meter.endpoint, timing, read_attempts=1) as desk:
        desk.submit(read(1), read(2))
        await desk.next(Failed)
        done = await desk.next(Done)
    assert done.values == {"total": Decimal("317.76")}
    assert [exchange.outcome for exchange in done.exchanges] == ["reply"]


@run
async def test_after_silence_a_socket_is_given_up():
    meter = MeterDouble("socket", reopen=True)
    meter.script.append(SILENT)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        await desk.next(Done)
    assert meter.device.opened == 2


@pytest.mark.parametrize("glued", [True, False])
def test_a_doubled_reply_does_not_shift_the_answers(glued):
    """The answer to each question is its own, although one reply came twice."""

    @run
    async def check():
        meter = MeterDouble("double")
        meter.script.append(lambda reply: reply + reply if glued else [reply, reply])
        async with Desk(meter.endpoint) as desk:
            desk.submit(read(1))
            await desk.next(Done)
            meter.values[dlt.TOTAL] = "01000000"
            desk.submit(read(2))
            done = await desk.next(Done)
        assert done.values == {"total": Decimal("0.01")}

    check()


@pytest.mark.parametrize("when", ["glued", "later"])
def test_a_frame_nobody_asked_for_makes_the_line_drain(when):
    """It shows that answers may be one behind: the next question goes out on a fresh connection."""

    @run
    async def check():
        meter = MeterDouble("unasked", reopen=True)
        meter.script.append(lambda reply: reply + reply if when == "glued" else [reply, reply])
        async with Desk(meter.endpoint) as desk:
            desk.submit(read(1))
            await desk.next(Done)
            for _ in range(5):  # a few rounds of the loop deliver what was sent
                await asyncio.sleep(0)
            desk.submit(read(2))
            await desk.next(Done)
        assert meter.device.opened == 2

    check()


@run
async def test_noise_between_exchanges_costs_no_drain():
    meter = MeterDouble("turnaround", reopen=True)
    meter.script.append(lambda reply: reply + b"\x00\xff")
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(1), read(2))
        await desk.next(Done)
        meter.device.send(b"\x00")
        await desk.next(Done)
    assert meter.device.opened == 1


@run
async def test_a_foreign_reply_is_reported_in_the_evidence():
    meter = MeterDouble("foreign")
    meter.script.append(lambda reply: [FOREIGN, reply])
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(Done)
    assert done.values == {"total": Decimal("317.76")}
    assert f"heard {OTHER}" in done.exchanges[0].words


@run
async def test_only_a_foreign_reply_fails_with_its_reason():
    meter = MeterDouble("wrong")
    meter.script.extend([FOREIGN, FOREIGN])
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        failed = await desk.next(Failed)
    assert failed.code == "wrong_reply" and OTHER in failed.words


@run
async def test_bus_idle_is_kept():
    meter = MeterDouble("idle")
    timing = dataclasses.replace(QUICK, bus_idle=0.05)
    times = []
    loop = asyncio.get_running_loop()
    write = meter.device.on_write
    meter.device.on_write = lambda device, data: (times.append(loop.time()), write(device, data))
    async with Desk(meter.endpoint, timing) as desk:
        desk.submit(read(1), read(2))
        await desk.next(Done)
        await desk.next(Done)
    assert times[1] - times[0] >= 0.05


@run
async def test_an_unforeseen_error_ends_its_job_only():
    meter = MeterDouble("unforeseen")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Read(1, "line", None, ("total",)), read(2))
        events = [await desk.next(), await desk.next()]
    assert {type(event) for event in events} == {Failed, Done}
    assert {event.code for event in events if isinstance(event, Failed)} == {"internal"}


@run
async def test_closing_ends_what_waits():
    meter = MeterDouble("closing")
    async with Desk(meter.endpoint) as desk:
        meter.script.append(lambda reply: (desk.line.close("enough"), reply)[1])
        desk.submit(read(1, items=("total", "status")), read(2))
        events = [await desk.next(Failed), await desk.next(Failed)]
        desk.submit(read(3))
        events.append(await desk.next(Failed))
    assert {(event.code, event.words) for event in events} == {("stopped", "enough")}


@run
async def test_evidence_of_a_sale_shows_no_secret():
    meter = MeterDouble("evidence")
    order = charge(1)
    frame = frame_of(order)
    async with Desk(meter.endpoint) as desk:
        desk.submit(sale(1))
        await desk.next(Asked)
        desk.line.turn.answer(order)
        answered = await desk.next()
        await desk.next(Settled)
    shown = repr(answered)
    assert "charge executed, purchase number 1, balance 100.00" in shown
    cipher = frame[23:39]
    assert cipher.hex(" ").upper() not in shown and cipher.hex() not in shown
    assert frame_in(frame).data[9:13].hex(" ").upper() not in shown
