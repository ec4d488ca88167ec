"""Shape vendor: cipher, key and layout by options. The cipher texts here were made with openssl."""

import copy
import hashlib
import pickle

import pytest
from Crypto.Cipher import DES
from hypothesis import given
from hypothesis import strategies as st
from meterwire.errors import BadJob, DialectError, FrameError, KeyMissing
from meterwire.recharge import Ack, KeyRing, Refusal, cipher, layout
from meterwire.recharge.options import Options
from recharge_double import (
    ADDRESS,
    KEYRING,
    MASTER,
    Registers,
    by_hand,
    converse,
    meter_of,
    order,
    sent_by,
)

#: DES in ECB, key by address, packed decimal
SIMPLE = {"shape": "vendor", "algorithm": "des", "body": ["amount", "number"]}
#: triple DES in CBC, retail MAC, right half of the key by inverting the left
MACED = {
    "shape": "vendor",
    "algorithm": "3des",
    "mode": "cbc",
    "padding": "80",
    "body": [
        {"field": "amount", "coding": "le"},
        {"field": "number", "coding": "le"},
        "address",
    ],
    "data": ["di", "operator", "cipher", "mac"],
    "key": {"right": "inverted_left"},
    "mac": {"kind": "x9_19", "covers": ["di", "operator", "cipher"]},
    "rejects_repeats": True,
}
#: the master key as it is, random bytes, MAC over the plain text, enciphered reply
RANDOM = {
    "shape": "vendor",
    "algorithm": "des",
    "key": {"method": "none"},
    "body": [
        {"field": "amount", "coding": "bcd_be"},
        {"field": "number", "size": 2, "coding": "be"},
        {"field": "random", "size": 2},
    ],
    "data": ["di", "version", "cipher", "mac"],
    "mac": {"kind": "cbc_mac", "padding": "zero", "covers": ["address", "di", "plain"]},
    "reply": {
        "enciphered": True,
        "layout": [
            {"field": "balance", "coding": "le"},
            {"field": "number", "size": 2, "coding": "be"},
        ],
    },
    "final_errors": ["81", "82"],
}
FRAMES = {
    "simple": (SIMPLE, "FF020107 44332211 8AED0125C0AD12F8", b""),
    "maced": (MACED, "FF020107 44332211 92733DB971ABA0D8552ED1BFD839AEDD F69D7090", b""),
    "random": (RANDOM, "FF020107 01 D353023BB9713060 E1CC5C4F", bytes.fromhex("BEEF")),
}


def known(options, data, random, **changes):
    answer = {
        "key": MASTER.hex(),
        "address": ADDRESS,
        "order": {"amount_steps": 10000, "number": 2},
        "frame": by_hand(ADDRESS, 0x03, data).hex(),
        **changes,
    }
    if random:
        answer["random"] = random.hex()
    return {**options, "known_answers": [answer]}


def setting(options):
    meter = meter_of(options, errors={"C3": {"80": "wrong number", "81": "wrong customer"}})
    shape = meter.dialect.shape
    return meter, shape, shape.keys(KEYRING, meter)


# --- published values ---------------------------------------------------------------------------

ISO_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
ISO_TEXT = b"Now is the time for all "


@pytest.mark.parametrize(
    "padding, first, third",
    [
        ("zero", "70A30640CC76DD8B", "A1C72E74EA3FA9B6"),
        ("80", "10E1F0F108341B6D", "E9086230CA3BE796"),
    ],
)
def test_macs_of_iso_9797(padding, first, third):
    """Examples of ISO/IEC 9797-1, annex: algorithms 1 and 3 with DES."""
    made = cipher.mac("des", ISO_KEY[:8], ISO_TEXT, padding, 8)
    assert made.hex().upper() == first
    assert cipher.retail_mac(ISO_KEY, ISO_TEXT, padding, 8).hex().upper() == third
    assert cipher.retail_mac(ISO_KEY, ISO_TEXT, padding).hex().upper() == third[:8]


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAMES)
def test_the_frame(name, monkeypatch):
    options, data, random = FRAMES[name]
    monkeypatch.setattr("os.urandom", lambda size: random[:size])
    meter, shape, keys = setting(options)
    assert sent_by(shape.send(meter, keys, order())) == (by_hand(ADDRESS, 0x03, data), True)


