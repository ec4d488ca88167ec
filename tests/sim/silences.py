"""Silence without a stop-watch: a question ends when the simulator says that it did not answer it.

The engine would wait for its time limit, which is either long, or passes by chance on a busy
machine while the answer is on its way. Here the limit is long, and what it stands for is told.
"""

import threading
from collections import Counter
from contextlib import suppress
from time import monotonic
from unittest.mock import patch

import meterwire.line
from meterwire.session import Session

LOOK_SECONDS = 0.02
#: so long after a piece of a spoiled reply, or after late bytes were let go, more of it may come
GRACE = 0.3
CLEAN = ("reply", "refused", "sent")


class Silences:
    """Ends the sessions of an engine that the simulator left unanswered.

    A line has one question at a time. It was left unanswered when the simulator has seen as many
    requests as the line has put, and has answered one less than those that were answered before.

    :param engine: ``Engine``
    :param sim: ``sim(op, ...)``, for many threads
    :param dict homes: address of a meter: (its line, its port at the simulator)
    """

    def __init__(self, engine, sim, homes):
        self._engine, self._sim, self._homes = engine, sim, homes
        self._ports = {
            line: sorted({port for name, port in homes.values() if name == line})
            for line in {line for line, _port in homes.values()}
        }
        self._lock = threading.Lock()
        self._sessions, self._put, self._failed = {}, Counter(), Counter()
        self._heard_at = {}  # session: when its first bytes were seen, or late ones were let go
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        #: addresses whose replies are spoiled: what is said in place of an answer is waited for
        self.spoiled = set()
        #: addresses whose link closes in place of the reply: that is what ends the question
        self.cut = set()
        #: {address: another one} whose held frames are delivered into the next silence of this
        self.deliver = {}
        #: lines that must be connected before a silence is over
        self.connected = lambda _line: True

    def __enter__(self):
        self._patch = patch.object(meterwire.line, "Session", self._session)
        self._patch.start()
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()
        self._patch.stop()

    # -- the engine's thread -----------------------------------------------------------------------

    def _session(self, *values):
        session = Session(*values)
        line, _port = self._homes[session.address]
        with self._lock:
            before = self._sessions.get(line)
            if before is not None and before.outcome not in CLEAN:
                self._failed[self._homes[before.address][1]] += 1
            self._sessions[line] = session
            self._put[line] += 1
        return session

    def _end(self, line, session):
        found = self._engine._lines.get(line)
        if found is not None and found._session is session and not session.done:
            session.silence()
            found._finish()

    # -- the watcher's thread ----------------------------------------------------------------------

    def _watch(self):
        while not self._over.wait(LOOK_SECONDS):
            with self._lock:
                waiting = [
                    (line, session, self._put[line], self._failed[self._homes[session.address][1]])
                    for line, session in self._sessions.items()
                    if not session.done
                ]
            if waiting:
                ports = self._sim("stats")["ports"]
                for line, session, put, failed in waiting:
                    port = self._homes[session.address][1]
                    seen = sum(ports[name]["requests"] for name in self._ports[line])
                    if session.address in self.cut:
                        continue
                    if seen == put and ports[port]["unanswered"] == failed + 1:
                        self._left_alone(line, session)

    def _left_alone(self, line, session):
        """The simulator has dealt with a question, and gave no answer."""
        now = monotonic()
        if other := self.deliver.pop(session.address, None):
            self._sim("deliver", address=other)
            self._heard_at[session] = now
        elif session.address in self.spoiled and session not in self._heard_at:
            if session.rx:
                self._heard_at[session] = now
            return
        if now < self._heard_at.get(session, -GRACE) + GRACE or not self.connected(line):
            return
        self._heard_at.pop(session, None)
        with suppress(RuntimeError):  # the engine has ended
            self._engine._loop.call_soon_threadsafe(self._end, line, session)
