"""The hub under 5,000 connections: its memory, and how long a good DTU's exchange takes meanwhile.

.local/venv/bin/python tests/bench/hub.py
"""

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests" / "sim"), str(TOP / "addons" / "meter_gateway" / "lib")]

from hub_desk import Dial, HubProcess, Worker

CROWD = 5000
ROUNDS = 300
GOOD = "127.1.0.1"  # the good DTU's address; the crowd comes from 127.2.0.x
FRAME = bytes.fromhex("FEFEFEFE68010000112620681104333334330A16")


def source(number):
    return f"127.2.0.{1 + number % 50}"


async def exchange(dial, worker):
    """Milliseconds of one question and answer through the hub."""
    started = time.perf_counter()
    worker.link.write(FRAME)
    await dial.hear(len(FRAME))
    dial.say(FRAME)
    await worker.hear(len(FRAME))
    return (time.perf_counter() - started) * 1000


async def crowd(hub, says):
    """``CROWD`` connections, a few hundred at a time."""
    dials = []
    for at in range(0, CROWD, 200):
        numbers = range(at, at + 200)
        dials += await asyncio.gather(
            *(Dial.to(hub, *says(number), source=source(number)) for number in numbers)
        )
    return dials


async def row(what, hub, dial, worker):
    times = [await exchange(dial, worker) for _ in range(ROUNDS)]
    told = hub.tell()
    quantile = statistics.quantiles(times, n=100)
    print(
        f"{what:34}{told['online']:8}{told['pending']:8}{hub.memory() / 2**20:9.1f}"
        f"{statistics.median(times):9.2f}{quantile[-1]:9.2f}",
        flush=True,
    )


async def run(hub):
    print(f"{'':34}{'online':>8}{'pending':>8}{'RSS MiB':>9}{'ms':>9}{'ms 99 %':>9}")
    dial = await Dial.to(hub, b"GOOD", source=GOOD)
    await hub.until(lambda told: told["dtus"]["GOOD"]["online"])
    worker = await Worker(hub, "GOOD").open()
    await row("one DTU", hub, dial, worker)

    strangers = await crowd(hub, lambda number: ())
    await hub.until(lambda told: told["connections"] == CROWD + 1)
    await row(f"{CROWD} came and said nothing", hub, dial, worker)
    started = time.perf_counter()
    dial = await Dial.to(hub, b"GOOD", source=GOOD)
    await worker.told()
    await worker.open()
    print(f"dialled in anew among them and served after {time.perf_counter() - started:.3f} s")
    for one in strangers:
        one.hang_up()
    await hub.until(lambda told: not told["pending"])
    await row("they have gone", hub, dial, worker)

    registered = await crowd(hub, lambda number: (f"DTU-{number:05}".encode(),))
    await hub.until(lambda told: told["online"] == CROWD + 1)
    await row(f"{CROWD} DTUs registered, idle", hub, dial, worker)
    beating = asyncio.ensure_future(beats(registered))
    await row(f"{CROWD} DTUs, 500 heartbeats/s", hub, dial, worker)
    beating.cancel()


async def beats(dials):
    """Each DTU's heartbeat every 10 s."""
    while True:
        for at in range(0, len(dials), 50):
            for dial in dials[at : at + 50]:
                dial.say(b"heartbeat")
            await asyncio.sleep(0.1)


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    common = {"heartbeat": b"heartbeat".hex(), "heartbeat_reply": b"ok".hex()}
    dtus = [{"id": f"DTU-{number:05}", **common} for number in range(CROWD)]
    with tempfile.TemporaryDirectory() as folder:
        hub = HubProcess(Path(folder) / "hub", [{"id": "GOOD"}, *dtus]).start()
        try:
            asyncio.run(run(hub))
        finally:
            hub.close()


if __name__ == "__main__":
    main()
