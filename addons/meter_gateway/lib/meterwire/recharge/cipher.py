"""DES and two-key triple DES, and the MACs made of them, as recharge protocols use them.

DES is weak, and here because meters have it. What protects a charge is the meter's purchase number
and the line.
"""

from Crypto.Cipher import DES, DES3

from ..errors import BadJob

BLOCK = 8
MAC_SIZE = 4
ALGORITHMS = ("des", "3des")
MODES = ("cbc", "ecb")
PADDINGS = ("none", "80", "zero")
MACS = ("none", "cbc_mac", "x9_19")
_ZEROS = bytes(BLOCK)


def _engine(algorithm, key, mode):
    kind = DES if algorithm == "des" else DES3
    if mode == "ecb":
        return kind.new(key, kind.MODE_ECB)
    return kind.new(key, kind.MODE_CBC, iv=_ZEROS)


def encrypt(algorithm, key, plain, mode="cbc"):
    """No padding: ``plain`` is a multiple of 8 bytes; CBC with a vector of zeros, or ECB."""
    return _engine(algorithm, key, mode).encrypt(plain)


def decrypt(algorithm, key, cipher, mode="cbc"):
    """The reverse of ``encrypt``."""
    return _engine(algorithm, key, mode).decrypt(cipher)


def pad(data, padding="80"):
    """``data`` filled up to a multiple of 8 bytes.

    :param str padding: ``80``: one 80, then 00 (ISO/IEC 9797-1, padding method 2); ``zero``: only
        00, none if it fits already (method 1); ``none``
    :raises BadJob: ``none``, and it does not fit

    >>> pad(b"1234567").hex(), len(pad(b"12345678")), len(pad(b"12345678", "zero"))
    ('3132333435363780', 16, 8)
    """
    if padding == "80":
        data += b"\x80"
    if padding != "none":
        data += bytes(-len(data) % BLOCK)
    if len(data) % BLOCK:
        raise BadJob(f"{len(data)} bytes are to be enciphered without padding")
    return data


def mac(algorithm, key, data, padding="80", size=MAC_SIZE):
    """The first bytes of the last CBC block of the padded data (ISO/IEC 9797-1, algorithm 1)."""
    return encrypt(algorithm, key, pad(data, padding))[-BLOCK:][:size]


def retail_mac(key, data, padding="80", size=MAC_SIZE):
    """MAC of ANSI X9.19 (ISO/IEC 9797-1, algorithm 3): DES with the left half of the 16 byte key,
    its last block once more through the right and the left half."""
    left, right = key[:BLOCK], key[BLOCK:]
    last = encrypt("des", left, pad(data, padding))[-BLOCK:]
    return encrypt("des", left, decrypt("des", right, last, "ecb"), "ecb")[:size]


def derive(master, use, version, address):
    """A meter's own key: 16 bytes, from the master key by triple DES in ECB.

    :param bytes master: 16 bytes
    :param int use: 1 the cipher key, 2 the MAC key
    :param str address: 12 digits as printed
    """
    return diversify(master, bytes([use, version]) + bytes.fromhex(address))


def diversify(master, block, right="inverted_block"):
    """16 bytes of key: the block enciphered with the master key, and beside it a right half.

    :param bytes block: 8 bytes
    :param str right: ``inverted_block``: the block with every bit inverted, enciphered too;
        ``inverted_left``: the left half with every bit inverted
    """
    left = encrypt("3des", master, block, "ecb")
    if right == "inverted_left":
        return left + _inverted(left)
    return left + encrypt("3des", master, _inverted(block), "ecb")


def _inverted(data):
    return bytes(value ^ 0xFF for value in data)
