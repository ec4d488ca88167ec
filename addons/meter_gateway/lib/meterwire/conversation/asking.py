"""Questions to one meter, in the protocol of its dialect."""

import itertools

from .. import cjt188, dlt645_1997, dlt645_2007
from ..errors import BadJob
from ..question import Question

#: ERR bits of both editions of DL/T 645
_NO_SUCH_DATA = 0x02
_PASSWORD = 0x04

_serials = itertools.count(1)


def read_question(meter, di, di_order, parse):
    """Ask for a data identifier; ``parse`` gets the frame."""
    dialect = meter.dialect
    codec = dialect.codec
    if codec is cjt188:
        request = cjt188.read_request(
            meter.address,
            di,
            next(_serials) & 0xFF,
            dialect.meter_type,
            di_order or dialect.di_order,
            dialect.preamble,
        )
        function = cjt188.FUNCTION_OF.get(di, cjt188.READ)
    else:
        request = codec.read_request(meter.address, di, dialect.preamble)
        function = codec.READ
    return Question(codec, request, meter.address, function, parse)


def next_question(meter, di, part, parse):
    """Ask for the further part number ``part`` of a long reply."""
    codec = meter.dialect.codec
    if codec is dlt645_2007:
        request = codec.read_next_request(meter.address, di, part, meter.dialect.preamble)
    elif codec is dlt645_1997:
        request = codec.read_next_request(meter.address, di, meter.dialect.preamble)
    else:
        raise BadJob("this protocol has no further parts")
    # A part that is asked for twice may be another one the second time (1997 counts none).
    attempts = 1 if codec is dlt645_1997 else 0
    return Question(codec, request, meter.address, codec.READ_NEXT, parse, attempts)


def write_question(meter, di, di_order, payload, secrets):
    """Write ``payload``; writing the same once more changes nothing, so it may be repeated.

    :param secrets: ``KeyRing`` with the password
    :raises KeyMissing: the password is not there
    """
    dialect = meter.dialect
    codec = dialect.codec
    if codec is cjt188:
        function = cjt188.FUNCTION_OF.get(di, cjt188.WRITE)
        request = cjt188.write_request(
            meter.address,
            di,
            next(_serials) & 0xFF,
            payload,
            dialect.meter_type,
            di_order or dialect.di_order,
            None,
            dialect.preamble,
        )

        def parse(frame):
            return cjt188.check_ack(frame, meter.address, function, di)

        return Question(codec, request, meter.address, function, parse)
    level, digits, operator = authority(meter, secrets)
    if codec is dlt645_2007:
        request = codec.write_request(
            meter.address, di, payload, level, digits, operator, dialect.preamble
        )
    else:
        request = codec.write_request(meter.address, di, payload, level, digits, dialect.preamble)
    return Question(codec, request, meter.address, codec.WRITE, acknowledged(meter, codec.WRITE))


def acknowledged(meter, function):
    """A ``parse`` that takes the acknowledgement of ``function``."""
    codec = meter.dialect.codec

    def parse(frame):
        codec.check_ack(frame, meter.address, function)

    return parse


def authority(meter, secrets):
    """Level, password and operator of a dialect.

    :raises BadJob: it has none
    :raises KeyMissing: the secrets file has no password of that name
    """
    password = meter.dialect.password
    if password is None:
        raise BadJob(f"dialect {meter.dialect.code} names no password")
    return password.level, secrets.password(password.name), password.operator


def lacks_data(meter, refused):
    """Whether a refused reading means that the meter does not have it. CJ/T 188 gives no reason."""
    return meter.dialect.codec is cjt188 or bool(refused.refusal & _NO_SUCH_DATA)


def denies_access(meter, refused):
    """Whether a refusal may be about the password. A few of those lock the meter for hours, so
    nothing more is tried then."""
    return meter.dialect.codec is not cjt188 and bool(refused.refusal & _PASSWORD)
