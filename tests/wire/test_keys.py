"""Where keys may come from, and that they never show."""

import json
import os
import pickle
import traceback

import pytest
from meter_double import ADDRESS, MASTER
from meterwire.errors import KeyMissing
from meterwire.recharge import KeyRing

TEXT = MASTER.hex()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys.json"

    def write(content, mode=0o600):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return str(path)

    return write


def test_from_file(key_file):
    ring = KeyRing.from_env({"METERWIRE_KEYS": key_file({"1": TEXT, "7": TEXT[::-1]})})
    assert ring.versions == [1, 7]


def test_from_variables():
    ring = KeyRing.from_env({"METERWIRE_KEY_1": TEXT, "METERWIRE_KEY_255": TEXT.upper(), "X": "y"})
    assert ring.versions == [1, 255]


def test_file_and_variable_together(key_file):
    path = key_file({"1": TEXT})
    assert KeyRing.from_env({"METERWIRE_KEYS": path, "METERWIRE_KEY_2": TEXT}).versions == [1, 2]
    assert KeyRing.from_env({"METERWIRE_KEYS": path, "METERWIRE_KEY_1": TEXT}).versions == [1]
    with pytest.raises(KeyMissing, match="two different"):
        KeyRing.from_env({"METERWIRE_KEYS": path, "METERWIRE_KEY_1": TEXT[::-1]})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660])
def test_a_file_open_to_others_is_refused(key_file, mode):
    with pytest.raises(KeyMissing, match="open to group or others .*chmod 600") as caught:
        KeyRing.from_env({"METERWIRE_KEYS": key_file({"1": TEXT}, mode)})
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_the_owner_is_taken(key_file, mode):
    assert KeyRing.from_env({"METERWIRE_KEYS": key_file({"1": TEXT}, mode)}).versions == [1]


