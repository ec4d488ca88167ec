"""The site: which meters hang on which port. Read from JSON and checked before anything opens."""

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

STEP = Decimal("0.01")
FAULTS = (
    "lost_request",
    "lost_reply",
    "executed_reply_lost",
    "late",
    "late_request",
    "corrupt",
    "duplicate",
    "wrong_address",
    "close_link",
)
# Types that hold four tariff registers (sharp, peak, flat, valley).
MULTI_TARIFF = ("c_07", "d_smart")
BAUDRATES = (600, 1200, 2400, 4800, 9600, 19200)


class SiteError(Exception):
    """The site cannot be used; the text names the place in the JSON and what is wrong there."""


@dataclass(frozen=True)
class MeterSite:
    """What is fixed about one meter, and the books it is born with. Amounts in steps of 0.01."""

    address: str
    type: str = ""
    protocol: str = "dlt645_2007"
    credit: str | None = None
    actuator: str = "none"
    multi_tariff: bool = False
    price: Decimal = Decimal(0)
    load: Decimal = Decimal(0)
    hoard: int = 0
    overdraft: int = 0
    algorithm: str = "3des"
    key_version: int = 1
    password: str = "000000"
    customer: int = 0
    number: int = 0
    epoch: int = 0
    balance: int = 0
    cumulative: int = 0
    total: int = 0


@dataclass(frozen=True)
class PortSite:
    """One half-duplex line and where it is offered."""

    name: str
    concentrator: str
    number: int
    kind: str
    host: str
    tcp_port: int
    path: str
    baudrate: int
    meters: tuple = ()

    @property
    def listen(self):
        if self.kind == "pty":
            return f"pty://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.tcp_port}"


@dataclass(frozen=True)
class Site:
    """The whole site as checked."""

    ports: tuple
    speed: Decimal = Decimal(1)
    line_speed: bool = False
    td: float = 0.02
    preamble: int = 4
    seed: int = 1
    zone: ZoneInfo | None = None
    late_seconds: float = 2.0
    rates: dict = field(default_factory=dict)


