"""The rules of docs/recharge-protocol.md, by what a meter says and by what its books say."""

import dataclasses
import itertools

import pytest
from meterwire.dlt645_2007 import Frame, encode, parse
from meterwire.recharge import Ack, Refusal, judge

FRESH = 60
STRANGE = "000000000099"


def make_site(lab):
    return lab.site(
        [lab.meter(number) for number in range(FRESH)]
        + [
            lab.meter(100, hoard="100.00"),
            lab.meter(101, balance="-12.50", overdraft="20.00"),
            lab.meter(102, balance="0.00"),
            lab.meter(103, balance="999990.00"),
            lab.meter(104, credit=None, actuator="none"),
            lab.meter(105, balance="-12.50", overdraft="12.50"),
            lab.meter(106, credit="money", price="0.5483"),
            lab.meter(107, epoch=65535, number=4294967294, customer=lab.CUSTOMER),
            lab.meter(108, algorithm="des"),
            lab.meter(109, balance="0.00", overdraft="1.00", load="1"),
        ]
    )


@pytest.fixture
def desk(shared):
    return shared.desk()


_numbers = itertools.count()


@pytest.fixture
def fresh(lab):
    """The address of a meter that no test has used."""
    return lab.address(next(_numbers))


def refused(reply, bit):
    return isinstance(reply, Refusal) and reply.code == 1 << bit


def test_open_sets_customer_and_adds_amount(desk, fresh, lab):
    reply = desk.order(fresh, lab.order("open", "10.00"))
    assert reply == Ack(number=1, balance=3500)
    status = desk.status(fresh)
    assert (status.number, status.epoch, status.last_kind) == (1, 0, "open")
    assert (status.last_reference, status.last_amount) == (700, 1000)
    assert (status.balance_before, status.balance_after, status.balance) == (2500, 3500, 3500)
    assert (status.cumulative, status.customer) == (1000, lab.CUSTOMER)
    assert (status.supply_off, status.remote) == (False, False)


def test_preset_adds_for_nobody(desk, fresh, lab):
    order = lab.order("preset", "5.00", customer="0" * 12)
    assert desk.order(fresh, order) == Ack(1, 3000)
    status = desk.status(fresh)
    assert (status.last_kind, status.customer, status.cumulative) == ("preset", "0" * 12, 500)
    # Opening takes the temporary credit over.
    assert desk.order(fresh, lab.order("open", "1.00", number=2)) == Ack(2, 3100)


def test_charge_reverse_clear(desk, fresh, lab, shared):
    desk.open(fresh)
    assert desk.order(fresh, lab.order("charge", "100.00", number=2)) == Ack(2, 12500)
    reverse = lab.order("reverse", "100.00", number=3, reference=9)
    assert desk.order(fresh, reverse) == Ack(3, 2500)
    status = desk.status(fresh)
    assert (status.last_kind, status.cumulative, status.last_reference) == ("reverse", 0, 9)
    clear = lab.order("clear", number=4, reference=10)
    assert desk.order(fresh, clear) == Ack(0, 0)
    status = desk.status(fresh)
    assert (status.number, status.epoch, status.last_kind) == (0, 1, "clear")
    assert (status.balance_before, status.balance_after, status.balance) == (2500, 0, 0)
    assert (status.customer, status.cumulative) == ("0" * 12, 0)
    books = shared.books(fresh)
    assert books["total"] == "1234.56"
    assert [(item["number"], item["kind"], item["amount"]) for item in books["orders"]] == [
        (1, "open", "0.00"),
        (2, "charge", "100.00"),
        (3, "reverse", "100.00"),
        (4, "clear", "0.00"),
    ]
    assert {item["epoch"] for item in books["orders"]} == {0}
    # The next epoch begins at 1.
    assert desk.order(fresh, lab.order("open", number=1, epoch=1)) == Ack(1, 0)


def test_judge_agrees_with_the_books(desk, fresh, lab):
    """The desk's verdicts hold against a meter that does not know them."""
    opened = desk.open(fresh, "1.00")
    assert judge(opened, desk.status(fresh)).outcome == "proved"
    charge = lab.order("charge", "3.00", number=2)
    assert judge(charge, desk.status(fresh)).outcome == "not_executed"
    desk.order(fresh, charge)
    assert judge(charge, desk.status(fresh)).outcome == "proved"
    assert judge(opened, desk.status(fresh)).outcome == "disputed"
    clear = lab.order("clear", number=3)
    desk.order(fresh, clear)
    assert judge(clear, desk.status(fresh)).outcome == "proved"


