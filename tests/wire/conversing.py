"""Conversations without a line: a meter of bytes and a clock that only moves when asked."""

from datetime import datetime, timedelta

from meterwire import cjt188, dlt645_2007
from meterwire.errors import NoReply, WireError
from meterwire.question import Pause, Question
from meterwire.recharge import KeyRing
from meterwire.values import int_to_le, wire_to_digits, wire_to_moment

PASSWORD = "123456"
SECRETS = KeyRing(secrets={"passwords": {"default": PASSWORD}})
START = datetime(2026, 11, 22, 12, 0, 0)


def lead(talk, meter):
    """What a conversation with ``meter`` returns."""
    result = error = None
    started = False
    while True:
        try:
            if error is not None:
                step = talk.throw(error)
            else:
                step = talk.send(result if started else None)
        except StopIteration as end:
            return end.value
        started, result, error = True, None, None
        try:
            result = _do(step, meter)
        except WireError as caught:
            error = caught


def _do(step, meter):
    if type(step) is Pause:
        meter.wait(step.seconds)
        return None
    assert type(step) is Question
    (raw,) = step.codec.Buffer().feed(step.request)
    request = step.codec.decode(raw)
    reply = meter.hear(request)
    if step.function is None:
        return None
    if reply is None:
        raise NoReply("no answer in time")
    assert reply.is_reply and reply.function == step.function
    assert step.codec.address_matches(step.address, reply.address)
    return step.parse(reply)


class Desk:
    """The place's own time; ``wait`` lets it pass."""

    def __init__(self):
        self.seconds = 0.0
        self.pauses = []

    def clock(self):
        return START + timedelta(seconds=self.seconds)

    def now(self):
        return self.seconds


class Double(Desk):
    """A meter that holds bytes by data identifier.

    ``deaf`` and ``refuse`` name requests that are not answered, or refused, as (function, di);
    ``lost``: executed, but the answer does not come.
    """

    codec = dlt645_2007
    di_size = 4

    def __init__(self, address="202611000001", **registers):
        super().__init__()
        self.address = address
        self.registers = {int("0" + di, 0): bytes.fromhex(data) for di, data in registers.items()}
        self.requests = []
        self.deaf, self.lost, self.refuse = set(), set(), {}

    def wait(self, seconds):
        if seconds:
            self.pauses.append(seconds)
            self.seconds += seconds

    def hear(self, frame):
        self.requests.append(frame)
        key = (frame.function, self.di_of(frame))
        if key in self.deaf or frame.address not in (self.address, "9" * 12):
            return None
        reply = self.reply(frame, *key)
        if key in self.refuse:
            reply = self.refused(frame, self.refuse[key])
        return None if key in self.lost else reply

    def di_of(self, frame):
        return frame.di

    def asked(self):
        """What was asked for, in order: function and identifier."""
        return [(frame.function, self.di_of(frame)) for frame in self.requests]


