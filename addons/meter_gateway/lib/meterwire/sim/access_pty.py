"""A pseudo terminal; the client opens the symbolic link like a serial device."""

import contextlib
import errno
import os
import tty

from .access import Access, Link

CHUNK = 4096


class PtyLink(Link):
    """The simulator keeps the client's side open as well, so that a client may close and come
    back."""

    __slots__ = ("_slave", "device", "master", "open", "path")
    slice = 8  # a serial port shows bytes as they come

    def __init__(self, access, path):
        super().__init__(access)
        self.path = path
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        beside = f"{path}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        os.symlink(self.device, beside)
        os.replace(beside, path)
        self.open = True
        access.links.append(self)
        access.world.clockwork.watch(self.master, self._readable)

    def _readable(self):
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.master, CHUNK)
            if data:
                self.access.received(self, data)

    def write(self, data):
        # A wire does not wait for its reader: what finds no room is lost.
        if self.open:
            with contextlib.suppress(BlockingIOError):
                os.write(self.master, data)

    def cut(self):
        self.open = False
        self.access.world.clockwork.forget(self.master)
        with contextlib.suppress(OSError):
            if os.readlink(self.path) == self.device:
                os.unlink(self.path)
        os.close(self.master)
        os.close(self._slave)
        self.access.links.remove(self)


class PtyAccess(Access):
    """One device file, offered again after each cut."""

    def __init__(self, name, route, world, path):
        super().__init__(name, route, world)
        self._path, self._stopped = path, False
        self.listen = f"pty://{path}"

    async def start(self):
        self._open()

    def _open(self):
        if os.path.lexists(self._path) and not os.path.islink(self._path):
            raise FileExistsError(errno.EEXIST, "exists and is no symbolic link", self._path)
        PtyLink(self, self._path)

    def _close(self):
        for link in list(self.links):
            link.cut()

    def cut(self, seconds):
        self._close()
        clockwork = self.world.clockwork
        clockwork.at(clockwork.now() + seconds, self._reopen, None)

    def _reopen(self, _argument):
        if not self._stopped and self.powered and not self.links:
            self._open()

    def power(self, on):
        self.powered = on
        if on:
            self._reopen(None)
        else:
            self._close()

    async def stop(self):
        self._stopped = True
        self._close()