@pytest.mark.parametrize("name", FRAMES)
def test_the_makers_example_is_checked(name):
    options, data, random = FRAMES[name]
    assert meter_of(known(options, data, random)).dialect.shape.name == "vendor"


@pytest.mark.parametrize("name", FRAMES)
def test_an_example_that_does_not_come_out_is_shown(name):
    options, data, random = FRAMES[name]
    wrong = known(options, data, random)
    wrong["known_answers"][0]["order"]["amount_steps"] = 10001
    with pytest.raises(DialectError, match=r"known_answers\[0\]: comes out as 6801.*, not as 6801"):
        meter_of(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "3des"},
        {"mode": "cbc", "body": [*MACED["body"]]},
        {"key": {"method": "none"}},
        {"key": {"block": [{"field": "address", "coding": "digits_be"}, "constant"]}},
        {"body": ["number", "amount"]},
        {"operator": "00000000"},
        {"functions": {"charge": "070101FF"}},
        {"function": "14"},
    ],
)
def test_an_example_notices_any_wrong_option(change):
    options = known(SIMPLE, FRAMES["simple"][1], b"")
    meter_of(options)
    with pytest.raises(DialectError):
        meter_of({**options, **change})


def test_an_example_with_a_weak_key():
    with pytest.raises(DialectError, match=r"known_answers\[0\]: cannot be made: the keys that"):
        meter_of(
            known({**MACED, "key": {"method": "none"}}, FRAMES["maced"][1], b"", key="11" * 16)
        )


def test_a_write_instead_of_a_security_function():
    meter, shape, keys = setting({**SIMPLE, "function": "14", "functions": {"charge": "04900001"}})
    frame = by_hand(ADDRESS, 0x14, "01009004 44332211 8AED0125C0AD12F8")
    assert sent_by(shape.send(meter, keys, order()))[0] == frame


def test_a_retail_mac_beside_single_des():
    """The body takes the left half of the key, the MAC both."""
    meter, shape, keys = setting(
        {**SIMPLE, "data": ["di", "operator", "cipher", "mac"], "mac": {"kind": "x9_19"}}
    )
    frame = by_hand(ADDRESS, 0x03, FRAMES["simple"][1], "C612EAF6")
    assert sent_by(shape.send(meter, keys, order()))[0] == frame


def test_the_meters_own_algorithm_is_used_unless_the_dialect_says_another():
    options = copy.deepcopy(SIMPLE)
    del options["algorithm"]
    meter, shape, _keys = setting(options)
    frames = set()
    for algorithm in ("des", "3des"):
        one = meter._replace(algorithm=algorithm)
        frames.add(sent_by(shape.send(one, shape.keys(KEYRING, one), order()))[0])
    assert by_hand(ADDRESS, 0x03, FRAMES["simple"][1]) in frames and len(frames) == 2


# --- sent again, fingerprints -------------------------------------------------------------------


def test_the_same_order_is_the_same_frame_and_its_hash():
    meter, shape, keys = setting(MACED)
    frame = by_hand(ADDRESS, 0x03, FRAMES["maced"][1])
    assert shape.fingerprint(meter, keys, order()) == hashlib.sha256(frame).hexdigest()


def test_random_bytes_differ_and_the_fingerprint_does_not():
    meter, shape, keys = setting(RANDOM)
    assert len({sent_by(shape.send(meter, keys, order()))[0] for _ in range(20)}) > 1
    assert len({shape.fingerprint(meter, keys, order()) for _ in range(20)}) == 1
    other = shape.fingerprint(meter, keys, order(number=3))
    assert other != shape.fingerprint(meter, keys, order())
    with pytest.raises(BadJob):
        shape.fingerprint(meter, keys, order(steps=10**8))


def test_it_is_sent_again_only_where_the_maker_says_so():
    assert meter_of(SIMPLE).dialect.shape.resend is False
    assert meter_of(MACED).dialect.shape.resend is True


# --- a life -------------------------------------------------------------------------------------


