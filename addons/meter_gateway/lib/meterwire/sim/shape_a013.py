"""Shape ``a013`` on the meter's side: the purchase of CJ/T 188, perhaps enciphered.

Source: CJ/T 188-2004, annex A (serial 1, amount 4 BCD); options as in docs/recharge-shapes.md.
"""

from .account import Refused as AccountRefused
from .books import CHARGE
from .fields import cut, fields, values
from .orders import execute as _execute
from .vendor_cipher import VendorCipher

LAYOUT = [{"field": "number", "size": 1, "coding": "le"}, "amount"]
SERIALS = 256
#: second byte of ST in a refusal
BAD_SERIAL, BAD_BODY, NOT_PREPAID = 0x10, 0x02, 0x04


class Refused(Exception):
    """``reason``: the second byte of ST."""

    def __init__(self, reason):
        super().__init__(f"refused, {reason:02X}")
        self.reason = reason


def execute(meter, body):
    """Execute the purchase in a body.

    :return: (bytes of the acknowledgement, the Record).
    :raise Refused: the books are as before.
    """
    if not meter.kind.credit:
        raise Refused(NOT_PREPAID)
    options = meter.kind.recharge
    layout = fields(options.get("layout") or LAYOUT)
    try:
        plain = _decipher(meter, options, layout, body)
        parts = cut(layout, plain)
        found = values(layout, parts)
    except (ValueError, KeyError) as error:
        raise Refused(BAD_BODY) from error
    try:
        modulus = SERIALS ** next(f.size for f in layout if f.name == "number")
        rejects = options.get("rejects_repeats", False)
        found.pop("customer", None)
        record = _execute(meter, CHARGE, found, modulus, rejects)
    except AccountRefused as error:
        raise Refused(BAD_SERIAL) from error
    return parts["number"] + parts["amount"], record


def _decipher(meter, options, layout, body):
    rule = options.get("cipher")
    if not rule:
        return body
    master = meter.world.master(meter)
    if master is None:
        raise ValueError("no key")
    cipher = VendorCipher(rule, meter, master)
    size = sum(field.size for field in layout)
    mac = body[len(body) - cipher.mac_size :] if cipher.mac_kind != "none" else b""
    text = body[: len(body) - len(mac)]
    plain = cipher.decipher(text, size)
    covers = (rule.get("mac") or {}).get("covers", ["cipher"])
    parts = {"cipher": text, "plain": plain}
    covered = b"".join(
        parts[item] if isinstance(item, str) else bytes.fromhex(item["value"]) for item in covers
    )
    if cipher.mac(covered) != mac:
        raise ValueError("MAC")
    return plain
