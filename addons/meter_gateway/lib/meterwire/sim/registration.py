"""How a DTU says who it is, and wraps what it sends.

===========  ======================================================================================
``none``     says nothing
``ascii``    its id (or ``packet``) once, on connecting
``hex``      ``packet`` (or the id's hexadecimal digits) once
``imei``     its 15 digits once
``regex``    ``packet`` once, in which the hub finds the id
``prefix``   ``packet`` (or its id) before every packet, and alone on connecting
``ddp``      Hongdian DDP: ``7B type length id ... 7B``; data in packets 09 (up) and 89 (down)
``gdw3761``  a login of Q/GDW 376.1 (AFN 02 F1), and heartbeats (F3), which must be confirmed
===========  ======================================================================================
"""

import ipaddress

from . import forward3761

MARK = 0x7B
REGISTER, LOG_OUT, DATA = 0x01, 0x02, 0x09
REGISTERED, DATA_DOWN = 0x81, 0x89
DDP_HEAD = 15  # mark, type, length 2, id 11
DDP_MAX = 1500


class Registration:
    """
    :param link: :class:`~.site_parts.LinkSite` of a DTU that dials in.
    """

    def __init__(self, link):
        self.kind, self._link = link.registration, link
        self._rest = b""
        self._sequence = 0

    def hello(self, own):
        """Return the bytes sent on connecting.

        :param own: (address, port) of the DTU's end.
        """
        link = self._link
        if self.kind in ("ascii", "imei", "regex", "prefix"):
            return link.packet if link.packet is not None else link.id.encode()
        if self.kind == "hex":
            return link.packet if link.packet is not None else bytes.fromhex(link.id)
        if self.kind == "ddp":
            return self._register(own)
        if self.kind == "gdw3761":
            return forward3761.link_frame(link.terminal, forward3761.LOGIN, self._count())
        return b""

    def heartbeat(self, own):
        """Return the bytes of one heartbeat; none where it has none."""
        if self._link.heartbeat is not None:
            return (
                self.wrap(self._link.heartbeat) if self.kind == "prefix" else self._link.heartbeat
            )
        if self.kind == "ddp":
            return self._register(own)
        if self.kind == "gdw3761":
            return forward3761.link_frame(self._link.terminal, forward3761.HEARTBEAT, self._count())
        return b""

    def _count(self):
        self._sequence = (self._sequence + 1) % 16
        return self._sequence

    def _register(self, own):
        host, port = own
        try:
            address = ipaddress.IPv4Address(host).packed
        except ValueError:
            address = bytes(4)
        return self._ddp(REGISTER, address + port.to_bytes(2, "big"))

    def _ddp(self, kind, data=b""):
        size = DDP_HEAD + len(data) + 1
        head = bytes((MARK, kind)) + size.to_bytes(2, "big")
        return head + self._link.id.encode() + data + bytes((MARK,))

    def wrap(self, data):
        """Return what travels up for bytes that come from the lines."""
        if self.kind == "prefix":
            packet = self._link.packet
            return (packet if packet is not None else self._link.id.encode()) + data
        return self._ddp(DATA, data) if self.kind == "ddp" else data

    def lost(self):
        """The connection has ended; half a packet of it is nothing."""
        self._rest = b""

    def unwrap(self, data):
        """Return (bytes for the lines, whether the server confirmed a registration)."""
        if self.kind != "ddp":
            return data, False
        rest, inner, confirmed = self._rest + data, b"", False
        while True:
            at = rest.find(MARK)
            rest = rest[at:] if at >= 0 else b""
            if len(rest) < 4:
                break
            size = int.from_bytes(rest[2:4], "big")
            if not DDP_HEAD < size <= DDP_MAX:
                rest = rest[1:]
                continue
            if len(rest) < size:
                break
            packet, rest = rest[:size], rest[size:]
            if packet[-1] != MARK:
                rest = packet[1:] + rest
            elif packet[1] == DATA_DOWN:
                inner += packet[DDP_HEAD:-1]
            elif packet[1] == REGISTERED:
                confirmed = True
        self._rest = rest
        return inner, confirmed