class VendorMeter(Registers):
    """Deciphers the body of ``SIMPLE`` with DES from the library; error codes of its own."""

    def execute(self, frame):
        key = bytes.fromhex("5FD696C8E221E3A4")
        plain = DES.new(key, DES.MODE_ECB).decrypt(frame.data[8:])
        digits = [plain[at : at + 4][::-1].hex() for at in (0, 4)]
        if not all(text.isdigit() for text in digits):
            return self.reply(0xC3, b"\x84")
        amount, number = (int(text) for text in digits)
        if number != self.number + 1:
            return self.reply(0xC3, b"\x80")
        self.charged(amount)
        return self.reply(0x83, frame.data[:4])


def test_charged_proved_and_repeated():
    meter, shape, keys = setting(SIMPLE)
    double = VendorMeter()
    before = converse(shape.status(meter, keys), double)
    assert converse(shape.send(meter, keys, order()), double) == Ack()
    status = converse(shape.status(meter, keys), double)
    assert shape.judge(order(), status, before).outcome == "proved"
    refusal = converse(shape.send(meter, keys, order()), double)
    assert refusal == Refusal(0x80, "the meter refused: wrong number", False)
    assert converse(shape.status(meter, keys), double) == status


def test_another_master_key_is_refused_by_the_meter():
    meter, shape, _keys = setting(SIMPLE)
    keys = shape.keys(KeyRing({1: MASTER[::-1]}), meter)
    double = VendorMeter()
    refusal = converse(shape.send(meter, keys, order()), double)
    assert refusal == Refusal(0x84, "the meter refused with 84", False)
    assert double.number == 1


# --- replies ------------------------------------------------------------------------------------


def answered(reply, options=RANDOM, **changes):
    meter, shape, keys = setting(options)
    return converse(shape.send(meter, keys, order(**changes)), lambda frame: reply)


def test_an_enciphered_reply():
    reply = by_hand(ADDRESS, 0x83, "FF020107 BA3A00626D1CCE98")
    assert answered(reply) == Ack(2, -250)
    assert answered(reply, number=3) is None, "it is about another purchase"


@pytest.mark.parametrize(
    "data", ["FF010107 BA3A00626D1CCE98", "FF020107 BA3A00626D1CCE", "FF020107", ""]
)
def test_a_reply_that_is_none(data):
    assert answered(by_hand(ADDRESS, 0x83, data)) is None


def test_a_plain_reply_with_everything():
    options = {
        **SIMPLE,
        "reply": {"layout": ["balance", "number", "amount", "customer", {"field": "skip"}]},
    }
    data = ["FF020107", "50970000", "02000000", "00000100", "170000000000", "00"]
    reply = by_hand(ADDRESS, 0x83, *data)
    assert answered(reply, options) == Ack(2, 9750)
    assert answered(reply, options, steps=9999) is None
    assert answered(reply, options, customer="000000000018") is None
    bad = by_hand(ADDRESS, 0x83, data[0], "5097000A", *data[2:])
    assert answered(bad, options) is None


@pytest.mark.parametrize(
    "data, refusal",
    [
        ("80", Refusal(0x80, "the meter refused: wrong number", False)),
        ("81", Refusal(0x81, "the meter refused: wrong customer", True)),
        ("82", Refusal(0x82, "the meter refused with 82", True)),
        ("0100", Refusal(1, "the meter refused with 0100", False)),
        ("", Refusal(0, "the meter refused with no reason", False)),
    ],
)
def test_refusals(data, refusal):
    assert answered(by_hand(ADDRESS, 0xC3, data)) == refusal


@pytest.mark.parametrize(
    "reply",
    [
        by_hand("202611000002", 0x83, "FF020107"),
        by_hand(ADDRESS, 0x91, "FF020107"),
        by_hand(ADDRESS, 0x03, "FF020107"),
        None,
    ],
)
def test_what_answers_something_else_is_not_taken(reply):
    assert answered(reply, SIMPLE) is None


def test_a_reply_without_layout_needs_its_identifier_at_most():
    assert answered(by_hand(ADDRESS, 0x83), SIMPLE) == Ack()
    assert answered(by_hand(ADDRESS, 0x83, "FF020107"), SIMPLE) == Ack()
    assert answered(by_hand(ADDRESS, 0x83, "FF010107"), SIMPLE) is None


# --- keys ---------------------------------------------------------------------------------------


