"""Processes that a test starts and kills: waiting for conditions, free ports, kill -9."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOCAL = TOP / ".local"
# A busy machine gets so many times as long as one that does nothing else needs at most.
SLOWER = 6
TAIL = 40  # lines of a log that a failure shows


class Impatience(AssertionError):
    """A condition did not come true in time."""


def until(condition, seconds, what, explain=None, every=0.05):
    """Wait until ``condition()`` is true and return what it gave.

    :param seconds: enough where nothing else runs; passing ``SLOWER`` times that fails the test
    :param what: words for the failure
    :param explain: called on failure, gives a text (logs, what is not settled)
    """
    seconds *= SLOWER
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            more = f"\n{explain()}" if explain else ""
            raise Impatience(f"not within {seconds:g} s: {what}{more}")
        time.sleep(every)


def free_ports(count, tries=200):
    """Return the first of ``count`` neighbouring TCP ports nobody listens on.

    Below the range from which the system takes ports for outgoing connections, so that none of
    them is taken while its owner is being restarted.
    """
    for _ in range(tries):
        first = random.SystemRandom().randrange(12000, 30000)
        sockets = []
        try:
            for number in range(first, first + count):
                item = socket.socket()
                sockets.append(item)
                item.bind(("127.0.0.1", number))
        except OSError:
            continue
        finally:
            for item in sockets:
                item.close()
        return first
    raise AssertionError("no free ports")


def tail(path, lines=TAIL):
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"({error})"
    return "\n".join(text[-lines:])


class Process:
    """A child with its log; only its own id is ever killed."""

    def __init__(self, command, log, env=None, cwd=TOP):
        self.log = Path(log)
        self._file = self.log.open("ab")
        self.popen = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **{key: str(value) for key, value in (env or {}).items()}},
            cwd=cwd,
            # Ctrl-C at the terminal ends pytest, which then ends this one.
            start_new_session=True,
        )

    @property
    def pid(self):
        return self.popen.pid

    @property
    def alive(self):
        return self.popen.poll() is None

    def kill(self):
        """kill -9; returns when the process is gone."""
        if self.alive:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(30 * SLOWER)

    def end(self, seconds=20 * SLOWER):
        """SIGTERM, and SIGKILL when that is not enough."""
        if self.alive:
            self.popen.terminate()
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._file.close()


def run(command, log, env=None, stdin=None, seconds=600 * SLOWER):
    """Run a command to its end into a log; its failure shows the end of the log."""
    with Path(log).open("ab") as file:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=stdin or subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **{key: str(value) for key, value in (env or {}).items()}},
            cwd=TOP,
            timeout=seconds,
            check=False,
        )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{tail(log)}"
