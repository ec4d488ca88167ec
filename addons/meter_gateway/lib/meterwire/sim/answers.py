"""Function codes, error bits, and what a request did to a meter."""

from dataclasses import dataclass

from .books import Record

READ, READ_ADDRESS, SECURITY, SWITCH = 0x11, 0x13, 0x03, 0x1C
REPLY, ABNORMAL = 0x80, 0xC0
ERR_OTHER, ERR_NO_DATA, ERR_PASSWORD = 0x01, 0x02, 0x04


@dataclass(frozen=True)
class Answer:
    """The reply to a request, and what must be committed before its first byte leaves."""

    control: int
    data: bytes = b""
    changed: bool = False
    record: Record | None = None


def good(function, data=b"", changed=False, record=None):
    return Answer(function | REPLY, data, changed, record)


def refusal(function, error):
    """``error``: the bytes of ERR (one) or SERR (two)."""
    return Answer(function | ABNORMAL, error)
