"""The known answers of docs/recharge-protocol.md, which ``openssl`` reproduces, and the meter.

In this process, without a socket: a meter is put into the state that the document names and must
take each frame and give each reply byte for byte.
"""

import re
from pathlib import Path

import pytest
from meterwire.sim.account import Account
from meterwire.sim.books import CHARGE, Books
from meterwire.sim.cipher import MeterKeys
from meterwire.sim.clock import Zone
from meterwire.sim.dlt2007 import PROTOCOL
from meterwire.sim.frames import Splitter
from meterwire.sim.kind import Kind
from meterwire.sim.meter import Meter

DOCUMENT = Path(__file__).parents[2] / "docs" / "recharge-protocol.md"
MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
ADDRESS, CUSTOMER = "202611000001", 17
FRAMES = {
    (algorithm, name): value
    for algorithm, name, value in re.findall(
        r"^(3des|des|any)\s+([a-z-]+)\s+([0-9A-F]+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
}
ALGORITHMS = ("3des", "des")


WIRE = bytes.fromhex(ADDRESS)[::-1]


class World:
    """What a meter needs of its simulator."""

    speed, zone = 1.0, Zone()

    @staticmethod
    def derive(meter):
        return MeterKeys(MASTER, 1, ADDRESS, meter.kind.algorithm)


def make(algorithm, **books):
    return Meter(WIRE, Kind(credit="units", algorithm=algorithm), Books(**books), World)


def talk(meter, frame):
    """Return the reply to a whole frame, as hexadecimal text."""
    (request,) = Splitter().feed(bytes.fromhex(frame))
    answer = PROTOCOL.answer(meter, request, PROTOCOL.hears(meter, request))
    return PROTOCOL.build(meter, request, answer, 4).hex().upper()


def test_document_holds_the_frames():
    names = ("open", "charge", "reverse", "clear", "preset", "query", "status")
    assert {(algorithm, name) for algorithm in ALGORITHMS for name in names} <= set(FRAMES)
    assert {("any", "executed"), ("any", "cleared"), ("any", "refused")} <= set(FRAMES)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_life(algorithm):
    meter = make(algorithm, epoch=7, balance=-250)
    talk(meter, FRAMES[algorithm, "open"])
    books = meter.books
    assert (books.number, books.customer, books.balance) == (1, CUSTOMER, -250)
    assert (books.last_reference, books.last_amount) == (0x0A000001, 0)
    assert talk(meter, FRAMES[algorithm, "charge"]) == FRAMES["any", "executed"]
    assert (books.number, books.last_kind, books.cumulative) == (2, CHARGE, 10000)
    books.balance = 9688  # what the document says was used meanwhile
    assert talk(meter, FRAMES[algorithm, "query"]) == FRAMES[algorithm, "status"]
    books.balance = 10000
    talk(meter, FRAMES[algorithm, "reverse"])
    assert (books.number, books.balance, books.last_reference) == (3, 0, 0x0A000003)
    assert talk(meter, FRAMES[algorithm, "clear"]) == FRAMES["any", "cleared"]
    assert (books.number, books.epoch, books.customer) == (0, 8, 0)
    talk(meter, FRAMES[algorithm, "preset"])
    assert (books.number, books.balance, books.cumulative) == (1, 500, 500)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_refusal(algorithm):
    meter = make(algorithm, epoch=7, customer=CUSTOMER)
    assert talk(meter, FRAMES[algorithm, "charge"]) == FRAMES["any", "refused"]
    assert meter.books.number == 0


@pytest.mark.parametrize("altered", range(14, 43))
def test_no_altered_byte_is_executed(altered):
    """Every byte of the data of a charge is covered by the MAC or by a check."""
    meter = make("3des", epoch=7, number=1, customer=CUSTOMER)
    frame = bytearray(bytes.fromhex(FRAMES["3des", "charge"]))
    frame[altered] ^= 0x01
    frame[-2] = sum(frame[4:-2]) % 256
    assert bytes.fromhex(talk(meter, frame.hex()))[12] == 0xC3
    assert meter.books.number == 1


def test_consumption_is_exact():
    """Whatever the steps in which it is asked for, an hour at 0.7 uses 0.70."""
    for parts in (1, 7, 3600):
        account = Account(Kind(credit="units", actuator="relay"), Books(balance=1000))
        for _part in range(parts):
            account.use(int(3600 / parts * 0.7 * 100 * 1_000_000 / 3600), 0, 0)
        # Below a millionth of a step is cut off each time.
        assert account.books.balance in (930, 931)
        assert account.books.total == 1000 - account.books.balance
