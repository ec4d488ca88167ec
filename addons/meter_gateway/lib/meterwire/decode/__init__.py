"""Frames in words, for people; and masked, for evidence: no cipher text, MAC, password, key is
shown. Each protocol has a module with ``fields``, ``words`` and ``secrets``."""

from .. import gdw3761
from ..errors import WireError
from . import forwarding
from .masking import mask
from .meter645_2007 import RELAY_COMMANDS, steps_words, value_words
from .streams import frames_in

__all__ = ["RELAY_COMMANDS", "explain", "fields", "mask", "steps_words", "value_words", "words"]

_OF_FRAME = {
    **{codec.Frame: module for codec, module in forwarding.METERS.items()},
    gdw3761.Frame: forwarding,
}


def fields(frame):
    """What a frame says, as a flat dict of plain values; keys as in ``tests/wire/vectors``.

    :raises FrameError: the content makes no sense for its function
    """
    return _OF_FRAME[type(frame)].fields(frame)


def words(frame):
    """One sentence about a frame, without its address; never a secret, never an exception."""
    module = _OF_FRAME[type(frame)]
    try:
        return module.words(frame)
    except WireError as error:
        return f"{module.name_of(frame)}, senseless: {error.words}"


def explain(data):
    """One line per frame found in ``data``, of whatever protocol: address and meaning; what is no
    frame is counted."""
    lines, at, noise = [], 0, 0
    for start, end, codec in frames_in(data):
        noise += _noise(data[at:start])
        frame = codec.decode(data[start:end])
        lines.append(f"{frame.address} {words(frame)}")
        at = end
    noise += _noise(data[at:])
    if noise:
        lines.append(f"{noise} byte{'s' if noise > 1 else ''} that are no frame")
    return lines


def _noise(data):
    return len(data) - data.count(0xFE)
