"""Writing credit into a meter and proving that it is there: ``docs/recharge-protocol.md``."""

from .keys import KeyRing, MeterKeys
from .order import (
    Ack,
    Order,
    Refusal,
    Status,
    Verdict,
    build,
    judge,
    parse_answer,
    parse_status,
    serr_words,
    status_query,
)

__all__ = [
    "Ack",
    "KeyRing",
    "MeterKeys",
    "Order",
    "Refusal",
    "Status",
    "Verdict",
    "build",
    "judge",
    "parse_answer",
    "parse_status",
    "serr_words",
    "status_query",
]
