"""The hub as a process of its own: every way of registering, and who has which DTU."""

import asyncio
import contextlib
import re
import subprocess

import pytest
from hub_desk import PATIENCE, Dial, HubProcess, Worker, key_file
from meterwire import gdw3761
from meterwire.errors import LinkDown
from meterwire.hub import attach, ddp

NAME = b"13800138000"
LOGIN = bytes.fromhex("683200320068C900023412000271000001008516")
DTUS = [
    {"id": "BOX-1", "heartbeat": "70696E67", "heartbeat_reply": "706F6E67"},
    {"id": "BOX-2", "heartbeat": "70696E67"},
    {"id": "A1B2C3", "registration": "hex"},
    {"id": "860000000000017", "registration": "imei"},
    {"id": "SN9", "registration": "regex", "pattern": r"\+REG,(?P<id>\w+),(?P<signal>\d+);"},
    {"id": "CTRL:0921", "registration": "prefix"},
    {"id": "EDGE", "registration": "prefix", "prefix": "A55A01"},
    {"id": "13800138000", "registration": "ddp"},
    {"id": "02001234", "registration": "gdw3761"},
]
QUESTION, ANSWER = b"\x68question\x16", b"\x68an answer\x16"


@pytest.fixture
def new_hub(tmp_path):
    hubs = []

    def make(dtus=DTUS, **content):
        hubs.append(HubProcess(tmp_path / f"hub{len(hubs)}", dtus, **content))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(new_hub):
    return new_hub().start()


async def calls(hub, name, *says, **values):
    """A DTU that has registered."""
    before = hub.tell().get("registered", 0)
    dial = await Dial.to(hub, *says, **values)
    told = await hub.until(lambda told: told.get("registered", 0) > before)
    assert told["dtus"][name]["online"]
    return dial


FAMILIES = [
    ("BOX-1", b"BOX-1", b"", QUESTION, ANSWER),
    ("A1B2C3", b"\xa1\xb2\xc3", b"", QUESTION, ANSWER),
    ("860000000000017", b"860000000000017", b"", QUESTION, ANSWER),
    ("SN9", b"+REG,SN9,23;", b"", QUESTION, ANSWER),
    ("CTRL:0921", b"CTRL:0921", b"", QUESTION, b"CTRL:0921" + ANSWER),
    ("EDGE", b"\xa5\x5a\x01", b"", b"\xa5\x5a\x01" + QUESTION, b"\xa5\x5a\x01" + ANSWER),
    (
        "13800138000",
        ddp.build(ddp.REGISTER, NAME, bytes(6)),
        ddp.build(0x81, NAME),
        ddp.build(ddp.DATA_DOWN, NAME, QUESTION),
        ddp.build(ddp.DATA_UP, NAME, ANSWER),
    ),
    ("02001234", LOGIN, gdw3761.confirm(gdw3761.parse(LOGIN)), QUESTION, None),
]


@pytest.mark.parametrize(("name", "says", "confirmed", "down", "up"), FAMILIES)
@pytest.mark.parametrize("split", [False, True])
def test_every_family(hub, name, says, confirmed, down, up, split):
    plain = ANSWER
    if up is None:
        frame = gdw3761.Frame(name, 0x88, gdw3761.FORWARD, 0x60, gdw3761.F1, ANSWER)
        up = plain = gdw3761.encode(frame)

    async def run():
        if split:
            dial = await calls(hub, name, *(says[i : i + 1] for i in range(len(says))))
        else:
            dial = await calls(hub, name, says)
        assert await dial.hear(len(confirmed)) == confirmed
        worker = await Worker(hub, name).open()
        for _ in range(3):
            worker.link.write(QUESTION)
            assert await dial.hear(len(down)) == down
            for part in (up[:3], up[3:]) if split else (up,):
                dial.say(part)
                await dial.writer.drain()
            assert await worker.hear(len(plain)) == plain
        status = hub.tell()["dtus"][name]
        assert status["online"] and status["address"] == dial.place
        assert status["signal"] == (23 if name == "SN9" else None)
        worker.link.abort()
        dial.hang_up()

    asyncio.run(run())


def test_heartbeats_inside_the_stream_are_answered_and_not_passed_on(hub):
    async def run():
        dial = await calls(hub, "BOX-1", b"BOX-1ping")
        assert await dial.hear(4) == b"pong"
        worker = await Worker(hub, "BOX-1").open()
        dial.say(b"ping" + ANSWER[:4] + b"ping" + ANSWER[4:] + b"BOX-1" + ANSWER + b"pi")
        assert await dial.hear(8) == b"pongpong"
        # What may become a heartbeat comes a moment later when nothing follows.
        assert await worker.hear(2 * len(ANSWER) + 2) == ANSWER * 2 + b"pi"
        dial.hang_up()

    asyncio.run(run())


def test_bytes_without_a_worker_are_dropped_and_counted(hub):
    async def run():
        dial = await calls(hub, "BOX-1", b"BOX-1")
        dial.say(ANSWER + b"ping")
        assert await dial.hear(4) == b"pong"
        assert hub.tell()["dropped_bytes"] == len(ANSWER)
        worker = await Worker(hub, "BOX-1").open()
        dial.say(b"fresh")
        assert await worker.hear(5) == b"fresh"

    asyncio.run(run())


