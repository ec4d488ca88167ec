"""Which bytes are a frame, and of which protocol."""

from .. import cjt188, dlt645_1997, dlt645_2007, gdw3761
from ..buffer import START

#: functions of DL/T 645 that only the edition of 1997 has; 03 and 08 are taken for 2007's
_OLD = frozenset(dlt645_1997.FUNCTIONS) - frozenset(dlt645_2007.FUNCTIONS)


def codec_at(data, head):
    """``(end, codec)`` of the whole frame that starts at ``head``; ``(0, None)`` if none does."""
    # The outline with the most marks first: chance fits it least.
    for codec in (gdw3761, dlt645_2007, cjt188):
        end = codec.Buffer.frame_at(data, head)
        if end:
            if codec is dlt645_2007 and data[head + 8] & 0x1F in _OLD:
                codec = dlt645_1997
            return end, codec
    return 0, None


def frames_in(data):
    """Every whole frame in ``data`` as ``(start, end, codec)``, in order."""
    at = data.find(START)
    while at >= 0:
        end, codec = codec_at(data, at)
        if codec:
            yield at, end, codec
        at = data.find(START, end or at + 1)