def load_site(path):
    """Return the JSON of a site file as a dictionary; raise SiteError when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file, parse_float=Decimal)
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SiteError(f"{path}: not JSON: {error}") from error


class _Node:
    """One JSON object with its place, so that every complaint can name it."""

    def __init__(self, value, place):
        if not isinstance(value, dict):
            raise SiteError(f"{place or 'site'}: must be an object")
        self.value, self.place = value, place

    def at(self, key):
        return f"{self.place}.{key}" if self.place else key

    def fail(self, key, words):
        value = self.value.get(key)
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        raise SiteError(f"{self.at(key)}: {words}, got {shown}")

    def known(self, *keys):
        for key in self.value:
            if key not in keys:
                raise SiteError(f"{self.at(key)}: unknown key; known are {', '.join(keys)}")

    def text(self, key, default=None, choices=None):
        value = self.value.get(key, default)
        if value is None and key not in self.value:
            raise SiteError(f"{self.at(key)}: missing")
        if not isinstance(value, str) or not value.strip():
            self.fail(key, "must be a text")
        if choices and value not in choices:
            self.fail(key, f"must be one of {', '.join(choices)}")
        return value

    def flag(self, key, default):
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return value

    def decimal(self, key, default="0", low=None, high=None):
        try:
            # The text of true is no number either.
            number = Decimal(str(self.value.get(key, default)))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.fail(key, "must be a number")
        if low is not None and number < low or high is not None and number > high:
            self.fail(key, f"must be from {low} to {high if high is not None else 'any'}")
        return number

    def steps(self, key, low=0, high=Decimal("999999.99")):
        number = self.decimal(key, low=low, high=high)
        if number % STEP:
            self.fail(key, "must be a multiple of 0.01")
        return int(number / STEP)

    def whole(self, key, default=0, low=0, high=0xFFFFFFFF):
        number = self.decimal(key, default=default, low=low, high=high)
        if number % 1:
            self.fail(key, "must be a whole number")
        return int(number)

    def digits(self, key, sizes, default=None):
        value = self.text(key, default)
        if not (value.isascii() and value.isdecimal()) or len(value) not in sizes:
            self.fail(key, f"must be {' or '.join(map(str, sizes))} digits")
        return value

    def items(self, key):
        value = self.value.get(key)
        if not isinstance(value, list) or not value:
            raise SiteError(f"{self.at(key)}: must be a list that is not empty")
        return [_Node(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]


def check_rates(node, known=FAULTS):
    """Return the fault rates of a node as floats; their sum is at most 1."""
    rates = {kind: float(node.decimal(kind, low=0, high=1)) for kind in known if kind in node.value}
    if sum(rates.values()) > 1:
        raise SiteError(f"{node.place}: the rates add up to more than 1")
    return rates


def parse_site(content):
    """Return the :class:`Site` of a JSON object.

    :raise SiteError: at the first thing that is wrong, with its place.
    """
    node = _Node(content, "")
    node.known(
        "speed", "line_speed", "td", "preamble", "timezone", "faults", "seed", "concentrators"
    )
    faults = _Node(node.value.get("faults", {}), "faults")
    faults.known(*FAULTS, "late_seconds")
    ports, seen = [], {}
    for box in node.items("concentrators"):
        box.known("name", "ports")
        name = box.text("name")
        for item in box.items("ports"):
            port = _parse_port(item, name)
            listen = None if port.listen.endswith(":0") else port.listen
            for key, words in ((port.name, "port"), (listen, "listen address")):
                if key in seen:
                    raise SiteError(f"{item.place}: {words} {key} is used twice")
                if key:
                    seen[key] = item.place
            for index, meter in enumerate(port.meters):
                place = f"{item.place}.meters[{index}].address"
                if meter.address in seen:
                    raise SiteError(f"{place}: {meter.address} is already at {seen[meter.address]}")
                seen[meter.address] = place
            ports.append(port)
    return Site(
        ports=tuple(ports),
        speed=node.decimal("speed", "1", low=0),
        line_speed=node.flag("line_speed", False),
        td=float(node.decimal("td", "0.02", low=0, high=10)),
        preamble=node.whole("preamble", 4, 0, 16),
        seed=node.whole("seed", 1),
        zone=_zone(node),
        late_seconds=float(faults.decimal("late_seconds", "2", low=0, high=86400)),
        rates=check_rates(faults),
    )


def _zone(node):
    if "timezone" not in node.value:
        return None
    try:
        return ZoneInfo(node.text("timezone"))
    except (ValueError, OSError, KeyError):
        node.fail("timezone", "must be a time zone like Asia/Shanghai")


def _parse_port(node, concentrator):
    node.known("number", "listen", "baudrate", "meters")
    number = node.whole("number", low=1, high=64)
    if "number" not in node.value:
        raise SiteError(f"{node.at('number')}: missing")
    baudrate = node.whole("baudrate", 2400)
    if baudrate not in BAUDRATES:
        node.fail("baudrate", f"must be one of {', '.join(map(str, BAUDRATES))}")
    listen = node.text("listen")
    kind, host, tcp_port, path = "tcp", "", 0, ""
    try:
        url = urlsplit(listen)
        if url.scheme == "tcp" and url.hostname and url.port is not None and not url.path:
            host, tcp_port = url.hostname, url.port
        elif url.scheme == "pty" and not url.netloc and url.path.startswith("/"):
            kind, path = "pty", url.path
        else:
            raise ValueError
    except ValueError:
        node.fail("listen", "must be tcp://HOST:PORT or pty:///PATH")
    meters = ()
    if node.value.get("meters"):
        meters = tuple(_parse_meter(item) for item in node.items("meters"))
    return PortSite(
        name=f"{concentrator}/{number}",
        concentrator=concentrator,
        number=number,
        kind=kind,
        host=host,
        tcp_port=tcp_port,
        path=path,
        baudrate=baudrate,
        meters=meters,
    )


def _parse_meter(node):
    node.known(
        "address", "type", "protocol", "credit", "actuator", "multi_tariff", "price", "load",
        "hoard", "overdraft", "algorithm", "key_version", "password", "customer", "number",
        "epoch", "balance", "cumulative", "total",
    )  # fmt: skip
    address = node.digits("address", (12, 14))
    if address == "99" * 6:
        node.fail("address", "is the broadcast address")
    kind = node.value.get("type") or ""
    protocol = "cjt188" if len(address) == 14 else "dlt645_2007"
    if kind == "a_97":
        protocol = "dlt645_1997"
    protocol = node.text("protocol", protocol, ("dlt645_1997", "dlt645_2007", "cjt188"))
    credit = node.value.get("credit") or None
    if credit not in (None, "units", "money"):
        node.fail("credit", "must be units, money or null")
    if credit and protocol != "dlt645_2007":
        node.fail("credit", f"must be null on a meter of {protocol}")
    if credit == "money" and node.decimal("price", low=0) == 0:
        node.fail("price", "a money meter needs a price above 0")
    overdraft = node.steps("overdraft")
    return MeterSite(
        address=address,
        type=kind,
        protocol=protocol,
        credit=credit,
        actuator=node.text("actuator", "none", ("none", "relay", "valve")),
        multi_tariff=node.flag("multi_tariff", kind in MULTI_TARIFF),
        price=node.decimal("price", low=0),
        load=node.decimal("load", low=0),
        hoard=node.steps("hoard"),
        overdraft=overdraft,
        algorithm=node.text("algorithm", "3des", ("des", "3des")),
        key_version=node.whole("key_version", 1, 1, 255),
        password=node.digits("password", (6,), "000000"),
        customer=int(node.digits("customer", (12,))) if node.value.get("customer") else 0,
        number=node.whole("number"),
        epoch=node.whole("epoch", high=0xFFFF),
        balance=node.steps("balance", low=Decimal("-999999.99")),
        cumulative=node.steps("cumulative"),
        total=node.steps("total"),
    )
