"""Read registers: all of one identifier at once, parts out of blocks, long replies to the end."""

from functools import partial

from .. import coding, dlt645_2007
from ..errors import FrameError, MeterRefused
from ..question import GIVE_WAY
from .asking import lacks_data, next_question, read_question

#: more parts than any meter's longest table has
_MAX_PARTS = 32


def read(meter, items):
    """Value by name of each register of ``items``; None for what the meter does not have.

    :param Meter meter: see ``jobs``
    :param tuple items: names of registers of its dialect
    :raises MeterRefused: it has none of them, or refuses for another reason
    :raises BadJob: the dialect has no such register
    """
    values = {}
    refused = None
    first = True
    for group in meter.dialect.plan(items):
        if not first:
            yield GIVE_WAY
        first = False
        try:
            found = yield from read_group(meter, group)
        except MeterRefused as error:
            if not lacks_data(meter, error):
                raise
            refused = error
            found = yield from _one_by_one(meter, group)
        values.update(found)
    if refused and all(value is None for value in values.values()):
        raise refused
    return values


def read_one(meter, register):
    """The value of one register; None if the meter refuses it as unknown."""
    group = meter.dialect.group(register.di, register.di_order, (register,))
    try:
        return (yield from read_group(meter, group))[register.name]
    except MeterRefused as error:
        if not lacks_data(meter, error):
            raise
        return None


def read_group(meter, group):
    """Values of what one identifier brings."""
    parse = partial(_parse, meter, group)
    payload, values = yield read_question(meter, group.di, group.di_order, parse)
    part = 0
    while values is None:
        part += 1
        if part > _MAX_PARTS:
            raise FrameError(f"the reply about {group.di:X} does not end")
        payload, values = yield next_question(
            meter, group.di, part, partial(_parse_next, meter, group, payload, part)
        )
    return values


def _one_by_one(meter, group):
    """A meter without the block may still have its parts."""
    values = dict.fromkeys(register.name for register in group.registers)
    for register, _ in group.parts:
        values[register.name] = None
        if register.di is not None:
            yield GIVE_WAY
            values[register.name] = yield from read_one(meter, register)
    return values


def _parse(meter, group, frame):
    """(payload, values); no values yet where the reply goes on."""
    payload = meter.dialect.codec.payload_of(frame, meter.address, group.di)
    return payload, None if frame.has_more else _values(group, payload)


def _parse_next(meter, group, before, part, frame):
    codec = meter.dialect.codec
    if codec is dlt645_2007:
        payload = before + codec.payload_of(frame, meter.address, group.di, part)
    else:
        payload = before + codec.payload_of(frame, meter.address, group.di)
    return payload, None if frame.has_more else _values(group, payload)


def _values(group, payload):
    """One senseless register does not spoil its neighbours; a reply of nothing else is no reply.

    :raises FrameError: no register of it makes sense
    """
    if group.exact is not None and len(payload) != group.exact:
        raise FrameError(f"{len(payload)} bytes came, should be {group.exact}")
    values = {}
    blocks = {}
    fault = None
    for register in group.registers:
        try:
            values[register.name] = _value(register, payload)
        except FrameError as error:
            values[register.name], fault = None, error
    for register, block in group.parts:
        try:
            if block.name not in blocks:
                blocks[block.name] = _value(block, payload) or ()
        except FrameError as error:
            blocks[block.name], fault = (), error
        found = blocks[block.name]
        values[register.name] = found[register.index] if register.index < len(found) else None
    if fault and all(value is None for value in values.values()):
        raise fault
    return values


def _value(register, payload):
    end = register.end
    if register.offset or end != len(payload):
        data = payload[register.offset : end]
        if not data or (end is not None and len(payload) < end):
            # Some meters send a short form of the reply.
            return None
        return coding.read(register, data)
    return coding.read(register, payload)