@pytest.mark.parametrize("kind", ["open", "charge", "preset", "reverse"])
def test_repeating_the_identical_frame_is_harmless(desk, fresh, lab, kind):
    number = 1
    if kind in ("charge", "reverse"):
        desk.open(fresh)
        number = 2
    if kind == "reverse":
        desk.order(fresh, lab.order("charge", "4.00", number=2))
        number = 3
    customer = "0" * 12 if kind == "preset" else lab.CUSTOMER
    order = lab.order(kind, "4.00", number=number, customer=customer)
    assert isinstance(desk.order(fresh, order), Ack)
    before = desk.status(fresh)
    assert refused(desk.order(fresh, order), 1)
    assert desk.status(fresh) == before


def test_clear_is_not_executed_twice(desk, fresh, lab):
    clear = lab.order("clear", number=1, customer="0" * 12)
    assert isinstance(desk.order(fresh, clear), Ack)
    before = desk.status(fresh)
    assert refused(desk.order(fresh, clear), 5)
    assert desk.status(fresh) == before


def _other_data(lab, desk, at, change):
    """Return the frame of an order whose data went through ``change``; the checksum is right."""
    frame = parse(desk.frame(at, lab.order("open", "1.00"))[4:])
    return encode(Frame(at, frame.control, change(frame.data)))


@pytest.mark.parametrize(
    ("bit", "change"),
    [
        (0, lambda data: b"\xff\x05" + data[2:]),  # 070105FF: no such function
        (2, lambda data: data[:-1] + bytes([data[-1] ^ 1])),  # MAC
        (2, lambda data: data[:12] + bytes([data[12] ^ 1]) + data[13:]),  # cipher text
        (2, lambda data: data[:4] + b"\x01" + data[5:]),  # reference, covered by the MAC
        (2, lambda data: b"\xff\x02" + data[2:]),  # another function with the same body
        (3, lambda data: data[:8] + b"\x02" + data[9:]),  # key version
        (7, lambda data: data[:-1]),
        (7, lambda data: data + b"\x00"),
        (7, lambda data: data[:3]),
    ],
)
def test_refuses_altered_frame(desk, fresh, lab, bit, change):
    before = desk.status(fresh)
    reply = desk.ask(_other_data(lab, desk, fresh, change))
    assert (reply.control, reply.data) == (0xC3, (1 << bit).to_bytes(2, "little"))
    assert desk.status(fresh) == before


@pytest.mark.parametrize(
    ("bit", "kind", "values"),
    [
        (4, "charge", {"customer": STRANGE}),
        (4, "reverse", {"customer": STRANGE}),
        (4, "clear", {"customer": STRANGE}),
        (4, "clear", {"customer": "0" * 12}),
        (4, "open", {}),
        (4, "preset", {"customer": "0" * 12}),
        (5, "charge", {"number": 4}),
        (5, "charge", {"number": 1}),
        (5, "charge", {"epoch": 1}),
        (1, "charge", {"number": 2}),
        (1, "charge", {"number": 2, "customer": STRANGE}),
        (9, "reverse", {"amount": "2.99"}),
    ],
)
def test_refuses_on_opened_meter(desk, fresh, lab, bit, kind, values):
    """Opened by number 1 and charged 3.00 by number 2; the order would be number 3."""
    desk.open(fresh)
    desk.order(fresh, lab.order("charge", "3.00", number=2))
    before = desk.status(fresh)
    order = {"amount": "0" if kind == "clear" else "3.00", "number": 3, **values}
    assert refused(desk.order(fresh, lab.order(kind, **order)), bit)
    assert desk.status(fresh) == before


@pytest.mark.parametrize("kind", ["charge", "reverse"])
def test_refuses_charge_without_contract(desk, lab, kind):
    at = lab.address(102)
    for customer in ("0" * 12, lab.CUSTOMER):
        assert refused(desk.order(at, lab.order(kind, "1.00", customer=customer)), 4)


def test_refuses_over_hoarding_limit(desk, lab):
    at = lab.address(100)
    desk.open(at)
    assert refused(desk.order(at, lab.order("charge", "75.01", number=2)), 6)
    assert desk.order(at, lab.order("charge", "75.00", number=2)) == Ack(2, 10000)


def test_refuses_amount_out_of_range(desk, lab, fresh):
    at = lab.address(103)
    desk.open(at)
    assert refused(desk.order(at, lab.order("charge", "10.00", number=2)), 10)
    assert desk.order(at, lab.order("charge", "9.99", number=2)) == Ack(2, 99_999_999)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("charge", 0), ("reverse", 0), ("clear", 1), ("reverse", 1 << 31), ("charge", 1 << 31)],
)
def test_refuses_senseless_amount(desk, fresh, lab, kind, amount, monkeypatch):
    """The desk's own code builds no such order, so its check is switched off."""
    desk.open(fresh)
    order = dataclasses.replace(lab.order(kind, number=2), amount_steps=amount)
    monkeypatch.setattr(type(order), "check", lambda self: None)
    assert refused(desk.order(fresh, order), 10)