def test_offline_is_said_in_words_and_seen_later(hub):
    async def run():
        with pytest.raises(LinkDown, match="DTU BOX-1 is offline: it has not called since"):
            await Worker(hub, "BOX-1").open()
        with pytest.raises(LinkDown, match="DTU BOX-9 is not configured at the hub"):
            await Worker(hub, "BOX-9").open()
        dial = await calls(hub, "BOX-1", b"BOX-1")
        worker = await Worker(hub, "BOX-1").open()
        dial.writer.close()
        assert re.search("DTU BOX-1 is offline: it closed the connection", await worker.told())
        with pytest.raises(LinkDown):
            worker.link.write(QUESTION)
        with pytest.raises(LinkDown, match="DTU BOX-1 is offline: last heard [0-9]+ s ago"):
            await worker.open()
        status = hub.tell()["dtus"]["BOX-1"]
        assert not status["online"] and status["seen_at"] and status["address"] == dial.place

    asyncio.run(run())


def test_the_newest_call_wins_wherever_it_comes_from(hub):
    async def run():
        old = await calls(hub, "BOX-1", b"BOX-1")
        worker = await Worker(hub, "BOX-1").open()
        new = await calls(hub, "BOX-1", b"BOX-1", source="127.0.0.3")
        assert await old.ended()
        assert "dialled in anew" in await worker.told()
        await worker.open()
        worker.link.write(QUESTION)
        assert await new.hear(len(QUESTION)) == QUESTION
        told = hub.tell()
        assert told["dtus"]["BOX-1"]["address"] == new.place and told["replaced"] == 1
        assert "127.0.0.3" in hub.log.read_text()  # the engineer can see who took it

    asyncio.run(run())


def test_an_unknown_identity_is_turned_away(new_hub):
    hub = new_hub([{"id": "BOX-1"}]).start()

    async def run():
        stranger = await Dial.to(hub, b"BOX-9\r\n")
        assert await stranger.ended()
        assert hub.tell()["unknown"] == 1
        assert "BOX-9" in hub.log.read_text()

    asyncio.run(run())


# --- workers --------------------------------------------------------------------------------------


def test_only_the_newest_run_has_the_dtu(hub):
    async def run():
        dial = await calls(hub, "BOX-1", b"BOX-1")
        first = await Worker(hub, "BOX-1", generation=4).open()
        with pytest.raises(LinkDown, match="another line of worker 1 has DTU BOX-1"):
            await Worker(hub, "BOX-1", generation=4).open()
        second = await Worker(hub, "BOX-1", generation=5).open()
        assert "a newer run" in await first.told()
        with pytest.raises(LinkDown, match=r"run 4 of worker 1 is not the newest \(5\)"):
            await first.open()
        second.link.abort()
        # Also when nobody has it: the older run may not come back.
        await hub.until(lambda told: not told["workers"])
        with pytest.raises(LinkDown, match="is not the newest"):
            await first.open()
        await second.open()
        second.link.write(QUESTION)
        assert await dial.hear(len(QUESTION)) == QUESTION

    asyncio.run(run())


def test_a_box_that_changes_hands_goes_to_the_newest_run(hub):
    async def run():
        dial = await calls(hub, "BOX-1", b"BOX-1")
        first = await Worker(hub, "BOX-1", generation=4, worker="1").open()
        with pytest.raises(LinkDown, match=r"run 3 of worker 2 is not the newest \(4\)"):
            await Worker(hub, "BOX-1", generation=3, worker="2").open()
        second = await Worker(hub, "BOX-1", generation=5, worker="2").open()
        assert "a newer run (5 of worker 2) has DTU BOX-1 now" in await first.told()
        with pytest.raises(LinkDown, match=r"run 4 of worker 1 is not the newest \(5\)"):
            await first.open()
        second.link.write(QUESTION)
        assert await dial.hear(len(QUESTION)) == QUESTION
        # One run, two names: two databases, or a generation that was made up.
        with pytest.raises(LinkDown, match="another line of worker 2 has DTU BOX-1"):
            await Worker(hub, "BOX-1", generation=5, worker="1").open()
        # And back.
        third = await Worker(hub, "BOX-1", generation=6, worker="1").open()
        assert "a newer run" in await second.told()
        dial.say(ANSWER)
        assert await third.hear(len(ANSWER)) == ANSWER

    asyncio.run(run())


def test_lines_of_one_worker_have_their_dtus_side_by_side(hub):
    async def run():
        dials = [await calls(hub, name, name.encode()) for name in ("BOX-1", "BOX-2")]
        workers = [await Worker(hub, name).open() for name in ("BOX-1", "BOX-2")]
        for number, worker in enumerate(workers):
            worker.link.write(bytes([number]) * 9)
        for number, dial in enumerate(dials):
            assert await dial.hear(9) == bytes([number]) * 9
        with pytest.raises(LinkDown, match="BOX-1 is offline"):
            dials[0].hang_up()
            await workers[0].told()
            await workers[0].open()
        dials[1].say(ANSWER)
        assert await workers[1].hear(len(ANSWER)) == ANSWER

    asyncio.run(run())


