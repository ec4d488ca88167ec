"""A line without any hardware, for tests: ``memory://name`` reaches the ``Device`` of that name.

The device is called in the event loop's thread, with every write; it answers by ``send`` at once
or later, and can refuse to be opened or hang up.
"""

import asyncio

from ..errors import LinkDown

_devices = {}


class Device:
    """The far end of a memory line; override or set ``on_write``.

    :param bool reopen: whether the line should open it anew after silence, as with a socket
    """

    def __init__(self, name, on_write=None, reopen=False):
        self.name = name
        self.on_write = on_write or (lambda device, data: None)
        self.reopen = reopen
        self.refuse = ""  # words: why it cannot be opened
        self.written = []  # every write, in order
        self.opened = 0
        self._link = None
        _devices[name] = self

    @property
    def endpoint(self):
        return f"memory://{self.name}"

    @property
    def connected(self):
        return self._link is not None

    def send(self, data):
        """Deliver bytes to whoever is connected; lost if nobody is."""
        if self._link is not None:
            self._link.deliver(data)

    def hang_up(self):
        """Close the link from this end."""
        link, self._link = self._link, None
        if link is not None:
            link.lose()

    def attach(self, link):
        self.opened += 1
        self._link = link

    def detach(self, link):
        if self._link is link:
            self._link = None

    def receive(self, data):
        self.written.append(data)
        self.on_write(self, data)


class MemoryLink:
    """See the package's docstring for what a link is."""

    def __init__(self, device, on_data, on_lost):
        self._loop = asyncio.get_running_loop()
        self._device = device
        self._on_data = on_data
        self._on_lost = on_lost
        self.reopen = device.reopen
        device.attach(self)

    def write(self, data):
        if self._device is None:
            raise LinkDown("the memory line is closed")
        self._device.receive(data)

    def abort(self):
        device, self._device = self._device, None
        if device is not None:
            device.detach(self)

    def deliver(self, data):
        # As with a socket, nothing is delivered from inside write().
        self._loop.call_soon(self._deliver, data)

    def _deliver(self, data):
        if self._device is not None:
            self._on_data(data)

    def lose(self):
        self._device = None
        self._loop.call_soon(self._on_lost, "the memory line was hung up")


async def open_link(name, options, on_data, on_lost):
    device = _devices.get(name)
    if device is None or device.refuse:
        raise LinkDown(device.refuse if device else f"there is no memory line {name!r}")
    return MemoryLink(device, on_data, on_lost)
