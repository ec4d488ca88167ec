"""One line: order of the queue, pauses, drains, a dead link, silent meters."""

import asyncio
import dataclasses
from decimal import Decimal

import pytest
from meter_double import ADDRESS, OTHER, QUICK, SILENT, Desk, MeterDouble, charge, frame_in
from meterwire import dlt645_2007 as dlt
from meterwire.jobs import (
    LIVE_READ,
    SCHEDULED_READ,
    Answered,
    Ask,
    Asked,
    Failed,
    Find,
    Money,
    Read,
    ReadDone,
    Settled,
)

FOREIGN = dlt.encode(dlt.Frame(OTHER, 0x91, bytes.fromhex("0000010076170300")))


def read(job_id=1, address=ADDRESS, items=(dlt.TOTAL,), priority=LIVE_READ):
    return Read(job_id, "line", address, items, priority)


def run(coroutine):
    """Run a test's coroutine: ``@run`` makes it an ordinary test."""

    def test():
        asyncio.run(coroutine())

    test.__name__ = coroutine.__name__
    test.__doc__ = coroutine.__doc__
    return test


@run
async def test_read():
    meter = MeterDouble("read")
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(items=(dlt.TOTAL, dlt.STATUS_3)))
        done = await desk.next(ReadDone)
    assert done.values == {dlt.TOTAL: Decimal("317.76"), dlt.STATUS_3: 0}
    first = done.exchanges[0]
    assert (len(done.exchanges), first.outcome) == (2, "reply")
    assert first.words == "reply to read 00010000: 317.76 kWh"
    assert first.tx_masked == dlt.read_request(ADDRESS, dlt.TOTAL).hex(" ").upper()
    assert first.rx_masked.endswith("16") and first.started <= first.ended


@run
async def test_what_the_meter_does_not_have_is_none():
    meter = MeterDouble("none")
    async with Desk(meter.endpoint) as desk:
        desk.submit(read(items=(dlt.TOTAL, dlt.REMAINING_UNITS)))
        assert (await desk.next(ReadDone)).values[dlt.REMAINING_UNITS] is None
        desk.submit(read(items=(dlt.REMAINING_UNITS,)))
        failed = await desk.next(Failed)
    assert (failed.code, failed.words) == ("refused", "the meter refused: no such data")


@run
async def test_find():
    meter = MeterDouble("find")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Find(1, "line"))
        assert (await desk.next(ReadDone)).values == {"address": ADDRESS}


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
        await desk.next(ReadDone)
        await desk.next(ReadDone)
    assert meter.device.opened == 1


@run
async def test_a_read_is_repeated_after_silence():
    meter = MeterDouble("repeat")
    meter.script.append(SILENT)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(ReadDone)
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
            Ask("ask", "line", ADDRESS, 1, "3des"),
        )
        order = [(await desk.next()).id for _ in range(5)]
    assert order == ["ask", "live 1", "live 2", "scheduled 1", "scheduled 2"]


@run
async def test_money_overtakes_fifty_waiting_reads():
    meter = MeterDouble("overtake")
    async with Desk(meter.endpoint) as desk:
        desk.submit(*(read(n, priority=SCHEDULED_READ) for n in range(50)))
        await desk.next(ReadDone)
        asked = len(meter.requests)
        desk.submit(Money("sale", "line", ADDRESS, 1, "3des"))
        while not isinstance(await desk.next(), Asked):
            pass
        assert meter.functions().index(dlt.SECURITY) == asked < 10
        desk.line.turn.answer(charge(1)[1])
        await desk.next(Answered)
        await desk.next(Settled)


@run
async def test_money_overtakes_a_read_of_many_items():
    meter = MeterDouble("items")
    async with Desk(meter.endpoint) as desk:
        submitted = []

        def sale(reply):
            desk.submit(Ask("sale", "line", ADDRESS, 1, "3des"))
            submitted.append(True)
            return reply

        meter.script.append(sale)
        desk.submit(read("read", items=(dlt.TOTAL, dlt.STATUS_3, 0x00900200)))
        assert (await desk.next(Settled)).id == "sale"
        done = await desk.next(ReadDone)
    assert submitted and len(done.values) == 3
    assert meter.functions() == [dlt.READ, dlt.SECURITY, dlt.READ, dlt.READ]


@run
async def test_a_late_reply_is_not_taken_for_the_next_answer():
    """The same meter, the same identifier, another value: only the drain can tell them apart."""
    meter = MeterDouble("late")
    late = dlt.encode(dlt.Frame(ADDRESS, 0x91, bytes.fromhex("0000010011111111")))
    meter.script.append(SILENT)
    timing = dataclasses.replace(QUICK, drain=0.08)
    async with Desk(meter.endpoint, timing, read_attempts=1) as desk:
        desk.submit(read(1), read(2))
        await desk.next(Failed)
        meter.device.send(late)
        done = await desk.next(ReadDone)
    assert done.values == {dlt.TOTAL: Decimal("317.76")}
    assert [exchange.outcome for exchange in done.exchanges] == ["reply"]


@run
async def test_after_silence_a_socket_is_given_up():
    meter = MeterDouble("socket", reopen=True)
    meter.script.append(SILENT)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        await desk.next(ReadDone)
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
            await desk.next(ReadDone)
            meter.values[dlt.TOTAL] = "01000000"
            desk.submit(read(2))
            done = await desk.next(ReadDone)
        assert done.values == {dlt.TOTAL: Decimal("0.01")}

    check()


