"""How a maker's meter gets its own keys out of a master key, as options of a dialect."""

import hmac

from ..errors import BadJob, KeyMissing
from . import cipher, layout

METHODS = ("none", "diversified")
RIGHTS = ("inverted_block", "inverted_left")
_BLOCK_FIELDS = ("address", "version", "constant")
#: 8 bytes out of an address of 12 digits, and of 14
ELECTRICITY = (
    {"field": "constant", "value": "0000"},
    {"field": "address", "coding": "digits_be"},
)
WATER = (
    {"field": "constant", "value": "00"},
    {"field": "address", "size": 7, "coding": "digits_be"},
)


class KeyRule:
    """One key of a meter.

    Options: ``method`` ``none`` (the master key as it is; its left half for DES) or ``diversified``
    (left half: ``block`` enciphered with the master key; right half: see ``right``); ``block``: 8
    bytes, see ``layout`` (default the address as printed with zeros before it); ``right``:
    ``inverted_block`` or ``inverted_left``.
    """

    def __init__(self, form, block):
        self.method = form.choice("method", METHODS, "diversified")
        self.block = layout.read_fields(form, "block", _BLOCK_FIELDS, block)
        self.right = form.choice("right", RIGHTS, RIGHTS[0])
        form.end()
        if sum(field.size for field in self.block) != cipher.BLOCK:
            form.fail("block", f"must be {cipher.BLOCK} bytes")

    def derive(self, master, meter):
        """16 bytes."""
        if self.method == "none":
            return master
        values = {"address": meter.address, "version": meter.key_version}
        return cipher.diversify(master, layout.build(self.block, values), self.right)


class VendorKeys:
    """The keys of one meter and what is done with them. ``repr`` shows neither."""

    __slots__ = ("_algorithm", "_body", "_mac", "_rule", "version")

    def __init__(self, rule, master, meter):
        self._rule = rule
        self._algorithm = rule.algorithm or meter.algorithm
        self._body = self._sized(rule.key.derive(master, meter), self._algorithm)
        mac_algorithm = "3des" if rule.mac == "x9_19" else self._algorithm
        self._mac = self._sized(rule.mac_key.derive(master, meter), mac_algorithm)
        self.version = meter.key_version
        try:
            self.mac(b"")
            self.encipher(bytes(cipher.BLOCK))
        except ValueError:
            raise KeyMissing(
                f"the keys that master key {self.version} gives for meter {meter.address} are weak"
            ) from None

    def __repr__(self):
        return f"<VendorKeys, version {self.version}>"

    def __reduce__(self):
        raise TypeError("keys are not to be written anywhere")

    @staticmethod
    def _sized(key, algorithm):
        return key[:8] if algorithm == "des" else key

    def encipher(self, plain):
        rule = self._rule
        padded = cipher.pad(plain, rule.padding)
        return cipher.encrypt(self._algorithm, self._body, padded, rule.mode)

    def decipher(self, data):
        """:raises BadJob: not whole blocks"""
        if len(data) % cipher.BLOCK:
            raise BadJob(f"{len(data)} bytes are no whole blocks")
        return cipher.decrypt(self._algorithm, self._body, data, self._rule.mode)

    def mac(self, data):
        rule = self._rule
        if rule.mac == "none":
            return b""
        if rule.mac == "x9_19":
            return cipher.retail_mac(self._mac, data, rule.mac_padding, rule.mac_size)
        return cipher.mac(self._algorithm, self._mac, data, rule.mac_padding, rule.mac_size)

    def mac_fits(self, data, mac):
        return hmac.compare_digest(self.mac(data), mac)


class CipherRule:
    """How a body is enciphered and what its MAC is.

    Options: ``algorithm`` (``des``, ``3des``; default the meter's), ``mode`` (``ecb``, ``cbc`` with
    a vector of zeros), ``padding`` (``none``, ``80``, ``zero``), ``key`` (see ``KeyRule``), ``mac``
    (an object): ``kind`` (``none``, ``cbc_mac``, ``x9_19``), ``size`` (4), ``padding`` (``80``,
    ``zero``) and ``covers`` (see ``layout``); ``mac_key`` (default as ``key``).

    :param tuple covers: fields that a MAC can cover
    :param block: of a key, unless the options give another
    """

    def __init__(self, form, covers, block=ELECTRICITY):
        self.algorithm = form.choice("algorithm", ("", *cipher.ALGORITHMS), "")
        self.mode = form.choice("mode", cipher.MODES, "ecb")
        self.padding = form.choice("padding", cipher.PADDINGS, "none")
        source = form.take("key", {})
        self.key = KeyRule(form.of("key", source), block)
        self.mac_key = KeyRule(form.of("mac_key", form.take("mac_key", source)), block)
        inner = form.inner("mac", {})
        self.mac = inner.choice("kind", cipher.MACS, "none")
        self.mac_size = inner.whole("size", 1, cipher.BLOCK, cipher.MAC_SIZE)
        self.mac_padding = inner.choice("padding", ("80", "zero"), "80")
        self.covers = layout.read_fields(inner, "covers", covers, ("cipher",))
        inner.end()

    def check_body(self, form, fields):
        """:raises DialectError: a body of these fields cannot be enciphered"""
        size = sum(field.size for field in fields)
        if self.padding == "none" and size % cipher.BLOCK:
            form.fail("body", f"is {size} bytes, no multiple of {cipher.BLOCK}; padding is none")
