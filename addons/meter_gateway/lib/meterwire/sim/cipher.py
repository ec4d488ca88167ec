"""Keys, deciphering and MAC of the recharge protocol, on the meter's side.

Only the block primitive DES comes from a library. Triple DES, CBC and the MAC are written out
here, apart from the desk's code (see docs/recharge-protocol.md, sections 2 and 6).
"""

import json
import os
import re
import stat

from Crypto.Cipher import DES

BLOCK = 8
#: what the desk keeps in the same file, and no meter needs
OTHER_SECTIONS = ("passwords", "encryptors", "hub", "mqtt")
USE_CIPHER = 1
USE_MAC = 2


class KeyProblem(Exception):
    """The keys cannot be read; the text says why and never holds a key."""


class BlockCipher:
    """DES with a key of 8 bytes, 2-key triple DES (EDE) with one of 16."""

    def __init__(self, key):
        if len(key) not in (8, 16):
            raise ValueError("a key has 8 or 16 bytes")
        self._outer = DES.new(key[:8], DES.MODE_ECB)
        self._inner = DES.new(key[8:], DES.MODE_ECB) if len(key) == 16 else None

    def encrypt(self, block):
        if self._inner is None:
            return self._outer.encrypt(block)
        return self._outer.encrypt(self._inner.decrypt(self._outer.encrypt(block)))

    def decrypt(self, block):
        if self._inner is None:
            return self._outer.decrypt(block)
        return self._outer.decrypt(self._inner.encrypt(self._outer.decrypt(block)))


def _xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


class MeterKeys:
    """The two keys of one meter, derived from a master key.

    :param master: 16 bytes.
    :param version: key version, 1 to 255.
    :param address: 12 digits as printed.
    :param algorithm: ``des`` or ``3des``.
    """

    def __init__(self, master, version, address, algorithm):
        self._cipher = BlockCipher(self._derive(master, USE_CIPHER, version, address, algorithm))
        self._mac = BlockCipher(self._derive(master, USE_MAC, version, address, algorithm))

    @staticmethod
    def _derive(master, use, version, address, algorithm):
        over = BlockCipher(master)
        block = bytes([use, version]) + bytes.fromhex(address)
        left = over.encrypt(block)
        if algorithm == "des":
            return left
        return left + over.encrypt(bytes(255 - byte for byte in block))

    def decipher(self, data):
        """Return the plain text of whole blocks (CBC, vector of zeros)."""
        plain, before = b"", bytes(BLOCK)
        for at in range(0, len(data), BLOCK):
            block = data[at : at + BLOCK]
            plain += _xor(self._cipher.decrypt(block), before)
            before = block
        return plain

    def mac(self, data):
        """Return the 4 bytes of MAC over ``data`` (padding 80 00.. added here)."""
        padded = data + b"\x80"
        padded += bytes(-len(padded) % BLOCK)
        state = bytes(BLOCK)
        for at in range(0, len(padded), BLOCK):
            state = self._mac.encrypt(_xor(state, padded[at : at + BLOCK]))
        return state[:4]


def load_keys(path=None, environ=None):
    """Return the master keys as ``{version: 16 bytes}``.

    :param path: key file; ``None`` takes the one that ``METERWIRE_KEYS`` names, if any.
    :param environ: mapping in place of the process environment.
    :raise KeyProblem: unreadable, readable by others, or not 32 hexadecimal digits a key.
    """
    environ = os.environ if environ is None else environ
    path = path or environ.get("METERWIRE_KEYS")
    keys = {}
    if path:
        for version, text in _read_file(path).items():
            if version in OTHER_SECTIONS:
                continue
            _add(keys, version, text, f"key file {path}, version {version}")
    for name, text in environ.items():
        found = re.fullmatch(r"METERWIRE_KEY_(\d+)", name)
        if found:
            _add(keys, found.group(1), text, name)
    return keys


def _read_file(path):
    try:
        with open(path, encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            if stat.S_IMODE(state.st_mode) & 0o077:
                raise KeyProblem(f"key file {path}: others may read it; chmod 600 it first")
            if state.st_uid not in (os.geteuid(), 0):
                raise KeyProblem(f"key file {path}: belongs to another user")
            content = json.load(file)
    except OSError as error:
        raise KeyProblem(f"key file {path}: {error.strerror}") from error
    except ValueError as error:
        raise KeyProblem(f"key file {path}: not JSON") from error
    if not isinstance(content, dict):
        raise KeyProblem(f'key file {path}: must be like {{"1": "<32 hexadecimal digits>"}}')
    return content


def _add(keys, version, text, where):
    if not str(version).isdecimal() or not 1 <= int(version) <= 255:
        raise KeyProblem(f"{where}: a key version is 1 to 255")
    if not isinstance(text, str) or not re.fullmatch(r"[0-9A-Fa-f]{32}", text.strip()):
        raise KeyProblem(f"{where}: a key is 32 hexadecimal digits")
    key = bytes.fromhex(text.strip())
    if all(left | 1 == right | 1 for left, right in zip(key[:8], key[8:], strict=True)):
        raise KeyProblem(f"{where}: weak key, its two halves are the same")
    if keys.setdefault(int(version), key) != key:
        raise KeyProblem(f"{where}: another key is given for this version elsewhere")


def load_chips(path=None, environ=None):
    """Return (identity, purchase): the master keys of emulated security chips, or None.

    :param path: key file of the reference encryptor (docs/encryptor.md); ``None`` takes the one
        that ``METERWIRE_CHIPS`` names, if any.
    :raise KeyProblem: unreadable, readable by others, or without these keys.
    """
    path = path or (os.environ if environ is None else environ).get("METERWIRE_CHIPS")
    if not path:
        return None
    content = _read_file(path)
    found = []
    for name in ("identity", "purchase"):
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", str(content.get(name))):
            raise KeyProblem(f"key file {path}: {name} must be 32 hexadecimal digits")
        found.append(bytes.fromhex(content[name]))
    return tuple(found)
