"""Where the keys come from. They never reach the database, a log, or the text of an error."""

import hmac
import os

from Crypto.Cipher import DES3

from ..errors import KeyMissing
from ..values import is_digits
from . import cipher, secrets_file

FILE_VARIABLE = "METERWIRE_KEYS"
KEY_PREFIX = "METERWIRE_KEY_"


class Secret:
    """A text that does not show."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return "<Secret>"

    def __reduce__(self):
        raise TypeError("keys are not to be written anywhere")


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
    """Master keys by version, and the other secrets that the gateway needs.

    :param masters: ``{version 1..255: 16 bytes}``
    :param secrets: sections of the key file: ``{"passwords": {"default": "000000"}}``
    :raises KeyMissing: a version, a key or a secret is not usable
    """

    __slots__ = ("_masters", "_secrets")

    def __init__(self, masters=(), secrets=()):
        self._masters = {}
        self._secrets = {}
        for version, key in dict(masters).items():
            self._add(version, key)
        for section, content in dict(secrets).items():
            self._secrets[section] = secrets_file.checked(section, content, "secrets")

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
        """The keys and secrets of a JSON file, see ``secrets_file`` and ``from_env``."""
        ring = cls()
        for name, content in secrets_file.read(path).items():
            where = f"key file {path}, {name}"
            if name in secrets_file.SECTIONS:
                ring._secrets[name] = secrets_file.checked(name, content, where)
            else:
                ring._add_text(name, content, f"key file {path}, version {name}")
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
        master = self.master(version)
        size = 8 if algorithm == "des" else 16
        cipher_key, mac_key = (
            cipher.derive(master, use, version, address)[:size] for use in (1, 2)
        )
        return MeterKeys(address, version, algorithm, cipher_key, mac_key)

    def master(self, version):
        """A master key, 16 bytes, for meters whose own keys are made in another way.

        :raises KeyMissing: none of this version
        """
        master = self._masters.get(version)
        if master is None:
            raise KeyMissing(
                f"no master key of version {version}: give it in the file that {FILE_VARIABLE} "
                f"names, or in {KEY_PREFIX}{version}"
            )
        return master

    def password(self, name="default"):
        """The six digits of a meter password.

        :raises KeyMissing: none of this name
        """
        return self.secret("passwords", name)

    def secret(self, section, name="default"):
        """One secret of the key file.

        :param str section: passwords, encryptors, mqtt, or hub (which has one secret, no names)
        :return: text, or a dict for encryptors and mqtt
        :raises KeyMissing: it is not there
        """
        content = self._secrets.get(section)
        value = content.get(name) if isinstance(content, dict) else content
        if value is None:
            place = section if section == "hub" else f"{section} {name!r}"
            raise KeyMissing(f"no {place} in the file that {FILE_VARIABLE} names")
        return dict(value) if isinstance(value, dict) else value

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
