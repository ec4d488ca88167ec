"""Every fault x every way of being charged: one order each, and never twice in the books."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from conftest import CUSTOMER, Sim, address, meter
from encryptor_process import EncryptorProcess
from engine_client import dialect
from fault_cell import AMOUNT, Cell
from fault_links import LATE, ZONE, Crowd, Locked, Place, neighbours_total, own_total

CHARGE = {"functions": {"charge": "070102FF"}}
SHAPES = {
    "sealed": {"shape": "sealed"},
    "esam": {"shape": "esam"},
    "vendor": {"shape": "vendor", **CHARGE, "body": ["amount", "number"]},
    "vendor_once": {
        "shape": "vendor",
        **CHARGE,
        "body": ["amount", "number"],
        "rejects_repeats": True,
    },
    "plain": {"shape": "plain", "functions": {"charge": "04900000"}},
    "order": {"shape": "order", **CHARGE},
    "a013": {"shape": "a013"},
    "a013_once": {"shape": "a013", "rejects_repeats": True},
}
#: their meters execute no number twice, therefore what was proved not executed is sent again
RESENT = ("sealed", "esam", "vendor_once", "a013_once")
WATER = ("a013", "a013_once")

# How a charge ends, and how often the meter has executed it by then. A meter without a purchase
# number (order) proves nothing but by its acknowledgement and balance together; whatever else it
# says is for a person. The last two: in the end, where nothing is sent again; where it may be.
CHARGES = """
                            with a number     order        once   resent
lost_request         charge not_executed 0    disputed 0   0      1
lost_reply           charge proved 1          disputed 1   1      1
executed_reply_lost  charge proved 1          disputed 1   1      1
late                 charge proved 1          disputed 1   1      1
late_request         charge not_executed 0    disputed 0   1      1
corrupt              charge proved 1          disputed 1   1      1
duplicate            charge proved 1          proved 1     1      1
wrong_address        charge proved 1          disputed 1   1      1
close_link           charge proved 1          disputed 1   1      1
lost_reply           proof  proved 1          proved 1     1      1
late                 proof  proved 1          proved 1     1      1
wrong_address        proof  proved 1          proved 1     1      1
close_link           proof  proved 1          proved 1     1      1
dead                 charge no_reply 0        no_reply 0   0      0
"""
ROWS = {
    (fault, moment): (numbered, int(early), order, int(early_order), int(once), int(resent))
    for fault, moment, numbered, early, order, early_order, once, resent in (
        line.split() for line in CHARGES.strip().splitlines()[1:]
    )
}
COMMANDS = {"charge": "charge", "proof": "its proof"}


def _place(name, row):
    index = len(ROWS) * list(SHAPES).index(name) + list(ROWS).index(row)
    own, neighbour = (
        f"2026{number:010d}" if name in WATER else address(number)
        for number in (2 * index, 2 * index + 1)
    )
    return Place("tcp", COMMANDS[row[1]], f"{name}/{list(ROWS).index(row) + 1}", own, neighbour)


PLACES = {(name, row): _place(name, row) for name in SHAPES for row in ROWS}


def _port(name, place):
    options = SHAPES[name]
    values = {"shape": options["shape"], "recharge": options, "customer": CUSTOMER}
    if name in WATER:
        values |= {"type": "f_water", "actuator": "valve", "number": 254}
    return {
        "number": int(place.name.partition("/")[2]),
        "listen": "tcp://127.0.0.1:0",
        "meters": [
            meter(0, address=place.meter, total=own_total(place), **values),
            meter(0, address=place.neighbour, total=neighbours_total(place), **values),
        ],
    }


class Counter(Locked):
    """Simulator and encryptor as processes; a port for every cell."""

    def __init__(self, path, encryptor):
        super().__init__()
        content = {
            "td": 0,
            "timezone": ZONE,
            "faults": {"late_seconds": LATE},
            "concentrators": [
                {"name": name, "ports": [_port(name, PLACES[name, row]) for row in ROWS]}
                for name in SHAPES
            ],
        }
        self._sim = Sim(path, content, arguments=["--chips", str(encryptor.file)])
        self._secrets = encryptor.secrets

    def __enter__(self):
        ports = self._sim.start().ports
        homes = {
            at: (place.name, place.name)
            for place in PLACES.values()
            for at in (place.meter, place.neighbour)
        }
        self.desk = Crowd(ports, self._secrets, self, homes)
        return self

    def __exit__(self, *exc):
        self._sim.close()


def _cell(counter, name, row):
    code = "f_water" if name in WATER else "d_single"
    cell = Cell(counter, PLACES[name, row], dialect(code, recharge=SHAPES[name]), name in RESENT)
    cell.moments = {**cell.moments, "its proof": "query" if name == "sealed" else "read"}
    return cell


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen in each cell."""
    path = tmp_path_factory.mktemp("shapes")
    with (
        EncryptorProcess(path / "encryptor") as encryptor,
        Counter(path, encryptor) as counter,
        counter.desk,
        ThreadPoolExecutor(len(PLACES)) as pool,
    ):
        futures = {
            (name, row): pool.submit(
                _cell(counter, name, row).play, row[0], "all" if row[0] == "dead" else "first"
            )
            for name, row in PLACES
        }
        for future in futures.values():
            future.exception()
        yield {place: future.result for place, future in futures.items()}


@pytest.mark.parametrize("row", ROWS, ids="-".join)
@pytest.mark.parametrize("name", SHAPES)
def test_order_is_in_the_books_once_at_most(seen, name, row):
    cell = seen[name, row]()
    numbered, early, order, early_order, once, resent = ROWS[row]
    if name == "order":
        assert (cell.end, cell.executed) == (order, early_order)
    else:
        assert (cell.end, cell.executed) == (numbered, early)
    times = resent if name in RESENT else once
    before, after = cell.before, cell.books
    assert len(after["orders"]) - len(before["orders"]) == times
    risen = Decimal(after["balance"]) - Decimal(before["balance"])
    assert risen == times * Decimal(AMOUNT) / 100
    for heard, right in cell.next:
        assert heard == right