def test_the_rights_behind_a_link_count(key_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(key_file({"1": TEXT}, 0o644))
    with pytest.raises(KeyMissing, match="open to group"):
        KeyRing.from_file(str(link))


def test_a_file_of_another_user_is_refused(key_file, monkeypatch):
    path = key_file({"1": TEXT})
    owner = os.stat(path).st_uid
    if owner == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyMissing, match="another user"):
        KeyRing.from_file(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(KeyMissing, match="No such file"):
        KeyRing.from_file(str(tmp_path / "none"))
    with pytest.raises(KeyMissing, match="not a regular file"):
        KeyRing.from_file(str(tmp_path))


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyMissing, match="not a regular file"):
        KeyRing.from_file(str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense " + TEXT,
        "[]",
        {"1": TEXT[:-2]},
        {"1": TEXT + "00"},
        {"1": "zz" * 16},
        {"1": None},
        {"1": 5},
        {"0": TEXT},
        {"256": TEXT},
        {"one": TEXT},
        {"1": "0123456789ABCDEF" * 2},
        {"1": "0123456789ABCDEF" + "0022446688AACCEE"},
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(key_file, content):
    with pytest.raises(KeyMissing) as caught:
        KeyRing.from_file(key_file(content))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TEXT not in shown and "0123456789" not in shown


def test_a_bad_variable_is_named_not_shown():
    with pytest.raises(KeyMissing, match="METERWIRE_KEY_3") as caught:
        KeyRing.from_env({"METERWIRE_KEY_3": TEXT[1:]})
    assert TEXT[1:] not in str(caught.value)


def test_no_key_of_this_version():
    with pytest.raises(KeyMissing, match="no master key of version 2: .*METERWIRE_KEY_2"):
        KeyRing({1: MASTER}).meter_keys(ADDRESS, 2, "3des")
    with pytest.raises(KeyMissing, match="version 1"):
        KeyRing.from_env({}).meter_keys(ADDRESS, 1, "3des")


@pytest.mark.parametrize(
    "address, algorithm", [("1", "3des"), ("A" * 12, "3des"), (ADDRESS, "aes")]
)
def test_nothing_is_derived_for_nonsense(address, algorithm):
    with pytest.raises(KeyMissing):
        KeyRing({1: MASTER}).meter_keys(address, 1, algorithm)


def test_keys_never_show():
    ring = KeyRing({1: MASTER})
    keys = ring.meter_keys(ADDRESS, 1, "3des")
    shown = f"{ring!r} {ring} {keys!r} {keys} {[keys]}".lower()
    assert "<keyring of versions [1]> <keyring of" in shown
    for secret in (MASTER, keys.cipher_key, keys.mac_key):
        assert secret.hex() not in shown and repr(secret).lower() not in shown
    for thing in (ring, keys):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_keys_differ_by_meter_use_and_version():
    ring = KeyRing({1: MASTER, 2: MASTER})
    found = set()
    for address in ("202611000001", "202611000002"):
        for version in (1, 2):
            keys = ring.meter_keys(address, version, "3des")
            found |= {keys.cipher_key, keys.mac_key}
            short = ring.meter_keys(address, version, "des")
            assert (short.cipher_key, short.mac_key) == (keys.cipher_key[:8], keys.mac_key[:8])
    assert len(found) == 8


# --- the other secrets of the file ---------------------------------------------------------------

SECRETS = {
    "1": TEXT,
    "passwords": {"default": "123456", "east": "000000"},
    "encryptors": {"default": {"url": "https://127.0.0.1:8443", "token": "t0ken", "timeout": 2.5}},
    "hub": "hubs3cret",
    "mqtt": {"default": {"username": "u5er", "password": "p4ss"}},
}


def test_secrets_beside_the_keys(key_file):
    ring = KeyRing.from_env({"METERWIRE_KEYS": key_file(SECRETS)})
    assert ring.versions == [1]
    assert (ring.password(), ring.password("east")) == ("123456", "000000")
    assert ring.secret("hub") == "hubs3cret"
    assert ring.secret("mqtt") == {"username": "u5er", "password": "p4ss"}
    assert ring.secret("encryptors")["url"] == "https://127.0.0.1:8443"
    assert ring.master(1) == MASTER


@pytest.mark.parametrize(
    "ask, words",
    [
        (lambda ring: ring.password("west"), "no passwords 'west' in the file that METERWIRE_KEYS"),
        (lambda ring: ring.secret("encryptors", "east"), "no encryptors 'east'"),
        (lambda ring: ring.secret("colours"), "no colours 'default'"),
        (lambda ring: ring.master(9), "no master key of version 9"),
        (lambda _: KeyRing().password(), "no passwords 'default'"),
        (lambda _: KeyRing().secret("hub"), "no hub in the file"),
    ],
)
def test_a_secret_that_is_not_there(key_file, ask, words):
    ring = KeyRing.from_file(key_file(SECRETS))
    with pytest.raises(KeyMissing, match=words):
        ask(ring)


def test_a_secret_handed_out_is_a_copy(key_file):
    ring = KeyRing.from_file(key_file(SECRETS))
    ring.secret("mqtt")["password"] = "other"
    assert ring.secret("mqtt")["password"] == "p4ss"


@pytest.mark.parametrize(
    "section, content, words",
    [
        ("passwords", {"default": "S3CRET"}, "a password is 6 digits"),
        ("passwords", {"default": 123456}, "a password is 6 digits"),
        ("passwords", "S3CRET", "must be an object"),
        ("encryptors", {"default": {"url": "http://h"}}, "token is missing"),
        ("encryptors", {"default": {"url": "http://h", "token": ""}}, "token must be text"),
        ("encryptors", {"default": {"url": "http://h", "token": "S3CRET", "x": 1}}, "x is not kn"),
        (
            "encryptors",
            {"default": {"url": "http://h", "token": "S3CRET", "timeout": 61}},
            "timeout must be up to 60 seconds",
        ),
        ("encryptors", {"default": "S3CRET"}, "must be an object"),
        ("hub", {"default": "S3CRET"}, "must be one text"),
        ("hub", "", "must be one text"),
        ("mqtt", {"default": {"password": ["S3CRET"]}}, "password must be text"),
        ("colours", {"default": "S3CRET"}, "colours: a key is 32 hexadecimal digits"),
    ],
)
def test_a_secret_that_makes_no_sense_is_named_and_not_shown(key_file, section, content, words):
    with pytest.raises(KeyMissing, match=words) as caught:
        KeyRing.from_file(key_file({"1": TEXT, section: content}))
    shown = "".join(traceback.format_exception(caught.value))
    assert "S3CRET" not in shown and "S3CRET" not in repr(caught.value)


def test_a_ring_made_by_hand_is_checked_too():
    assert KeyRing({}, {"passwords": {"default": "123456"}}).password() == "123456"
    with pytest.raises(KeyMissing, match="there are only passwords"):
        KeyRing({}, {"colours": {}})


def test_secrets_never_show(key_file):
    ring = KeyRing.from_file(key_file(SECRETS))
    shown = f"{ring!r} {ring} {[ring]}"
    for secret in ("123456", "t0ken", "hubs3cret", "u5er", "p4ss"):
        assert secret not in shown
    with pytest.raises(TypeError):
        pickle.dumps(ring)