def test_a_wrong_secret_is_refused_by_both_sides(hub, tmp_path):
    wrong = key_file(tmp_path / "wrong.json", "guessed")

    async def run():
        _dial = await calls(hub, "BOX-1", b"BOX-1")
        with pytest.raises(LinkDown, match="the secret does not fit"):
            await Worker(hub, "BOX-1", keys=wrong).open()
        assert hub.tell()["workers_refused"] == 1

        # Whoever pretends to be the hub learns nothing that would open the real one.
        async def pretender(reader, writer):
            writer.write(attach.greeting(attach.nonce()))
            await reader.readline()
            writer.write(b"OK " + b"0" * 64 + b"\n")

        server = await asyncio.start_server(pretender, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        worker = Worker(hub, "BOX-1")
        worker.endpoint = f"hub://127.0.0.1:{port}/BOX-1?generation=1&worker=1"
        with pytest.raises(LinkDown, match="does not prove that it knows the secret"):
            await worker.open()
        server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"ATTACH BOX-1 one 1 x y\n", b"\xff" * 30 + b"\n", b"x" * 5000, b"\n\n\n"],
)
def test_whoever_does_not_speak_the_workers_language_is_refused(hub, line):
    async def run():
        host, _, port = hub.workers.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert (await reader.readline()).startswith(b"METERHUB 1 ")
        writer.write(line)
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).startswith(b"NO ")

    asyncio.run(run())


def test_an_overheard_request_is_of_no_use(hub):
    async def run():
        _dial = await calls(hub, "BOX-1", b"BOX-1")
        host, _, port = hub.workers.rpartition(":")
        overheard = []

        async def between(reader, writer):
            """Listens between a worker and the hub."""
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
            writer.write(await up_reader.readline())
            overheard.append(await reader.readline())
            up_writer.write(overheard[0])
            with contextlib.suppress(ConnectionError):
                while data := await up_reader.read(4096):
                    writer.write(data)

        server = await asyncio.start_server(between, "127.0.0.1", 0)
        worker = Worker(hub, "BOX-1")
        worker.endpoint = worker.endpoint.replace(
            hub.workers, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        )
        await worker.open()
        reader, writer = await asyncio.open_connection(host, int(port))
        await reader.readline()
        writer.write(overheard[0])
        assert b"the secret does not fit" in await asyncio.wait_for(reader.read(), PATIENCE)
        server.close()

    asyncio.run(run())


# --- the program ----------------------------------------------------------------------------------


def test_settings_are_read_again_without_disturbing_the_others(hub):
    async def run():
        first = await calls(hub, "BOX-1", b"BOX-1")
        second = await calls(hub, "BOX-2", b"BOX-2")
        changed = [DTUS[1], {"id": "NEW"}]
        hub.read_again(changed)
        assert await first.ended()
        assert set(hub.tell()["dtus"]) == {"BOX-2", "NEW"}
        worker = await Worker(hub, "BOX-2").open()
        second.say(ANSWER)
        assert await worker.hear(len(ANSWER)) == ANSWER
        _new = await calls(hub, "NEW", b"NEW")
        # A file that makes no sense changes nothing.
        hub.file.write_text("{")
        hub.process.send_signal(1)
        assert set(hub.tell()["dtus"]) == {"BOX-2", "NEW"}

    asyncio.run(run())


def test_it_ends_in_order_and_tells_everybody(hub):
    async def run():
        dial = await calls(hub, "BOX-1", b"BOX-1")
        worker = await Worker(hub, "BOX-1").open()
        assert hub.stop() == 0
        assert "the hub ends" in await worker.told()
        assert await dial.ended()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"workers": "7101"}, "is not HOST:PORT"),
        ({"listen": ["203.0.113.1:7100"]}, "annot assign"),
        ({"limits": {"speed": 1}}, "speed"),
        ({"dtus": [{"id": "X", "registration": "morse"}]}, "unknown registration"),
    ],
)
def test_a_file_that_cannot_be_used(new_hub, change, words):
    hub = new_hub()
    hub.content |= change
    hub.write(change.get("dtus", DTUS))
    assert hub.launch().wait(PATIENCE) == 2
    assert words in hub.log.read_text()


def test_without_a_secret_it_serves_nobody(new_hub):
    hub = new_hub()
    hub.keys.write_text('{"1": "00112233445566778899AABBCCDDEEFF"}')
    assert hub.launch().wait(PATIENCE) == 2
    assert "no hub in the file that METERWIRE_KEYS names" in hub.log.read_text()


def test_the_port_of_another_program(new_hub):
    first = new_hub().start()
    second = new_hub(listen=[f"127.0.0.1:{first.ports[0]}"])
    process = second.launch()
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert process.wait(PATIENCE) == 2
    assert "in use" in second.log.read_text()
