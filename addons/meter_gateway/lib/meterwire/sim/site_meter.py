"""Meters of the site file."""

from decimal import ROUND_HALF_UP, Decimal

from .kind import MULTI_TARIFF, Kind
from .site_node import SiteError
from .site_parts import PROTOCOLS, MeterSite

# What differs from meter to meter; everything else makes a kind.
BORN = ("customer", "number", "epoch", "balance", "cumulative", "total")
KIND_KEYS = (
    "type", "protocol", "credit", "actuator", "multi_tariff", "phases", "price", "prices", "load",
    "profile", "hoard", "overdraft", "alarm_1", "alarm_2", "power_limit", "algorithm",
    "key_version", "password", "passwords", "shape", "recharge", "relay_seconds", "button",
    "clock_offset", "drift", "battery", "type_byte", "di_order", "unit_byte", "frame_limit",
)  # fmt: skip
SHAPES = {
    "dlt645_2007": ("sealed", "esam", "vendor", "plain", "order"),
    "dlt645_1997": (),
    "cjt188_2004": ("a013",),
    "cjt188_2018": ("a013",),
}
COUNT_MAX = 100_000
PRICE_STEP = Decimal("0.0001")


def parse_meters(node, kinds):
    """Return the meters of one entry: one, or ``count`` with addresses one after the other.

    :param kinds: the kinds met so far, by what was written about them: a big site has few.
    :raise SiteError: the first thing that is wrong, with its place.
    """
    value = node.value
    # Before the texts of the numbers: 25.50 and "25.50" are one balance but not one key.
    key = repr([(name, item) for name, item in value.items() if name not in BORN + ("address",)])
    address = node.digits("address", (12, 14))
    if address == "99" * 6:
        node.fail("address", "is the broadcast address")
    key = f"{len(address)}{key}"
    known = kinds.get(key)
    if known is None:
        node.known("address", "count", *BORN, *KIND_KEYS)
        known = kinds[key] = (_kind(node, address), node.whole("count", 1, 1, COUNT_MAX))
    kind, count = known
    born = _born(node)
    if count == 1:
        return [MeterSite(address, kind, born)]
    first, size = int(address), len(address)
    return [MeterSite(f"{first + index:0{size}d}", kind, born) for index in range(count)]


def _born(node):
    value, born = node.value, {}
    if value.get("customer"):
        born["customer"] = int(node.digits("customer", (12,)))
    if value.get("number"):
        born["number"] = node.whole("number")
    if value.get("epoch"):
        born["epoch"] = node.whole("epoch", high=0xFFFF)
    if "balance" in value:
        born["balance"] = node.steps("balance", low=Decimal("-999999.99"))
    for name in ("cumulative", "total"):
        if name in value:
            born[name] = node.steps(name)
    return {name: number for name, number in born.items() if number}


def _kind(node, address):
    """Return the :class:`~.kind.Kind` of a meter."""
    value = node.value
    type_ = value.get("type") or ""
    protocol = _protocol(node, type_, address)
    credit = value.get("credit") or None
    if credit not in (None, "units", "money"):
        node.fail("credit", "must be units, money or null")
    if credit and not SHAPES[protocol]:
        node.fail("credit", f"must be null on a meter of {protocol}")
    shape = None
    if credit:
        shape = node.text("shape", SHAPES[protocol][0], SHAPES[protocol])
    elif value.get("shape"):
        node.fail("shape", "is for prepaid meters")
    recharge = value.get("recharge") or {}
    if not isinstance(recharge, dict):
        node.fail("recharge", "must be an object")
    return Kind(
        type=type_,
        protocol=protocol,
        credit=credit,
        actuator=node.text("actuator", "none", ("none", "relay", "valve")),
        multi_tariff=node.flag("multi_tariff", type_ in MULTI_TARIFF),
        phases=node.whole("phases", 3 if type_ in ("d_three", "c_07") else 1, 1, 3),
        load=node.decimal("load", low=0),
        profile=_profile(node),
        hoard=node.steps("hoard"),
        overdraft=node.steps("overdraft"),
        alarm_1=node.steps("alarm_1"),
        alarm_2=node.steps("alarm_2"),
        power_limit=node.steps("power_limit", step=Decimal("0.0001")),
        prices=_prices(node, credit),
        shape=shape,
        recharge=recharge,
        algorithm=node.text("algorithm", "3des", ("des", "3des")),
        key_version=node.whole("key_version", 1, 1, 255),
        passwords=_passwords(node),
        relay_seconds=float(node.decimal("relay_seconds", low=0, high=600)),
        button=node.flag("button", False),
        drift=float(node.decimal("drift", low=-3600, high=3600)),
        clock_offset=float(node.decimal("clock_offset")),
        battery=node.whole("battery", 100, 0, 100),
        type_byte=_byte(node, "type_byte", "10"),
        di_order=node.text("di_order", _order(protocol), ("high_first", "low_first")),
        unit_byte=_byte(node, "unit_byte", "2C"),
        frame_limit=node.whole("frame_limit", 200, 12, 200),
    )


def _protocol(node, type_, address):
    long = len(address) == 14
    default = "cjt188_2004" if long else "dlt645_1997" if type_ == "a_97" else "dlt645_2007"
    if node.value.get("protocol") == "cjt188":
        protocol = "cjt188_2004"
    else:
        protocol = node.text("protocol", default, PROTOCOLS)
    if protocol.startswith("cjt188") != long:
        node.fail("address", f"must be {14 - 2 * long} digits on a meter of {protocol}")
    return protocol


def _order(protocol):
    return "low_first" if protocol == "cjt188_2018" else "high_first"


def _byte(node, key, default):
    text = str(node.value.get(key) or default)
    try:
        (number,) = bytes.fromhex(text)
    except ValueError:
        node.fail(key, "must be two hexadecimal digits")
    return number


def _profile(node):
    value = node.value.get("profile")
    if not value:
        return None
    if not isinstance(value, list) or len(value) != 24:
        node.fail("profile", "must be a list of 24 factors, one for each hour")
    try:
        factors = tuple(float(str(item)) for item in value)
    except ValueError:
        node.fail("profile", "must be a list of 24 numbers")
    if any(not 0 <= factor <= 1000 for factor in factors):
        node.fail("profile", "must be factors from 0 to 1000")
    return factors


def _prices(node, credit):
    if node.value.get("prices"):
        value = node.value["prices"]
        if not isinstance(value, list) or len(value) != 4:
            node.fail("prices", "must be a list of four prices: sharp, peak, flat, valley")
        items = [type(node)({"prices": item}, node.place) for item in value]
        prices = tuple(_price(item, "prices") for item in items)
    else:
        prices = (_price(node, "price"),) * 4
    if credit == "money" and not all(prices):
        raise SiteError(f"{node.at('price')}: a money meter needs a price above 0")
    return prices


def _price(node, key):
    """Steps of 0.0001, which is what the register of a price shows."""
    price = node.decimal(key, low=0, high=9999)
    return int((price / PRICE_STEP).to_integral_value(ROUND_HALF_UP))


def _passwords(node):
    passwords = dict.fromkeys((2, 3, 4), node.digits("password", (6,), "000000"))
    given = node.value.get("passwords") or {}
    if not isinstance(given, dict):
        node.fail("passwords", "must be an object of levels and digits")
    for level, digits in given.items():
        item = type(node)(given, node.at("passwords"))
        if level not in ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09"):
            item.fail(level, "a level is two digits from 00 to 09")
        passwords[int(level)] = item.digits(level, (6,)) if digits else "000000"
    return passwords
