"""DES and two-key triple DES as the recharge protocol uses them: CBC with a vector of zeros."""

from Crypto.Cipher import DES, DES3

BLOCK = 8
MAC_SIZE = 4
ALGORITHMS = ("des", "3des")
_ZEROS = bytes(BLOCK)


def _cbc(algorithm, key):
    if algorithm == "des":
        return DES.new(key, DES.MODE_CBC, iv=_ZEROS)
    return DES3.new(key, DES3.MODE_CBC, iv=_ZEROS)


def encrypt(algorithm, key, plain):
    """CBC, no padding: ``plain`` is a multiple of 8 bytes."""
    return _cbc(algorithm, key).encrypt(plain)


def decrypt(algorithm, key, cipher):
    """The reverse of ``encrypt``."""
    return _cbc(algorithm, key).decrypt(cipher)


def pad(data):
    """One 80, then 00 up to a multiple of 8 (ISO/IEC 9797-1, padding method 2).

    >>> pad(b"1234567").hex(), len(pad(b"12345678"))
    ('3132333435363780', 16)
    """
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def mac(algorithm, key, data):
    """The first 4 bytes of the last CBC block of the padded data (ISO/IEC 9797-1, algorithm 1)."""
    return encrypt(algorithm, key, pad(data))[-BLOCK:][:MAC_SIZE]


def derive(master, use, version, address):
    """A meter's own key: 16 bytes, from the master key by triple DES in ECB.

    :param bytes master: 16 bytes
    :param int use: 1 the cipher key, 2 the MAC key
    :param str address: 12 digits as printed
    """
    block = bytes([use, version]) + bytes.fromhex(address)
    engine = DES3.new(master, DES3.MODE_ECB)
    return engine.encrypt(block) + engine.encrypt(bytes(value ^ 0xFF for value in block))
