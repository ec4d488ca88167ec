"""Who is calling: the first bytes of a connection against all DTUs that may call."""

import bisect
import re
from typing import NamedTuple

from .. import gdw3761
from . import ddp
from .dtu import DtuError

_BEFORE = b"\r\n\0 "
_AFTER = b"\r\n\0"


class Unknown(Exception):
    """No DTU that may call begins like this."""


class Caller(NamedTuple):
    """Who it is, how many of the bytes were the registration, and the field strength it told."""

    dtu: object
    used: int
    signal: int | None = None


class Directory:
    """All DTUs that may call.

    :param dtus: ``Dtu`` each; ``problems`` says in words which of them cannot be told apart
    """

    def __init__(self, dtus=()):
        self.dtus, self.problems = {}, []
        self._packets, self._patterns = {}, {}
        self._ddp, self._terminals = {}, {}
        for dtu in dtus:
            try:
                self._add(dtu)
            except DtuError as error:
                self.problems.append(error.words)
        self._sorted = sorted(self._packets)
        self._longest = max(map(len, self._sorted), default=0)

    def _add(self, dtu):
        packets = dtu.packets()
        if dtu.id in self.dtus:
            raise DtuError(f"DTU {dtu.id}: two boxes have this identity; the first has it")
        for packet in packets:
            if other := self._packets.get(packet):
                raise DtuError(f"DTU {dtu.id}: it registers with the same bytes as {other.id}")
        self.dtus[dtu.id] = dtu
        self._packets.update(dict.fromkeys(packets, dtu))
        if dtu.registration == "regex":
            self._patterns.setdefault(re.compile(dtu.pattern.encode()), {})[dtu.id] = dtu
        elif dtu.registration == "ddp":
            self._ddp[dtu.id.encode()] = dtu
        elif dtu.registration == "gdw3761":
            self._terminals[dtu.id] = dtu

    def recognise(self, data, final=False):
        """The ``Caller``, or None while more bytes are needed.

        :param bytes data: all that came since the connection was made
        :param bool final: nothing follows for the time being: a short identity that is the
            beginning of a longer one is taken as it is
        :raises Unknown: no further bytes can make it a DTU of ours
        """
        skipped = len(data) - len(data.lstrip(_BEFORE))
        findings = []
        # As it came first: an identity in hex may begin with such a byte itself.
        for start in sorted({0, skipped}):
            rest = data[start:]
            if not rest:
                return None
            here = self._findings(rest, final)
            if caller := next(filter(None, here), None):
                used = caller.used
                if used:
                    rest = rest[used:]
                    used += start + len(rest) - len(rest.lstrip(_AFTER))
                return caller._replace(used=used)
            findings += here
        if all(finding is False for finding in findings):
            raise Unknown
        return None

    def _findings(self, data, final):
        return [
            self._by_packet(data, final),
            self._by_pattern(data),
            self._by_ddp(data),
            self._by_terminal(data),
        ]

    # Each returns a Caller, None while it cannot be told, False when it is none of theirs.

    def _by_packet(self, data, final):
        place = bisect.bisect_left(self._sorted, data)
        following = self._sorted[place : place + 2]
        longer = any(packet != data and packet.startswith(data) for packet in following)
        if longer and not final:
            return None
        for size in range(min(self._longest, len(data)), 0, -1):
            if dtu := self._packets.get(data[:size]):
                return Caller(dtu, size)
        return None if longer else False

    def _by_pattern(self, data):
        for pattern, dtus in self._patterns.items():
            match = pattern.match(data)
            if match is None:
                continue
            groups = match.groupdict()
            found = groups.get("id") or match.group(1) or b""
            if dtu := dtus.get(found.decode(errors="replace")):
                signal = groups.get("signal") or b""
                return Caller(dtu, match.end(), int(signal) if signal.isdigit() else None)
        return None if self._patterns else False

    def _by_ddp(self, data):
        if not self._ddp:
            return False
        frame = ddp.frame_at(data)
        if not frame:
            return frame
        dtu = self._ddp.get(frame.id)
        # Its stream answers the frame, so that nothing of it is used up here.
        return Caller(dtu, 0) if dtu else False

    def _by_terminal(self, data):
        if not self._terminals or data[:1] != b"\x68":
            return False
        end = gdw3761.Buffer.frame_at(data, 0)
        if not end:
            return None
        dtu = self._terminals.get(gdw3761.decode(data[:end]).terminal)
        return Caller(dtu, 0) if dtu else False
