"""Many lines side by side in one thread, driven from another thread.

The caller's side: ``submit`` and ``answer`` at any time, ``wake_fd`` in a ``select``, ``drain``
when it is readable. The caller never waits for the engine; the engine never calls its code. Jobs
that come by the thousand may be submitted ``aside``: another thread of the caller looks after them
when it likes, by ``drain_aside``, and whoever waits for the others is not woken.
"""

import asyncio
import collections
import functools
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from .jobs import Answered, Failed, Released
from .line import Line

_logger = logging.getLogger(__name__)

_REMEMBERED = 10_000
#: calls to other programs (encryptors, name servers) under way at once
_CALLS = 16


class Engine:
    """Runs an event loop in a daemon thread of its own.

    :param KeyRing keyring: master keys, passwords, and what links and encryptors need
    """

    def __init__(self, keyring):
        self._keyring = keyring
        self._lock = threading.Lock()
        self._events = collections.deque()
        self._live = set()  # ids of jobs without their terminal event
        self._aside = set()  # those of them whose events wake nobody
        self._aside_events = collections.deque()
        self._sent = collections.OrderedDict()  # money whose frame left, newest last
        self._signalled = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = None
        self._loop = None
        self._ready = threading.Event()
        self._lines = {}
        self._tasks = {}
        self._leaving = {}  # line key -> task of a line that was taken out and is at its end
        self._stop = None

    # --- the caller's thread --------------------------------------------------------------------

    @property
    def wake_fd(self):
        """A file descriptor that is readable while events wait."""
        return self._wake_read

    def start(self):
        """Start the thread; once.

        :raises RuntimeError: started before
        """
        if self._thread is not None:
            raise RuntimeError("an engine is started once")
        self._thread = threading.Thread(target=self._main, name="meterwire", daemon=True)
        self._thread.start()
        self._ready.wait()

    def configure(self, lines):
        """Make ``lines`` (``LineSpec``) all lines there are. A line that is not among them ends its
        jobs; one with another endpoint moves there after the job it is at. Nothing is opened yet.
        """
        self._call(self._configure, list(lines))

    def submit(self, jobs, aside=False):
        """Queue jobs. Each ends in exactly one terminal event.

        :param aside: their events go to ``drain_aside``
        :raises ValueError: an id is under way already
        """
        jobs = list(jobs)
        with self._lock:
            ids = [job.id for job in jobs]
            double = self._live.intersection(ids)
            if double or len(set(ids)) != len(ids):
                raise ValueError(f"jobs are under way already: {sorted(map(str, double)) or ids}")
            self._live.update(ids)
            if aside:
                self._aside.update(ids)
        if not self._call(self._submit, jobs):
            for job in jobs:
                self._emit(Failed(job.id, "stopped", "the engine does not run"), live=True)

    def answer(self, job_id, order):
        """Answer ``Asked``: the ``Order`` to send, or None to send nothing. Whoever gives an order
        has committed before that it is sent.

        An answer that comes too late sends nothing and is reported as ``Released`` once more.
        """
        if not self._call(self._answer, job_id, order):
            self._emit(Released(job_id, "the engine does not run"))

    def drain(self):
        """The events since the last call, oldest first."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
            if self._signalled:
                self._signalled = False
                os.read(self._wake_read, 1)
        return events

    def drain_aside(self):
        """The same of the jobs that were submitted aside."""
        with self._lock:
            events, self._aside_events = self._aside_events, collections.deque()
        return events

    def stop(self, timeout=5.0):
        """End: waiting jobs and reads at once, lines held are given back, money that has left is
        followed up for at most ``timeout`` seconds. ``drain`` still gives what is left afterwards.

        :return: whether the thread has ended
        """
        if self._thread is None:
            return True
        self._call(self._begin_stop, timeout)
        self._thread.join(timeout + 2)
        return not self._thread.is_alive()

    def close(self):
        """``stop``, then give back the file descriptors; the engine is of no more use."""
        if self.stop():
            with self._lock:
                self._signalled = True  # nobody may write to the pipe any more
                for name in ("_wake_read", "_wake_write"):
                    if getattr(self, name) >= 0:
                        os.close(getattr(self, name))
                        setattr(self, name, -1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.close()

    def _call(self, function, *args):
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed
            return False
        return True

    # --- the engine's thread --------------------------------------------------------------------

    def _main(self):
        try:
            asyncio.run(self._run())
        except Exception:
            _logger.exception("the engine ended")
        finally:
            self._ready.set()
            # Whatever came in between is told too: no job ends without an event.
            with self._lock:
                left = list(self._live)
            for job_id in left:
                self._emit(Failed(job_id, "stopped", "the engine was stopped"), live=True)

    async def _run(self):
        self._stop = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_CALLS, "meterwire-call"))
        self._ready.set()
        timeout = await self._stop
        for line in self._lines.values():
            line.close("the engine was stopped")
        for line, task in self._tasks.items():
            if line.turn is None or not line.turn.sent:
                task.cancel()
        tasks = {*self._tasks.values(), *self._leaving.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _begin_stop(self, timeout):
        if not self._stop.done():
            self._stop.set_result(timeout)

    def _configure(self, specs):
        if self._stop.done():
            return
        wanted = {spec.key: spec for spec in specs}
        for key in [key for key in self._lines if key not in wanted]:
            line = self._lines.pop(key)
            line.close("the line was taken out", code="no_line")
            task = self._leaving[key] = self._tasks.pop(line)
            task.add_done_callback(functools.partial(self._gone, key))
        for key, spec in wanted.items():
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = Line(spec, self._keyring, self._emit)
                self._tasks[line] = self._loop.create_task(
                    self._run_line(line, self._leaving.get(key))
                )
            elif line.spec != spec:
                line.configure(spec)

    def _gone(self, key, task):
        if self._leaving.get(key) is task:
            del self._leaving[key]

    async def _run_line(self, line, before):
        # Never two on one line: what is still there under this key finishes first.
        if before is not None:
            await asyncio.wait({before})
        await line.run()

    def _submit(self, jobs):
        for job in jobs:
            line = self._lines.get(job.line)
            if self._stop.done():
                self._emit(Failed(job.id, "stopped", "the engine was stopped"))
            elif line is None:
                self._emit(Failed(job.id, "no_line", f"there is no line {job.line}"))
            else:
                line.submit(job)

    def _answer(self, job_id, order):
        for line in self._lines.values():
            if line.turn is not None and line.turn.job.id == job_id:
                if line.turn.answer(order):
                    return
                break
        with self._lock:
            if job_id in self._sent or job_id in self._live:
                # A second answer: the first one stands.
                return
        self._emit(Released(job_id, "the line had been given back"))

    def _emit(self, event, live=False):
        """Tell; with ``live`` only if the job has not had its terminal event."""
        with self._lock:
            if live and event.id not in self._live:
                return
            if type(event) is Answered:
                self._sent[event.id] = None
                if len(self._sent) > _REMEMBERED:
                    self._sent.popitem(last=False)
            aside = event.id in self._aside
            if event.terminal:
                self._live.discard(event.id)
                self._aside.discard(event.id)
            if aside:
                self._aside_events.append(event)
                return
            self._events.append(event)
            if not self._signalled:
                self._signalled = True
                os.write(self._wake_write, b"\0")
