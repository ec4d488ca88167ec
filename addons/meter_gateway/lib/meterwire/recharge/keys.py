"""Where the keys come from. They never reach the database, a log, or the text of an error."""

import hmac
import json
import os
import stat

from Crypto.Cipher import DES3

from ..errors import KeyMissing
from ..values import is_digits
from . import cipher

FILE_VARIABLE = "METERWIRE_KEYS"
KEY_PREFIX = "METERWIRE_KEY_"
_MAX_FILE = 64 * 1024


class MeterKeys:
    """The two keys of one meter. ``repr`` shows which, never what."""

    __slots__ = ("address", "algorithm", "cipher_key", "mac_key", "version")

    def __init__(self, address, version, algorithm, cipher_key, mac_key):
        self.address = address
        self.version = version
        self.algorithm = algorithm
        self.cipher_key = cipher_key
        self.mac_key = mac_key

    def __repr__(self):
        return f"<MeterKeys of {self.address}, version {self.version}, {self.algorithm}>"

    def __reduce__(self):
        raise TypeError("keys are not to be written anywhere")

    def encrypt(self, plain):
        return cipher.encrypt(self.algorithm, self.cipher_key, plain)

    def decrypt(self, data):
        return cipher.decrypt(self.algorithm, self.cipher_key, data)

    def mac(self, data):
        return cipher.mac(self.algorithm, self.mac_key, data)

    def mac_fits(self, data, mac):
        return hmac.compare_digest(self.mac(data), mac)


class KeyRing:
    """Master keys by version.

    :param masters: ``{version 1..255: 16 bytes}``
    :raises KeyMissing: a version or a key is not usable
    """

    __slots__ = ("_masters",)

    def __init__(self, masters=()):
        self._masters = {}
        for version, key in dict(masters).items():
            self._add(version, key)

    def __repr__(self):
        return f"<KeyRing of versions {self.versions}>"

    def __reduce__(self):
        raise TypeError("keys are not to be written anywhere")

    @property
    def versions(self):
        return sorted(self._masters)

    @classmethod
    def from_env(cls, environ=None):
        """The keys of the file that ``METERWIRE_KEYS`` names and of ``METERWIRE_KEY_<version>``.

        With neither, the ring is empty and every ``meter_keys`` says so.

        :raises KeyMissing: the file is not there, not a key file, or readable by others; a
            variable is no key; file and variable differ about one version
        """
        environ = os.environ if environ is None else environ
        path = environ.get(FILE_VARIABLE)
        ring = cls.from_file(path) if path else cls()
        for name, text in environ.items():
            if name.startswith(KEY_PREFIX):
                ring._add_text(name[len(KEY_PREFIX) :], text, name)
        return ring

    @classmethod
    def from_file(cls, path):
        """The keys of a JSON file ``{"1": "<32 hexadecimal digits>"}``, see ``from_env``."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise KeyMissing(f"key file {path}: {error.strerror}") from None
        try:
            _check_rights(os.fstat(handle), path)
            content = json.loads(os.read(handle, _MAX_FILE))
        except ValueError:
            content = None
        finally:
            os.close(handle)
        if not isinstance(content, dict):
            raise KeyMissing(f'key file {path} is not JSON of the form {{"1": "<32 hex digits>"}}')
        ring = cls()
        for version, text in content.items():
            ring._add_text(version, text, f"key file {path}, version {version}")
        return ring

    def meter_keys(self, address, version, algorithm):
        """The keys of one meter.

        :param str address: 12 digits
        :param int version: of the master key
        :param str algorithm: ``des`` or ``3des``
        :raises KeyMissing: no master key of this version, or nothing can be derived
        """
        if algorithm not in cipher.ALGORITHMS:
            raise KeyMissing(f"unknown algorithm {algorithm!r}")
        if not is_digits(address):
            raise KeyMissing(f"no key can be derived for the address {address!r}")
        master = self._masters.get(version)
        if master is None:
            raise KeyMissing(
                f"no master key of version {version}: give it in the file that {FILE_VARIABLE} "
                f"names, or in {KEY_PREFIX}{version}"
            )
        size = 8 if algorithm == "des" else 16
        cipher_key, mac_key = (
            cipher.derive(master, use, version, address)[:size] for use in (1, 2)
        )
        return MeterKeys(address, version, algorithm, cipher_key, mac_key)

    def _add_text(self, version, text, where):
        try:
            key = bytes.fromhex(text)
        except (TypeError, ValueError):
            key = b""
        if len(key) != 16 or not (version.isascii() and version.isdigit()):
            raise KeyMissing(f"{where}: a key is 32 hexadecimal digits under a version 1 to 255")
        self._add(int(version), key)

    def _add(self, version, key):
        if not 1 <= version <= 255 or len(key) != 16:
            raise KeyMissing(f"master key {version}: 16 bytes under a version 1 to 255 are needed")
        if self._masters.get(version, key) != key:
            raise KeyMissing(f"two different master keys are given for version {version}")
        try:
            DES3.adjust_key_parity(key)
        except ValueError:
            raise KeyMissing(f"master key {version} is weak: its two halves are the same") from None
        self._masters[version] = key


def _check_rights(info, path):
    """The rights of what was opened, not of what the name may point to by now."""
    if not stat.S_ISREG(info.st_mode):
        raise KeyMissing(f"key file {path} is not a regular file")
    if info.st_mode & 0o077:
        raise KeyMissing(
            f"key file {path} is open to group or others (mode {info.st_mode & 0o777:04o}); "
            f"make it readable by its owner only: chmod 600 {path}"
        )
    if info.st_uid not in (os.geteuid(), 0):
        raise KeyMissing(f"key file {path} belongs to another user (uid {info.st_uid})")
