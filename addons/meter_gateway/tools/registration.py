"""What a DTU may say of itself, for the simulator. Pure."""

import re

# One piece of a pattern: a group without others in it, a byte in hex, an escaped character, a
# plain one.
_PIECE = re.compile(r"\((?:\?P<(\w+)>)?[^()]*\)|\\x([0-9A-Fa-f]{2})|\\(.)|(.)", re.DOTALL)
_CONTROLS = {"r": "\r", "n": "\n", "t": "\t"}
SIGNAL = "20"


def packet_of(pattern, identity):
    """A packet in which a pattern finds an identity.

    Patterns of literal text and groups are turned around; what becomes of others is tried, as the
    hub would.

    :param pattern: regular expression whose group ``id``, or else the first, is the identity
    :param identity: text of the DTU
    :return: bytes, or None where none was found

    >>> packet_of(r"\\+REG,(?P<id>\\w+),(?P<signal>\\d+);", "BOX1")
    b'+REG,BOX1,20;'
    >>> packet_of(r"^(\\d{4})\\r\\n$", "0017"), packet_of(r"\\x7e(\\w+)", "D1")
    (b'0017\\r\\n', b'~D1')
    >>> packet_of(r"(\\w+)", "D1"), packet_of(r"[A-Z]+:(\\w+)", "D1"), packet_of("(", "D1")
    (b'D1', None, None)
    """
    said = "".join(_said(match, identity) for match in _PIECE.finditer(pattern)).encode()
    try:
        found = re.match(pattern.encode(), said)
    except re.error:
        return None
    if not found or not found.groups():
        return None
    named = found.groupdict()
    return said if (named.get("id") or found[1]) == identity.encode() else None


def _said(match, identity):
    """What stands in a packet for one piece of a pattern."""
    name, code, escaped, plain = match.groups()
    if plain:
        return "" if plain in "^$" else plain
    if escaped:
        return _CONTROLS.get(escaped, escaped)
    if code:
        return chr(int(code, 16))
    return SIGNAL if name == "signal" else identity