def test_keys_never_show():
    _meter, _shape, keys = setting(MACED)
    assert f"{keys} {keys!r}" == "<VendorKeys, version 1> <VendorKeys, version 1>"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def test_no_key_of_this_version():
    meter, shape, _keys = setting(SIMPLE)
    with pytest.raises(KeyMissing, match="no master key of version 3"):
        shape.keys(KEYRING, meter._replace(key_version=3))


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, words",
    [
        ({"body": None}, "recharge.body: is missing"),
        ({"body": ["amount"]}, "body: needs amount and number"),
        ({"body": ["amount", "number", "address"]}, "is 14 bytes, no multiple of 8"),
        ({"body": ["amount", "random", "random", "number"]}, "in one place only"),
        ({"data": ["di", "operator"]}, "data: needs cipher"),
        ({"data": ["di", "cipher", "mac"]}, "has mac where mac.kind is none"),
        ({"mac": {"kind": "x9_19"}}, "has mac where mac.kind is none, or none where it is not"),
        (
            {"data": ["cipher", "mac"], "mac": {"kind": "x9_19", "covers": ["random"]}},
            "mac.covers: random is not part",
        ),
        ({"mac": {"kind": "sha"}}, "mac.kind: must be one of none, cbc_mac, x9_19"),
        ({"mac": {"size": 9}}, "mac.size: must be a whole number from 1 to 8"),
        ({"mac": {"colour": 1}}, "mac.colour: is not known here"),
        ({"mode": "ctr"}, "mode: must be one of cbc, ecb"),
        ({"padding": "pkcs"}, "padding: must be one of"),
        ({"algorithm": "aes"}, "algorithm: must be one of"),
        ({"key": {"method": "guess"}}, "key.method: must be one of"),
        ({"key": {"block": ["address"]}}, "key.block: must be 8 bytes"),
        ({"key": {"block": ["customer"]}}, r"key.block\[0\].field: must be one of"),
        ({"key": 5}, "recharge.key: must be an object"),
        ({"function": "11"}, "function: must be 03 or 14"),
        ({"operator": "abc"}, "operator: must be 8 digits"),
        ({"reply": {"layout": ["random"]}}, r"reply.layout\[0\].field: must be one of"),
        ({"final_errors": ["x"]}, r"final_errors\[0\].code: must be pairs"),
        ({"known_answers": ["x"]}, r"known_answers\[0\]: must be an object"),
        ({"known_answers": [{}]}, r"known_answers\[0\].key: is missing"),
        ({"password": "1"}, "recharge.password: is not known here"),
    ],
)
def test_options_that_make_no_sense_are_named(change, words):
    with pytest.raises(DialectError, match=words):
        meter_of({**SIMPLE, **change})


# --- fields -------------------------------------------------------------------------------------


@given(
    st.sampled_from(["le", "be", "bcd", "bcd_be"]),
    st.integers(1, 8),
    st.integers(0, 4),
    st.integers(0, 2**31 - 1),
)
def test_an_amount_is_written_exactly_or_not_at_all(coding, size, places, steps):
    source = {"a": [{"field": "amount", "size": size, "coding": coding, "places": places}]}
    fields = layout.read_fields(Options(source), "a", ("amount",))
    try:
        data = layout.build(fields, {"amount": steps})
    except BadJob:
        limit = (100 if coding.startswith("bcd") else 256) ** size
        assert steps % 10 ** max(2 - places, 0) or steps * 10**places // 100 >= limit
        return
    assert len(data) == size
    assert layout.read(fields, data) == {"amount": steps}


def test_a_reply_that_ends_too_early():
    fields = layout.read_fields(Options({"a": ["number"]}), "a", layout.REPLY_FIELDS)
    with pytest.raises(FrameError, match="ends in the middle of its number"):
        layout.read(fields, b"\x01\x02\x03")


def test_digits_that_do_not_fit():
    source = {"a": [{"field": "customer", "size": 2}]}
    fields = layout.read_fields(Options(source), "a", ("customer",))
    assert layout.build(fields, {"customer": "17"}) == b"\x17\x00"
    with pytest.raises(BadJob, match="customer 12345 does not fit 4 digits"):
        layout.build(fields, {"customer": "12345"})