class Meter645(Double):
    """DL/T 645-2007 with a clock, a relay, parameters, and standby sets."""

    def __init__(self, offset=0, **registers):
        super().__init__(**registers)
        self.offset = timedelta(seconds=offset)
        self.relay_open = False
        self.moves = True  # the relay follows its command
        self.delay = 0  # seconds until it does
        self.due = None
        self.parts = {}  # identifier -> list of the parts of a long reply
        self.standby = {}  # switch register -> {live: standby}
        self.sequence = []

    def di_of(self, frame):
        return None if frame.function == self.codec.RELAY else frame.di

    def time(self):
        return self.clock() + self.offset

    def reply(self, frame, function, di):
        codec = self.codec
        if function == codec.READ:
            data = self.read(di)
            if data is None:
                return self.refused(frame, 0x02)
            more = codec.dlt645.MORE if di in self.parts else 0
            return self.frame(0x91 | more, frame.data[:4] + data)
        if function == codec.READ_NEXT:
            part = frame.data[4]
            parts = self.parts[di]
            more = codec.dlt645.MORE if part < len(parts) - 1 else 0
            return self.frame(0x92 | more, frame.data[:4] + parts[part] + bytes([part]))
        if function == codec.BROADCAST_TIME:
            self.set_time(wire_to_moment(frame.data, "ssmmhhDDMMYY"))
            return None
        if function == codec.WRITE:
            return self.write(frame, di)
        if function == codec.RELAY:
            return self.relay(frame)
        return None

    def read(self, di):
        self.settle()
        if di == self.codec.CLOCK:
            when = self.time()
            return bytes.fromhex(f"{when:%S%M%H}{when.isoweekday() % 7:02d}{when:%d%m%y}")
        if di == self.codec.STATUS_3:
            return int_to_le(self.relay_open << 4, 2)
        if di in self.parts:
            return self.parts[di][0]
        return self.registers.get(di)

    def settle(self):
        """What became due meanwhile."""
        if self.due and self.seconds >= self.due[0]:
            self.relay_open, self.due = self.due[1], None
        for switch, table in self.standby.items():
            data = self.registers.get(switch)
            if data and any(data) and wire_to_moment(data, "mmhhDDMMYY") <= self.time():
                self.registers.update({live: self.registers[sb] for live, sb in table.items()})
                self.registers[switch] = bytes(5)

    def write(self, frame, di):
        if wire_to_digits(frame.data[5:8]) != PASSWORD:
            return self.refused(frame, 0x04)
        value = frame.data[12:]
        if di == 0x04000101:
            day = wire_to_moment(value, "WWDDMMYY").date()
            self.set_time(datetime.combine(day, self.time().time()))
        elif di == 0x04000102:
            time = wire_to_moment(value, "ssmmhh").time()
            self.set_time(datetime.combine(self.time().date(), time))
        elif di not in self.registers:
            return self.refused(frame, 0x02)
        elif (0x14, di) not in self.refuse:
            self.registers[di] = value
            self.sequence.append(di)
        return self.frame(0x94, b"")

    def relay(self, frame):
        if wire_to_digits(frame.data[1:4]) != PASSWORD:
            return self.refused(frame, 0x04)
        if wire_to_moment(frame.data[10:16], "ssmmhhDDMMYY") < self.time():
            return self.refused(frame, 0x04)
        if self.moves:
            self.due = (self.seconds + self.delay, frame.data[8] == 0x1A)
        return self.frame(0x9C, b"")

    def set_time(self, when):
        self.offset = when - self.clock()

    def frame(self, control, data):
        return self.codec.Frame(self.address, control, data)

    def refused(self, frame, err):
        return self.frame(0xC0 | frame.function, bytes([err]))


class Meter188(Double):
    """CJ/T 188 with a valve; answers identifiers in the order in which they came."""

    codec = cjt188

    def __init__(self, address="33201170000018", **registers):
        super().__init__(address, **registers)
        self.valve = 0x00
        self.moves = True

    def reply(self, frame, function, di):
        if function == cjt188.READ:
            data = self.registers.get(di)
            if data is None:
                return self.refused(frame, 0x0000)
            if di == cjt188.METERING and len(data) > 17:
                data = data[:17] + bytes([data[17] & ~3 | self.valve]) + data[18:]
            return self.frame(0x81, frame, data)
        if di == cjt188.VALVE:
            if self.moves:
                self.valve = {0x99: 0x01, 0x55: 0x00}[frame.payload[0]]
            return self.frame(0x84, frame, bytes([self.valve, 0]))
        self.registers[di] = frame.payload
        return self.frame(0x84, frame, b"")

    def frame(self, control, asked, data):
        return cjt188.Frame(self.address, control, asked.data[:3] + data, asked.meter_type)

    def refused(self, frame, status):
        data = frame.data[2:3] + int_to_le(status, 2)
        return cjt188.Frame(self.address, 0xC0 | frame.function, data, frame.meter_type)
