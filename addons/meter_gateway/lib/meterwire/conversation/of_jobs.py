"""Which conversation carries out which job."""

import functools
from datetime import datetime
from zoneinfo import ZoneInfo

from .. import cjt188, dlt645_1997
from ..decode import mask, words
from ..errors import BadJob, MeterRefused, NoReply
from ..jobs import Find, Raw, Read, SetClock, Switch, Write
from ..question import Question
from ..values import is_digits
from .clock import set_clock
from .reading import read
from .switching import switch
from .writing import write


def _one_meter(meter):
    if not is_digits(meter.address, meter.dialect.address_digits):
        raise BadJob(f"{meter.address!r} is not {meter.dialect.address_digits} digits")
    return meter


@functools.cache
def _zone(name):
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadJob(f"{name!r} is no time zone") from None


def _clock(meter):
    """Gives the time of the place where the meter is, as meters keep it: without a zone."""
    zone = _zone(meter.zone)
    return lambda: datetime.now(zone).replace(tzinfo=None)


def _read(line, job):
    meter = job.meter
    if not job.items:
        raise BadJob("nothing to read")
    if meter.address != meter.dialect.codec.WILDCARD:
        _one_meter(meter)
    return read(meter, job.items)


def _switch(line, job):
    return switch(_one_meter(job.meter), job.action, line.keyring, _clock(job.meter))


def _write(line, job):
    return write(_one_meter(job.meter), job.items, line.keyring, _clock(job.meter))


def _set_clock(line, job):
    return set_clock(_one_meter(job.meter), _clock(job.meter), line.keyring)


def _raw(line, job):
    """Whatever answers is the result, a refusal too. It is put once: what it does is not known."""
    codec = job.codec

    def parse(frame):
        return {"reply": mask(codec.encode(frame, 0)), "words": words(frame)}

    found = yield Question(codec, job.request, job.address, job.function, parse, 1)
    return found or {"reply": "", "words": ""}


def _find(line, job):
    codec = job.codec
    requests = [codec.read_address_request()]
    if codec is cjt188:
        requests.append(codec.read_address_request(di_order=cjt188.LOW_FIRST))
    asked = codec.BROADCAST if codec is dlt645_1997 else codec.WILDCARD

    def parse(frame):
        if frame.is_abnormal:
            raise codec.refusal(frame)
        found = {"address": codec.address_of(frame)}
        if codec is cjt188:
            found["type_byte"] = f"{frame.meter_type:02X}"
        return found

    while True:
        question = Question(codec, requests.pop(0), asked, codec.READ_ADDRESS, parse)
        try:
            return (yield question)
        except (NoReply, MeterRefused):
            # Meters differ in the order of the identifier's bytes, and keep silent, or refuse, at
            # the other.
            if not requests:
                raise


#: job -> makes its conversation from the line and the job; raises BadJob
CONVERSATIONS = {
    Read: _read,
    Switch: _switch,
    Write: _write,
    SetClock: _set_clock,
    Raw: _raw,
    Find: _find,
}
