"""Bytes for evidence: without what opens a meter."""

from .. import cjt188, dlt645_1997, dlt645_2007, gdw3761
from ..buffer import START
from . import forwarding, meter188, meter645_1997, meter645_2007
from .streams import codec_at

HIDDEN = "**"

#: codec -> (where the data of its frames begin, which of them are secret)
_SECRETS = {
    dlt645_2007: (10, meter645_2007.secrets),
    dlt645_1997: (10, meter645_1997.secrets),
    cjt188: (11, meter188.secrets),
}


def mask(data):
    """Bytes of any protocol as hex with ``**`` for cipher text, MAC, keys and passwords.

    The checksum of a frame with hidden bytes is hidden too: it would give away their sum. Of a
    piece of such a frame everything behind its head is hidden.
    """
    shown = [f"{value:02X}" for value in data]
    at = data.find(START)
    while at >= 0:
        end, codec = codec_at(data, at)
        if codec:
            _mask_frame(data, at, end, codec, shown)
        else:
            start = _secret_piece(data, at)
            if start:
                shown[start:] = [HIDDEN] * len(shown[start:])
                break
        at = data.find(START, end or at + 1)
    return " ".join(shown)


def _mask_frame(data, at, end, codec, shown):
    """Hide in ``shown`` the secrets of the whole frame from ``at`` to ``end``."""
    if codec is gdw3761:
        hidden = _forwarded(data, at, end, shown)
    else:
        start, secrets = _SECRETS[codec]
        hidden = list(secrets(codec.decode(data[at:end])))
        for index in hidden:
            shown[at + start + index] = HIDDEN
    if hidden:
        shown[end - 2] = HIDDEN
    return bool(hidden)


def _forwarded(data, at, end, shown):
    """Of a frame of a concentrator: the meter's frame inside, and the concentrator's password."""
    found = forwarding.parts(gdw3761.decode(data[at:end]))
    if found is None:
        return False
    inner_start, inner_end, password_end = (at + 18 + index for index in found)
    hidden = any(data[inner_end:password_end])
    if hidden:
        shown[inner_end:password_end] = [HIDDEN] * (password_end - inner_end)
    # A frame inside is masked as it would be alone, a piece of one too.
    inside = mask(data[inner_start:inner_end]).split()
    shown[inner_start:inner_end] = inside
    return hidden or HIDDEN in inside


def _secret_piece(data, at):
    """``at`` starts no whole frame: where the part to hide begins, should it be a piece of a frame
    with secrets; else 0."""
    have = len(data) - at
    if have > 8 and data[at + 7] == START:
        function = data[at + 8] & 0x1F
        if function in meter645_2007.SECRET_FUNCTIONS or function in meter645_1997.SECRET_FUNCTIONS:
            return at + 10
    elif have > 9 and meter188.may_be_secret(data[at + 9], data[at + 11 : at + 13]):
        return at + 11
    forwards = (
        have > 12
        and data[at + 5] == START
        and data[at + 1 : at + 3] == data[at + 3 : at + 5]
        and data[at + 12] == gdw3761.FORWARD
        and not data[at + 6] & gdw3761.UP
    )
    return at + 18 if forwards else 0