def test_refuses_reference_zero(desk, fresh, lab, monkeypatch):
    order = lab.order("open", reference=0)
    monkeypatch.setattr(type(order), "check", lambda self: None)
    assert refused(desk.order(fresh, order), 7)


def test_suspended_meter_refuses_until_released(desk, fresh, lab, shared):
    shared("suspend", address=fresh)
    assert refused(desk.order(fresh, lab.order("open", "1.00")), 8)
    assert desk.status(fresh).number == 0
    shared("suspend", address=fresh, on=False)
    assert isinstance(desk.order(fresh, lab.order("open", "1.00")), Ack)


def test_reverse_only_of_the_last_charge(desk, fresh, lab, shared):
    desk.open(fresh, "5.00")
    # The last function is an open, not a charge.
    assert refused(desk.order(fresh, lab.order("reverse", "5.00", number=2)), 9)
    desk.order(fresh, lab.order("charge", "3.00", number=2))
    shared("card", address=fresh, amount="3.00")
    assert refused(desk.order(fresh, lab.order("reverse", "3.00", number=4)), 9)


def test_reverse_needs_the_credit_still_there(desk, lab, shared):
    at = lab.address(109)
    desk.open(at)
    desk.order(at, lab.order("charge", "5.00", number=2))
    shared("advance", seconds=3600, address=at)
    assert desk.status(at).balance < 500
    assert refused(desk.order(at, lab.order("reverse", "5.00", number=3)), 9)


def test_overdraft_is_repaid_first(desk, lab, shared):
    at = lab.address(101)
    desk.open(at)
    assert desk.read(at, 0x00900101).to_eng_string() == "12.50"
    assert desk.order(at, lab.order("charge", "10.00", number=2)) == Ack(2, -250)
    assert desk.order(at, lab.order("charge", "10.00", number=3)) == Ack(3, 750)
    status = desk.status(at)
    assert (status.balance_before, status.balance_after) == (-250, 750)
    assert status.cumulative == 2000


def test_supply_returns_only_above_zero(desk, lab):
    """At its overdraft limit: repaying a part does not switch on, credit above zero does."""
    at = lab.address(105)
    desk.open(at)
    assert desk.status(at).supply_off
    desk.order(at, lab.order("charge", "12.49", number=2))
    assert desk.status(at).supply_off
    desk.order(at, lab.order("charge", "0.01", number=3))
    assert (desk.status(at).balance, desk.status(at).supply_off) == (0, True)
    desk.order(at, lab.order("charge", "0.01", number=4))
    assert not desk.status(at).supply_off


def test_not_prepaid_meter_has_no_money_functions(desk, lab):
    at = lab.address(104)
    assert refused(desk.order(at, lab.order("open", "1.00")), 0)


def test_money_meter_counts_money(desk, lab):
    at = lab.address(106)
    desk.open(at, "10.00")
    assert desk.read(at, 0x00900200).to_eng_string() == "35.00"
    assert desk.status(at).balance == 3500


def test_highest_number_and_epoch_wrap(desk, lab):
    at = lab.address(107)
    last = lab.order("charge", "1.00", number=4294967295, epoch=65535)
    assert isinstance(desk.order(at, last), Ack)


def test_des_meter(shared, lab):
    """Single DES, and a meter does not accept the other algorithm."""
    at = lab.address(108)
    assert refused(shared.desk().order(at, lab.order("open", "1.00")), 2)
    des = shared.desk(algorithm="des")
    assert des.order(at, lab.order("open", "1.00")) == Ack(1, 2600)
    assert des.status(at).last_amount == 100


def test_status_query_layout(desk, fresh):
    keys = desk.keys(fresh)
    for data, bit in (
        (b"\xff\x02\x81\x07" + bytes(4) + b"\x01" + bytes(7), 7),
        (b"\xff\x02\x81\x07" + bytes(4) + b"\x01" + bytes(9), 7),
        (b"\xff\x02\x81\x07" + bytes(4) + b"\x09" + bytes(8), 3),
    ):
        reply = desk.ask(encode(Frame(fresh, 0x03, data)))
        assert (reply.control, reply.data) == (0xC3, (1 << bit).to_bytes(2, "little")), keys


def test_card_moves_the_number_and_belongs_to_nobody(desk, fresh, lab, shared):
    desk.open(fresh)
    charge = lab.order("charge", "3.00", number=2)
    assert shared("card", address=fresh, amount="7.50") == {"number": 2}
    assert refused(desk.order(fresh, charge), 1)
    status = desk.status(fresh)
    assert (status.number, status.last_kind, status.last_reference) == (2, "card", 0)
    assert (status.last_amount, status.balance, status.cumulative) == (750, 3250, 750)
    assert judge(charge, status).outcome == "disputed"