@run
async def test_a_foreign_reply_is_reported_in_the_evidence():
    meter = MeterDouble("foreign")
    meter.script.append(lambda reply: [FOREIGN, reply])
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(ReadDone)
    assert done.values == {dlt.TOTAL: Decimal("317.76")}
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
        await desk.next(ReadDone)
        await desk.next(ReadDone)
    assert times[1] - times[0] >= 0.05


@run
async def test_a_dead_link_fails_every_job_promptly():
    meter = MeterDouble("dead")
    meter.device.refuse = "nobody is there"
    timing = dataclasses.replace(QUICK, reconnect_min=60.0, reconnect_max=60.0)
    async with Desk(meter.endpoint, timing) as desk:
        desk.submit(*(read(n, priority=SCHEDULED_READ) for n in range(20)))
        desk.submit(Money("sale", "line", ADDRESS, 1, "3des"))
        events = [await desk.next(Failed) for _ in range(21)]
    assert {event.code for event in events} == {"link_down"}
    assert all("nobody is there" in event.words for event in events)
    assert "next try in 60 s" in events[-1].words


@run
async def test_people_do_not_wait_for_the_long_pause():
    meter = MeterDouble("pause")
    meter.device.refuse = "nobody is there"
    timing = dataclasses.replace(QUICK, reconnect_min=0.01, reconnect_max=60.0)
    async with Desk(meter.endpoint, timing) as desk:
        for n in range(12):  # doubled each time: the pause is long by now
            desk.submit(read(n))
            await desk.next(Failed)
            await asyncio.sleep(0.011)
        meter.device.refuse = ""
        desk.submit(read("scheduled", priority=SCHEDULED_READ))
        assert (await desk.next(Failed)).code == "link_down"
        desk.submit(read("live"))
        await desk.next(ReadDone)
        desk.submit(read("scheduled", priority=SCHEDULED_READ))
        await desk.next(ReadDone)


@run
async def test_a_link_lost_in_a_read_is_opened_again():
    meter = MeterDouble("lost")

    def hang_up(reply):
        meter.device.hang_up()
        return reply

    meter.script.append(hang_up)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(ReadDone)
    assert [exchange.outcome for exchange in done.exchanges] == ["link_lost", "reply"]


@run
async def test_a_silent_meter_is_left_alone_by_scheduled_reads_only():
    meter = MeterDouble("silent", (ADDRESS, OTHER))
    async with Desk(meter.endpoint) as desk:
        meter.script.extend([SILENT] * 2)
        desk.submit(read(1, priority=SCHEDULED_READ))
        assert (await desk.next(Failed)).code == "no_reply"
        assert len(meter.requests) == 2
        desk.submit(read(2, priority=SCHEDULED_READ), read(3, OTHER, priority=SCHEDULED_READ))
        events = {event.id: event for event in [await desk.next(), await desk.next()]}
        assert events[2].code == "backed_off" and isinstance(events[3], ReadDone)
        # A person's read goes through, and once it is answered, so do the others.
        desk.submit(read(4))
        await desk.next(ReadDone)
        desk.submit(read(5, priority=SCHEDULED_READ))
        await desk.next(ReadDone)


@run
async def test_a_meter_known_silent_costs_one_attempt():
    meter = MeterDouble("known")
    timing = dataclasses.replace(QUICK, silent_min=0.0)
    meter.script.extend([SILENT] * 3)
    async with Desk(meter.endpoint, timing) as desk:
        for n in range(2):
            desk.submit(read(n, priority=SCHEDULED_READ))
            await desk.next(Failed)
    assert len(meter.requests) == 3


@run
async def test_another_endpoint_is_taken_with_the_next_job():
    old, new = MeterDouble("old"), MeterDouble("new")
    async with Desk(old.endpoint) as desk:
        desk.submit(read(1))
        await desk.next(ReadDone)
        desk.line.configure(dataclasses.replace(desk.spec, endpoint=new.endpoint))
        desk.submit(read(2))
        await desk.next(ReadDone)
        assert not old.device.connected
    assert (len(old.requests), len(new.requests)) == (1, 1)


@run
async def test_an_unforeseen_error_ends_its_job_only():
    meter = MeterDouble("unforeseen")
    async with Desk(meter.endpoint) as desk:
        desk.submit(Read(1, "line", ADDRESS, ("no number",)), read(2))
        events = [await desk.next(), await desk.next()]
    assert {type(event) for event in events} == {Failed, ReadDone}
    assert {event.code for event in events if isinstance(event, Failed)} == {"internal"}


@run
async def test_closing_ends_what_waits():
    meter = MeterDouble("closing")
    async with Desk(meter.endpoint) as desk:
        meter.script.append(lambda reply: (desk.line.close("enough"), reply)[1])
        desk.submit(read(1, items=(dlt.TOTAL, dlt.STATUS_3)), read(2))
        events = [await desk.next(Failed), await desk.next(Failed)]
        desk.submit(read(3))
        events.append(await desk.next(Failed))
    assert {(event.code, event.words) for event in events} == {("stopped", "enough")}


@run
async def test_evidence_of_a_sale_shows_no_secret():
    meter = MeterDouble("evidence")
    frame = charge(1)[1]
    async with Desk(meter.endpoint) as desk:
        desk.submit(Money(1, "line", ADDRESS, 1, "3des"))
        await desk.next(Asked)
        desk.line.turn.answer(frame)
        answered = await desk.next()
        await desk.next(Settled)
    shown = repr(answered)
    assert "charge executed, purchase number 1, balance 100.00" in shown
    cipher = frame[23:39]
    assert cipher.hex(" ").upper() not in shown and cipher.hex() not in shown
    assert frame_in(frame).data[9:13].hex(" ").upper() not in shown
