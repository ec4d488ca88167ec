"""One line and its link: a dead one, a lost one, another one, and meters that are silent."""

import asyncio
import dataclasses
import re

from meter_double import (
    ADDRESS,
    OTHER,
    QUICK,
    SILENT,
    Desk,
    MeterDouble,
    read,
    run,
    sale,
)
from meterwire import dlt645_2007 as dlt
from meterwire.errors import LinkDown
from meterwire.jobs import (
    SCHEDULED_READ,
    Done,
    Failed,
)

FOREIGN = dlt.encode(dlt.Frame(OTHER, 0x91, bytes.fromhex("0000010076170300")))


@run
async def test_a_dead_link_fails_every_job_promptly():
    meter = MeterDouble("dead")
    meter.device.refuse = "nobody is there"
    timing = dataclasses.replace(QUICK, reconnect_min=60.0, reconnect_max=60.0)
    async with Desk(meter.endpoint, timing) as desk:
        desk.submit(*(read(n, priority=SCHEDULED_READ) for n in range(20)))
        desk.submit(sale())
        events = [await desk.next(Failed) for _ in range(21)]
    assert {event.code for event in events} == {"link_down"}
    assert all("nobody is there" in event.words for event in events)
    # Less the time that the test takes.
    assert re.search(r"next try in (60|[1-5][0-9]) s", events[-1].words)


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
        await desk.next(Done)
        desk.submit(read("scheduled", priority=SCHEDULED_READ))
        await desk.next(Done)


@run
async def test_a_link_lost_in_a_read_is_opened_again():
    meter = MeterDouble("lost")

    def hang_up(reply):
        meter.device.hang_up()
        return reply

    meter.script.append(hang_up)
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(Done)
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
        assert events[2].code == "backed_off" and isinstance(events[3], Done)
        # A person's read goes through, and once it is answered, so do the others.
        desk.submit(read(4))
        await desk.next(Done)
        desk.submit(read(5, priority=SCHEDULED_READ))
        await desk.next(Done)


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
        await desk.next(Done)
        desk.line.configure(dataclasses.replace(desk.spec, endpoint=new.endpoint))
        desk.submit(read(2))
        await desk.next(Done)
        assert not old.device.connected
    assert (len(old.requests), len(new.requests)) == (1, 1)


@run
async def test_a_link_that_cannot_be_written_to_is_opened_again():
    meter = MeterDouble("unwritable")
    write = meter.device.on_write

    def refuse(device, data):
        device.on_write = write
        raise LinkDown("the connection is closed")

    meter.device.on_write = refuse
    async with Desk(meter.endpoint) as desk:
        desk.submit(read())
        done = await desk.next(Done)
    assert [exchange.outcome for exchange in done.exchanges] == ["link_lost", "reply"]
    assert meter.device.opened == 2
