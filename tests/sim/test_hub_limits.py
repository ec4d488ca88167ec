"""Whoever abuses the hub is cut off; a good DTU goes on being served meanwhile."""

import asyncio

import pytest
from hub_desk import PATIENCE, Dial, HubProcess, Worker

GOOD = {"id": "BOX-1", "heartbeat": "70696E67", "heartbeat_reply": "706F6E67"}
#: one that waits for more whatever comes
PATTERN = {"id": "SN9", "registration": "regex", "pattern": r"REG,(\w+);"}
QUESTION = b"\x68question\x16"
MEGABYTE = 1 << 20


@pytest.fixture
def new_hub(tmp_path):
    hubs = []

    def make(*dtus, **limits):
        hubs.append(HubProcess(tmp_path / "hub", [GOOD, PATTERN, *dtus], limits=limits))
        return hubs[-1].start()

    yield make
    for hub in hubs:
        hub.close()


class Good:
    """A DTU and its worker, from a source address of their own."""

    async def start(self, hub, source="127.0.0.2"):
        self.dial = await Dial.to(hub, b"BOX-1", source=source)
        await hub.until(lambda told: told["dtus"]["BOX-1"]["online"])
        self.worker = await Worker(hub, "BOX-1").open()
        await self.works()
        return self

    async def works(self):
        self.worker.link.write(QUESTION)
        assert await self.dial.hear(len(QUESTION)) == QUESTION
        self.dial.say(QUESTION[::-1])
        assert await self.worker.hear(len(QUESTION)) == QUESTION[::-1]


def test_idle_connections_push_out_each_other_and_nobody_else(new_hub):
    hub = new_hub(pending=50, register_seconds=3600)

    async def run():
        good = await Good().start(hub)
        before = hub.memory()
        idle = [await Dial.to(hub) for _ in range(300)]
        told = await hub.until(lambda told: told["connections"] == 301)
        assert told["pending"] == 50 and told["pushed_out"] == 250
        assert all([await dial.ended() for dial in idle[:250]])
        await good.works()
        # A DTU that dials in now gets through at once.
        again = await Good().start(hub)
        assert await good.dial.ended()
        await again.works()
        assert hub.memory() - before < 8 * MEGABYTE

    asyncio.run(run())


def test_silence_and_single_bytes_do_not_keep_a_connection(new_hub):
    hub = new_hub(register_seconds=1.0)

    async def run():
        silent, slow = await Dial.to(hub), await Dial.to(hub)

        async def drip():
            try:
                while True:
                    slow.say(b"R")
                    await slow.writer.drain()
                    await asyncio.sleep(0.05)
            except ConnectionError:
                return

        dripping = asyncio.ensure_future(drip())
        assert await silent.ended() and await slow.ended()
        await hub.until(lambda told: told.get("late") == 2)
        dripping.cancel()

    asyncio.run(run())


def test_a_registration_that_never_ends_is_cut_off(new_hub):
    hub = new_hub()

    async def run():
        good = await Good().start(hub)
        before = hub.memory()
        for _ in range(20):
            endless = await Dial.to(hub)
            try:
                for _ in range(64):
                    endless.say(b"REG," + b"1" * 65536)
                    await endless.writer.drain()
            except ConnectionError:
                pass
            assert await endless.ended()
        told = await hub.until(lambda told: told.get("oversize") == 20)
        assert told["pending"] == 0
        await good.works()
        assert hub.memory() - before < 16 * MEGABYTE

    asyncio.run(run())


def test_garbage_of_every_kind(new_hub):
    hub = new_hub(
        {"id": "13800138000", "registration": "ddp"},
        {"id": "02001234", "registration": "gdw3761"},
        register_seconds=5,
    )

    async def run():
        good = await Good().start(hub)
        dials = [
            await Dial.to(hub, data)
            for data in (
                b"GET / HTTP/1.0\r\n\r\n",
                bytes(range(256)) * 4,
                b"\x7b" * 1000,
                b"\x68" * 1000,
                b"\x7b\x01\x04\x10" + b"x" * 2000,
                b"\x00" * 1000,
            )
        ]
        # At once, or when their time to register is over.
        assert all([await dial.ended() for dial in dials])
        await good.works()
        assert hub.tell()["pending"] == 0

    asyncio.run(run())


def test_a_known_dtu_may_send_garbage_without_end(new_hub):
    hub = new_hub({"id": "13800138000", "registration": "ddp"})

    async def run():
        good = await Good().start(hub)
        before = hub.memory()
        flood = await Dial.to(hub, b"\x7b\x01\x00\x1013800138000\x7b")
        assert len(await flood.hear(16)) == 16
        for _ in range(64):
            flood.say(b"\x7b\x09\x04\x10" + b"y" * 65536)
            await flood.writer.drain()
        await good.works()
        assert hub.memory() - before < 16 * MEGABYTE

    asyncio.run(run())


