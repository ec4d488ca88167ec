"""Sockets and deadlines of thousands of lines, at little cost for each exchange.

One epoll of our own holds all sockets and one heap all deadlines; asyncio sees a single file and a
single timer. A protocol object, a task and a handle for each line would cost more than an exchange.
"""

import asyncio
import heapq
import select

#: how often sockets are looked at while there is much to do: bytes on a line of 2400 baud take
#: longer, and what came meanwhile is dealt with in one go
TICK = 0.002
IDLE_TICKS = 50
EVENTS = 1024


class Clockwork:
    """
    :param gathers: look at sockets and deadlines every ``TICK`` (many lines at real speed); else
        each request is taken at once, and each deadline kept as well as the system can.
    :param failed: called with the error of a callback, which ends the program.
    """

    def __init__(self, gathers, failed):
        self._gathers, self._failed = gathers, failed
        self._epoll = select.epoll()
        self._readers, self._heap, self._count = {}, [], 0
        self._loop = self._timer = None
        self._ticking, self._idle = False, 0

    def start(self):
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._loop.add_reader(self._epoll.fileno(), self._readable)

    def stop(self):
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._loop and not self._ticking:
            self._loop.remove_reader(self._epoll.fileno())
        self._heap.clear()
        self._epoll.close()
        self._loop = None

    # -- sockets -------------------------------------------------------------------------------

    def watch(self, descriptor, callback):
        """Call ``callback`` whenever the descriptor can be read."""
        self._readers[descriptor] = callback
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor):
        if self._readers.pop(descriptor, None) is not None and not self._epoll.closed:
            self._epoll.unregister(descriptor)

    def _poll(self):
        readers = self._readers
        events = self._epoll.poll(0, EVENTS)
        for descriptor, _event in events:
            # One callback may close the socket of another.
            reader = readers.get(descriptor)
            if reader is not None:
                reader()
        return len(events)

    def _readable(self):
        try:
            self._poll()
        except Exception as error:  # noqa: BLE001 - books that cannot be kept must not go on
            self._failed(error)
            return
        if self._gathers and not self._ticking and self._loop:
            self._loop.remove_reader(self._epoll.fileno())
            self._ticking, self._idle = True, 0
            self._set_timer(self._loop.time() + TICK)

    # -- deadlines -----------------------------------------------------------------------------

    def at(self, moment, callback, argument):
        """Call ``callback(argument)`` at a moment of the loop's clock; not to be taken back."""
        self._count += 1
        heap = self._heap
        heapq.heappush(heap, (moment, self._count, callback, argument))
        if not self._ticking and self._loop and heap[0][1] == self._count:
            self._set_timer(moment)

    def _set_timer(self, moment):
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._tick)

    def _tick(self):
        self._timer = None
        try:
            busy = self._poll() if self._ticking else 0
            heap, pop = self._heap, heapq.heappop
            now = self._loop.time()
            while heap and heap[0][0] <= now:
                _moment, _count, callback, argument = pop(heap)
                callback(argument)
                if self._loop is None:
                    return
        except Exception as error:  # noqa: BLE001 - see above
            self._failed(error)
            return
        if self._ticking:
            self._idle = 0 if busy else self._idle + 1
            if self._idle < IDLE_TICKS:
                self._set_timer(now + TICK)
                return
            self._ticking = False
            self._loop.add_reader(self._epoll.fileno(), self._readable)
        if heap and not self._timer:
            self._set_timer(heap[0][0])
