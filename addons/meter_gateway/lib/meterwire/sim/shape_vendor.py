"""Shape ``vendor`` on the meter's side: a body enciphered by the maker's routine of DES.

Options as in docs/recharge-shapes.md. A refusal is one byte: 80 number, 81 customer, 82 hoarding
limit, 84 layout, as one public firmware has them; FF anything else.
"""

from .account import BAD_CUSTOMER, BAD_NUMBER, HOARDING, REPEATED, Refused
from .answers import Answer
from .fields import Field, cut, fields, values
from .orders import execute, functions
from .shape_sealed import register
from .vendor_cipher import VendorCipher

DEFAULT = {"charge": "070102FF"}
ERRORS = {REPEATED: 0x80, BAD_NUMBER: 0x80, BAD_CUSTOMER: 0x81, HOARDING: 0x82}
LAYOUT_ERROR, OTHER_ERROR = 0x84, 0xFF

__all__ = ["register", "security", "write"]


def security(meter, data):
    return _answer(meter, data, 0x03)


def write(meter, identifier, data):
    """A maker may use function 14; ``data`` begins with the identifier all the same."""
    if identifier not in functions(meter, DEFAULT):
        return None
    return _answer(meter, data, 0x14)


def _answer(meter, data, function):
    options = meter.kind.recharge
    kind = functions(meter, DEFAULT).get(int.from_bytes(data[:4], "little"))
    if kind is None or int(str(options.get("function", "03")), 16) != function:
        return None
    master = meter.world.master(meter)
    if master is None:
        return _refused(function, OTHER_ERROR)
    cipher = VendorCipher(options, meter, master)
    try:
        found = _read(options, cipher, data)
    except (ValueError, KeyError):
        return _refused(function, LAYOUT_ERROR)
    try:
        rejects = options.get("rejects_repeats", True)
        record = execute(meter, kind, found, rejects=rejects)
    except Refused as error:
        return _refused(function, ERRORS.get(error.bit, OTHER_ERROR))
    told = data[:4] if function == 0x03 else b""
    reply = options.get("reply") or {}
    if reply.get("layout"):
        books = meter.books
        said = {"number": books.number, "balance": books.balance, "customer": books.customer}
        body = b"".join(
            field.write(said.get(field.name, found.get(field.name, 0)))
            for field in fields(reply["layout"])
        )
        told = data[:4] + (cipher.encipher(body) if reply.get("enciphered") else body)
    return Answer(function | 0x80, told, changed=True, record=record)


def _refused(function, code):
    return Answer(function | 0xC0, bytes([code]))


def _read(options, cipher, data):
    """Return what the frame says; ValueError when it is not sound."""
    body = fields(options.get("body") or ["amount", "number"])
    size = sum(field.size for field in body)
    layout = fields(options.get("data") or ["di", "operator", "cipher"])
    known = {"di": 4, "mac": cipher.mac_size, "plain": size}
    fixed = sum(field.size or known.get(field.name, 0) for field in layout)
    parts = cut(layout, data, {**known, "cipher": len(data) - fixed})
    plain = cipher.decipher(parts["cipher"], size)
    inside = cut(body, plain)
    everything = {**parts, **inside, "plain": plain}
    mac = options.get("mac") or {}
    covers = [Field(text) for text in mac.get("covers", ["cipher"])]
    covered = b"".join(field.value or everything[field.name] for field in covers)
    if "mac" in parts and cipher.mac(covered) != parts["mac"]:
        raise ValueError("MAC")
    outside = [field for field in layout if field.name not in ("di", "cipher", "mac", "plain")]
    return values(outside, parts) | values(body, inside)
