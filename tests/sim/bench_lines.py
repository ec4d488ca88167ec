"""How many exchanges a simulator carries: ``python tests/sim/bench_lines.py --boxes 100``.

Plays boxes of 16 ports with 40 meters each at real line speed and reads one meter after the other
on every port, from a process of its own. Prints what the simulator says of itself, and what a
reading took. Not a test: nothing here fails on a slow machine.
"""

import argparse
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIB = Path(__file__).parents[2] / "addons" / "meter_gateway" / "lib"
FIRST_PORT = 12000  # below those that the system gives to clients


def site(options):
    boxes = []
    for box in range(options.boxes):
        ports = []
        for number in range(1, 17):
            index = box * 16 + number - 1
            meters = [
                {
                    "address": f"{202600000000 + index * options.meters + meter:012d}",
                    "type": "d_single",
                    "credit": "units",
                    "actuator": "relay",
                    "balance": f"{100 + meter}.00",
                    "total": "1000.00",
                    "load": "0.8",
                }
                for meter in range(options.meters)
            ]
            listen = f"tcp://127.0.0.1:{FIRST_PORT + index}"
            ports.append(
                {"number": number, "listen": listen, "baudrate": options.baudrate, "meters": meters}
            )
        boxes.append({"name": f"C{box + 1}", "ports": ports})
    return {"line_speed": True, "td": 0.02, "concentrators": boxes}


def question(address):
    body = bytes([0x68, *bytes.fromhex(address)[::-1], 0x68, 0x11, 4, 0x33, 0x33, 0x34, 0x33])
    return b"\xfe\xfe\xfe\xfe" + body + bytes([sum(body) % 256, 0x16])


class Reader:
    """Asks the meters of one port in turn."""

    def __init__(self, number, meters):
        self.socket = socket.create_connection(("127.0.0.1", number))
        self.socket.setblocking(False)
        self.meters, self.turn = meters, 0
        self.heard, self.begun = b"", 0.0

    def ask(self, now):
        self.heard, self.begun = b"", now
        self.socket.send(self.meters[self.turn])
        self.turn = (self.turn + 1) % len(self.meters)

    def readable(self, now):
        """Return the seconds of an exchange that has ended, else None."""
        self.heard += self.socket.recv(4096)
        if len(self.heard) < 24:
            return None
        assert self.heard[12] == 0x91 and len(self.heard) == 24, self.heard.hex()
        seconds = now - self.begun
        self.ask(now)
        return seconds


def run(options, content):
    readers, poll = {}, select.epoll()
    for box in content["concentrators"]:
        for port in box["ports"]:
            number = int(port["listen"].rpartition(":")[2])
            reader = Reader(number, [question(meter["address"]) for meter in port["meters"]])
            readers[reader.socket.fileno()] = reader
            poll.register(reader.socket, select.EPOLLIN)
    # Lines of a real site do not begin at the same moment.
    for reader in readers.values():
        reader.ask(time.monotonic())
        time.sleep(0.2 / len(readers))
    taken, end = [], time.monotonic() + options.seconds
    while (now := time.monotonic()) < end:
        for descriptor, _event in poll.poll(0.05, 4096):
            seconds = readers[descriptor].readable(now)
            if seconds is not None:
                taken.append(seconds)
        time.sleep(0.002)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=int, default=100)
    parser.add_argument("--meters", type=int, default=40, help="on each port")
    parser.add_argument("--baudrate", type=int, default=2400)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    content = site(options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.json"
        file.write_text(json.dumps(content))
        begin = time.monotonic()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "meterwire.sim", "--site", str(file)),
                *("--state", f"{folder}/state", "--control", "127.0.0.1:0"),
            ],
            env={**os.environ, "PYTHONPATH": str(LIB), "METERWIRE_KEY_1": "0F" * 8 + "1E" * 8},
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = process.stdout.readline().strip()
        print(f"{ready} after {time.monotonic() - begin:.1f} s")
        host, _colon, number = ready.split("control=")[1].split()[0].rpartition(":")
        control = socket.create_connection((host, int(number))).makefile("rw")

        def stats():
            control.write('{"op": "stats", "ports": false}\n')
            control.flush()
            return json.loads(control.readline())

        before = stats()
        wall = time.monotonic()
        taken = run(options, content)
        after, wall = stats(), time.monotonic() - wall
        count = after["total"]["replies"] - before["total"]["replies"]
        cpu = after["cpu_seconds"] - before["cpu_seconds"]
        lines = options.boxes * 16
        wire = (20 + 24) * 11 / options.baudrate + 0.02
        quick = sorted(taken)
        print(f"{count} exchanges in {wall:.1f} s = {count / wall:.0f}/s on {lines} lines")
        print(f"simulator: {cpu:.2f} s CPU = {100 * cpu / wall:.0f} % of a core,", end=" ")
        print(f"{cpu / count * 1e6:.0f} us an exchange, {after['rss'] / 1e6:.0f} MB", end=" ")
        print(f"(idle: {before['rss'] / 1e6:.0f} MB)")
        print(
            f"one exchange: {1000 * statistics.median(taken):.0f} ms median,"
            f" {1000 * quick[int(len(quick) * 0.99)]:.0f} ms at 99 %; on the wire {1000 * wire:.0f}"
        )
        busy = after["total"]["taken_seconds"] - before["total"]["taken_seconds"]
        print(f"lines taken {100 * busy / wall / lines:.0f} % of the time")
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
