"""Writing credit into a meter and proving that it is there: ``docs/recharge-shapes.md``.

The functions of this package (``build``, ``judge`` ..) are those of the sealed protocol; whoever
has a meter of any kind takes the ``Shape`` of its dialect.
"""

from ..errors import DialectError
from .a013 import A013
from .base import NO_CUSTOMER, Ack, Order, Refusal, Shape, Status, Verdict
from .esam import Esam
from .keys import KeyRing, MeterKeys
from .order_number import OrderNumber
from .plain import Plain
from .sealed import Sealed
from .sealed_frame import build, judge, parse_answer, parse_status, serr_words, status_query
from .vendor import Vendor

#: by the name that a dialect's ``recharge.shape`` gives
SHAPES = {shape.name: shape for shape in (Sealed, Esam, Vendor, Plain, OrderNumber, A013)}

__all__ = [
    "NO_CUSTOMER",
    "SHAPES",
    "Ack",
    "KeyRing",
    "MeterKeys",
    "Order",
    "Refusal",
    "Shape",
    "Status",
    "Verdict",
    "build",
    "judge",
    "parse_answer",
    "parse_status",
    "serr_words",
    "shape_of",
    "status_query",
]


def shape_of(dialect):
    """The ``Shape`` of a dialect, or None where its meters are not charged over the wire.

    :raises DialectError: no such shape, or its options are wrong
    """
    options = dialect.recharge
    if not options:
        return None
    shape = SHAPES.get(options.get("shape"))
    if shape is None:
        known = ", ".join(SHAPES)
        raise DialectError(f"recharge: {options.get('shape')!r} is no shape; there are: {known}")
    return shape(options, dialect)
