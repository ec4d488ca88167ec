"""The key file: JSON that only its owner may read.

``{"1": "<32 hexadecimal digits>"}`` are master keys by version. Beside them there may be

==============  ===============================================================================
``passwords``   ``{"default": "000000"}``: what registers and the supply are written with
``encryptors``  ``{"default": {"url": "https://..", "token": "..", "timeout": 5, "ca_file": ".."}}``
``hub``         ``"<secret>"``, shared by the programs that hold the modems' connections
``mqtt``        ``{"default": {"username": "..", "password": "..", "ca_file": ".."}}``
==============  ===============================================================================
"""

import json
import os
import stat

from ..errors import KeyMissing
from ..values import is_digits

_MAX_FILE = 64 * 1024
#: section -> what each of its entries must have, and may have; None: the section is one text
SECTIONS = {
    "passwords": ((), ()),
    "encryptors": (("url", "token"), ("timeout", "ca_file")),
    "mqtt": ((), ("username", "password", "ca_file")),
    "hub": None,
}


def read(path):
    """The object in the file.

    :raises KeyMissing: not there, not such a file, or readable by others
    """
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
    return content


def checked(section, content, where):
    """A section's content if it is one; the words of an error never show it.

    :raises KeyMissing: it is none
    """
    if section not in SECTIONS:
        raise KeyMissing(f"{where}: there are only {', '.join(SECTIONS)}")
    if SECTIONS[section] is None:
        if not isinstance(content, str) or not content:
            raise KeyMissing(f"{where}: must be one text")
        return content
    if not isinstance(content, dict):
        raise KeyMissing(f"{where}: must be an object, one entry a name")
    for name, entry in content.items():
        _check_entry(section, entry, f"{where}, {name}")
    return content


def _check_entry(section, entry, where):
    if section == "passwords":
        if not isinstance(entry, str) or not is_digits(entry, 6):
            raise KeyMissing(f"{where}: a password is 6 digits in quotes")
        return
    needed, known = SECTIONS[section]
    if not isinstance(entry, dict):
        raise KeyMissing(f"{where}: must be an object")
    for key in needed:
        if key not in entry:
            raise KeyMissing(f"{where}: {key} is missing")
    for key, value in entry.items():
        if key not in needed and key not in known:
            raise KeyMissing(f"{where}: {key} is not known here")
        if key == "timeout":
            if type(value) not in (int, float) or not 0 < value <= 60:
                raise KeyMissing(f"{where}: timeout must be up to 60 seconds")
        elif not isinstance(value, str) or not value:
            raise KeyMissing(f"{where}: {key} must be text")


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
