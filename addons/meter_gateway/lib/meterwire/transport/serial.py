"""A local serial port, by pyserial without its blocking calls.

2400 baud, 8 data bits, even parity, 1 stop bit unless the endpoint says otherwise
(``serial:///dev/ttyS1?baudrate=9600&parity=N``). A pseudo terminal has no parity bit and Linux
refuses to set one; parity is left out there, and only there.
"""

import asyncio
import os

import serial

from ..errors import LinkDown

_CHUNK = 4096
_OPTIONS = {"baudrate", "parity", "bytesize", "stopbits"}


def is_pty(device):
    """Whether ``device`` is the slave side of a pseudo terminal, links followed."""
    return os.path.realpath(device).startswith("/dev/pts/")


def settings(device, options):
    """The settings to ask pyserial for.

    :raises LinkDown: an option is not understood
    """
    unknown = set(options) - _OPTIONS
    if unknown:
        raise LinkDown(f"unknown serial option {min(unknown)!r}")
    try:
        asked = {
            "baudrate": int(options.get("baudrate", 2400)),
            "bytesize": int(options.get("bytesize", 8)),
            "parity": options.get("parity", "E").upper(),
            "stopbits": int(options.get("stopbits", 1)),
        }
    except ValueError:
        raise LinkDown("baudrate, bytesize and stopbits are whole numbers") from None
    if is_pty(device):
        asked["parity"] = serial.PARITY_NONE
    # timeout 0: never wait in a call; exclusive: no second program on the same line
    return {**asked, "timeout": 0, "write_timeout": 0, "exclusive": True}


class SerialLink:
    """See the package's docstring for what a link is."""

    reopen = False

    def __init__(self, port, on_data, on_lost):
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._file = port.fileno()
        self._on_data = on_data
        self._on_lost = on_lost
        self._rest = b""
        self._loop.add_reader(self._file, self._readable)

    def write(self, data):
        if self._port is None:
            raise LinkDown("the serial port is closed")
        if self._rest:
            self._rest += data
            return
        self._rest = data
        self._writable()

    def abort(self):
        if self._port is None:
            return
        port, self._port = self._port, None
        self._loop.remove_reader(self._file)
        self._loop.remove_writer(self._file)
        port.close()

    def _readable(self):
        try:
            data = os.read(self._file, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"the serial port failed: {error.strerror}")
            return
        if data:
            self._on_data(data)
        else:
            self._lose("the serial port was hung up")

    def _writable(self):
        try:
            written = os.write(self._file, self._rest)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._lose(f"the serial port failed: {error.strerror}")
            return
        self._rest = self._rest[written:]
        if self._rest:
            self._loop.add_writer(self._file, self._writable)
        else:
            self._loop.remove_writer(self._file)

    def _lose(self, words):
        self.abort()
        # Not from inside write(): the caller has not begun to listen yet.
        self._loop.call_soon(self._on_lost, words)


async def open_link(device, options, on_data, on_lost):
    try:
        port = serial.Serial(device, **settings(device, options))
    except (serial.SerialException, OSError, ValueError) as error:
        raise LinkDown(f"{device} cannot be opened: {error}") from None
    os.set_blocking(port.fileno(), False)
    port.reset_input_buffer()
    return SerialLink(port, on_data, on_lost)