def test_a_worker_that_does_not_read_slows_its_dtu_down_and_nobody_else(new_hub):
    hub = new_hub({"id": "BOX-2"})

    async def run():
        good = await Good().start(hub)
        before = hub.memory()
        flood = await Dial.to(hub, b"BOX-2")
        await hub.until(lambda told: told["dtus"]["BOX-2"]["online"])
        worker = await Worker(hub, "BOX-2").open()
        worker.link._transport.pause_reading()
        sent = 0

        async def pour():
            nonlocal sent
            while True:
                flood.say(b"z" * 65536)
                await flood.writer.drain()
                sent += 65536

        pouring = asyncio.ensure_future(pour())
        # Nothing flows any more once all buffers on the way are full.
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.5)
        assert hub.memory() - before < 16 * MEGABYTE
        await good.works()
        worker.link._transport.resume_reading()
        await worker.hear_at_least(sent)
        pouring.cancel()

    asyncio.run(run())


def test_a_dtu_that_asks_for_answers_and_takes_none_is_hung_up_on(new_hub):
    hub = new_hub()

    async def run():
        good = await Good().start(hub)
        hub.read_again([GOOD, {**GOOD, "id": "BOX-2", "heartbeat_reply": "70" * 40}])
        greedy = await Dial.to(hub, b"BOX-2", buffer=4096)
        greedy.writer.transport.pause_reading()
        before = hub.memory()
        with pytest.raises(ConnectionError):
            while True:
                greedy.say(b"ping" * 4096)
                await greedy.writer.drain()
        await hub.until(lambda told: not told["dtus"]["BOX-2"]["online"])
        assert hub.memory() - before < 16 * MEGABYTE
        await good.works()

    asyncio.run(run())


def test_an_address_that_fails_too_often_is_not_listened_to(new_hub):
    hub = new_hub(failures_per_minute=5, registration_bytes=10)

    async def run():
        good = await Good().start(hub)
        for _ in range(5):
            assert await (await Dial.to(hub, b"somebody else")).ended()
        # Now not even with a good identity; others are served as before.
        refused = await Dial.to(hub, b"BOX-1")
        assert await refused.ended()
        assert hub.tell()["refused"] == 1
        await good.works()

    asyncio.run(run())


def test_an_address_has_so_many_connections_and_registrations(new_hub):
    hub = new_hub(per_address=3, registrations_per_minute=4, register_seconds=3600)

    async def run():
        good = await Good().start(hub)
        dials = [await Dial.to(hub) for _ in range(3)]
        assert await (await Dial.to(hub)).ended()
        dials[0].hang_up()
        await hub.until(lambda told: told["pending"] == 2)
        fourth = await Dial.to(hub)
        await hub.until(lambda told: told["pending"] == 3)
        for dial in [*dials, fourth]:
            dial.hang_up()
        await hub.until(lambda told: told["pending"] == 0)
        hub.read_again([GOOD, {"id": "BOX-2"}])
        for number in range(4):
            dial = await Dial.to(hub, b"BOX-2")
            await hub.until(lambda told, number=number: told["registered"] == 2 + number)
            dial.hang_up()
            await hub.until(lambda told: not told["dtus"]["BOX-2"]["online"])
        assert await (await Dial.to(hub, b"BOX-2")).ended()
        assert hub.tell()["too_often"] == 1
        await good.works()

    asyncio.run(run())


def test_a_dtu_that_says_nothing_any_more_is_hung_up_on(new_hub):
    hub = new_hub({"id": "BOX-2", "idle_seconds": 1})

    async def run():
        good = await Good().start(hub)
        silent = await Dial.to(hub, b"BOX-2")
        assert await silent.ended()
        told = hub.tell()
        assert told["idle"] == 1 and not told["dtus"]["BOX-2"]["online"]
        await good.works()

    asyncio.run(run())


def test_workers_that_do_not_prove_themselves_are_not_waited_for(new_hub):
    hub = new_hub(worker_seconds=3)

    async def run():
        host, _, port = hub.workers.rpartition(":")
        reader, _writer = await asyncio.open_connection(host, int(port))
        assert (await reader.readline()).startswith(b"METERHUB")
        assert b"too slow" in await asyncio.wait_for(reader.read(), PATIENCE)
        good = await Good().start(hub)
        await good.works()

    asyncio.run(run())
