"""A maker's cipher on the meter's side, by the options of docs/recharge-shapes.md."""

from Crypto.Cipher import DES

from .cipher import BLOCK, BlockCipher
from .fields import Field

PADDED = ("80", "zero")


def _inverted(data):
    return bytes(255 - byte for byte in data)


def _xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _block(options, meter):
    """The block that a meter's key is made of."""
    digits = meter.address
    layout = options.get("block")
    if layout is None:
        return bytes.fromhex(digits.zfill(16))
    known = {"address": int(digits), "version": meter.kind.key_version}
    data = b""
    for text in layout:
        field = Field(text)
        if field.name == "address" and field.size == 6 and len(digits) == 14:
            field.size = 7
        data += field.write(known.get(field.name, 0))
    return data


def key_of(options, meter, master):
    """Return the 16 bytes of a meter's key."""
    if options.get("method", "diversified") == "none":
        return master
    over, block = BlockCipher(master), _block(options, meter)
    left = over.encrypt(block)
    if options.get("right", "inverted_block") == "inverted_left":
        return left + _inverted(left)
    return left + over.encrypt(_inverted(block))


class VendorCipher:
    """Deciphers bodies and checks MACs of one meter.

    :param options: of the shape (vendor), or its ``cipher`` (a013).
    """

    def __init__(self, options, meter, master):
        algorithm = options.get("algorithm") or meter.kind.algorithm
        key = key_of(options.get("key", {}), meter, master)
        mac_key = key_of(options.get("mac_key", options.get("key", {})), meter, master)
        self._size = 8 if algorithm == "des" else 16
        self._body = BlockCipher(key[: self._size])
        self._mac_key = mac_key
        self._chained = options.get("mode", "ecb") == "cbc"
        self._padding = options.get("padding", "none")
        mac = options.get("mac", {})
        self.mac_kind, self.mac_size = mac.get("kind", "none"), int(mac.get("size", 4))
        self._mac_padding = mac.get("padding", "80")

    def decipher(self, data, size):
        """Return the plain body of ``size`` bytes; ValueError when it cannot be."""
        if len(data) % BLOCK or not data:
            raise ValueError("no whole blocks")
        plain, before = b"", bytes(BLOCK)
        for at in range(0, len(data), BLOCK):
            block = data[at : at + BLOCK]
            piece = self._body.decrypt(block)
            plain += _xor(piece, before) if self._chained else piece
            before = block
        if pad(plain[:size], self._padding) != plain:
            raise ValueError("filled up in another way")
        return plain[:size]

    def encipher(self, plain):
        data, before = b"", bytes(BLOCK)
        padded = pad(plain, self._padding)
        for at in range(0, len(padded), BLOCK):
            block = padded[at : at + BLOCK]
            before = self._body.encrypt(_xor(block, before) if self._chained else block)
            data += before
        return data

    def mac(self, data):
        """Return the MAC over data, or nothing where there is none."""
        if self.mac_kind == "none":
            return b""
        padded, state = pad(data, self._mac_padding), bytes(BLOCK)
        if self.mac_kind == "x9_19":
            left = DES.new(self._mac_key[:8], DES.MODE_ECB)
            right = DES.new(self._mac_key[8:], DES.MODE_ECB)
            for at in range(0, len(padded), BLOCK):
                state = left.encrypt(_xor(state, padded[at : at + BLOCK]))
            state = left.encrypt(right.decrypt(state))
        else:
            over = BlockCipher(self._mac_key[: self._size])
            for at in range(0, len(padded), BLOCK):
                state = over.encrypt(_xor(state, padded[at : at + BLOCK]))
        return state[: self.mac_size]


def pad(data, padding):
    """Fill up to whole blocks: ``80`` always adds, ``zero`` only what lacks."""
    if padding == "80":
        data += b"\x80"
    return data + bytes(-len(data) % BLOCK) if padding in PADDED else data
