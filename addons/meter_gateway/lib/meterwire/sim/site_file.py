"""Reads a site from JSON and checks it before anything opens."""

import json
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from .site_meter import parse_meters
from .site_node import Node, SiteError
from .site_parts import FAULTS, BoxSite, LinkSite, PortSite, Site

BAUDRATES = (600, 1200, 2400, 4800, 9600, 19200)
SELECTS = ("address", "selector", "gdw3761")
REGISTRATIONS = ("none", "ascii", "hex", "imei", "regex", "prefix", "ddp", "gdw3761")
LINK_KEYS = {
    "box": ("listen",),
    "dialin": (
        "server", "id", "registration", "packet", "heartbeat", "heartbeat_seconds",
        "heartbeat_inside", "reconnect_seconds",
    ),
    "mqtt": ("broker", "up", "down", "username", "password", "ca_file"),
}  # fmt: skip


def load_site(path):
    """Return the JSON of a site file as a dictionary; raise SiteError when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file, parse_float=Decimal)
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SiteError(f"{path}: not JSON: {error}") from error


def check_rates(node, known=FAULTS):
    """Return the fault rates of a node as floats; their sum is at most 1."""
    rates = {kind: float(node.decimal(kind, low=0, high=1)) for kind in known if kind in node.value}
    if sum(rates.values()) > 1:
        raise SiteError(f"{node.place}: the rates add up to more than 1")
    return rates


def parse_site(content, only=None):
    """Return the :class:`~.site_parts.Site` of a JSON object.

    :param only: names of the concentrators to play; None plays all.
    :raise SiteError: at the first thing that is wrong, with its place.
    """
    node = Node(content, "")
    node.known(
        "speed", "line_speed", "td", "preamble", "timezone", "faults", "seed", "concentrators"
    )
    faults = Node(node.value.get("faults", {}), "faults")
    faults.known(*FAULTS, "late_seconds")
    boxes = _Boxes(only).parse(node)
    return Site(
        boxes=boxes,
        speed=float(node.decimal("speed", "1", low=0)),
        line_speed=node.flag("line_speed", False),
        td=float(node.decimal("td", "0.02", low=0, high=10)),
        preamble=node.whole("preamble", 4, 0, 16),
        seed=node.whole("seed", 1),
        zone=_zone(node),
        late_seconds=float(faults.decimal("late_seconds", "2", low=0, high=86400)),
        rates=check_rates(faults),
    )


class _Boxes:
    """The concentrators; nothing may be there twice."""

    def __init__(self, only):
        self._only = None if only is None else set(only)
        self._ports, self._meters, self._kinds = {}, {}, {}

    def parse(self, node):
        boxes = []
        for box in node.items("concentrators"):
            box.known("name", "ports", "link")
            name = box.text("name")
            if self._only is not None and name not in self._only:
                continue
            link = _parse_link(Node(box.value["link"], box.at("link"))) if _has_link(box) else None
            self._once(self._ports, link and link.listen, box.place, "listen address")
            ports = tuple(self._port(item, name, link) for item in box.items("ports"))
            boxes.append(BoxSite(name, ports, link))
        if self._only is not None and (missing := self._only - {box.name for box in boxes}):
            raise SiteError(f"concentrators: there is no {', '.join(sorted(missing))}")
        return tuple(boxes)

    def _port(self, item, name, link):
        port = _parse_port(item, name, link)
        self._once(self._ports, port.name, item.place, "port")
        self._once(self._ports, port.listen, item.place, "listen address")
        meters = []
        for node in item.items("meters") if item.value.get("meters") else ():
            place = node.at("address")
            for meter in parse_meters(node, self._kinds):
                if meter.address in self._meters:
                    first = self._meters[meter.address]
                    raise SiteError(f"{place}: {meter.address} is already at {first}")
                self._meters[meter.address] = place
                meters.append(meter)
        return port._replace(meters=tuple(meters))

    @staticmethod
    def _once(seen, key, place, words):
        # A port that the system chooses, or none at all, is nobody's.
        if not key or key.endswith(":0"):
            return
        if key in seen:
            raise SiteError(f"{place}: {words} {key} is used twice")
        seen[key] = place


def _zone(node):
    if "timezone" not in node.value:
        return None
    try:
        return ZoneInfo(node.text("timezone"))
    except (ValueError, OSError, KeyError):
        node.fail("timezone", "must be a time zone like Asia/Shanghai")


def _has_link(box):
    return bool(box.value.get("link"))


def _parse_port(node, concentrator, link):
    node.known("number", "listen", "baudrate", "meters")
    number = node.whole("number", low=1, high=64)
    if "number" not in node.value:
        raise SiteError(f"{node.at('number')}: missing")
    baudrate = node.whole("baudrate", 2400)
    if baudrate not in BAUDRATES:
        node.fail("baudrate", f"must be one of {', '.join(map(str, BAUDRATES))}")
    port = PortSite(f"{concentrator}/{number}", concentrator, number, baudrate)
    if link:
        if node.value.get("listen"):
            node.fail("listen", "is not for a port that is reached through its box's link")
        return port
    return port._replace(**_listen(node, "listen"))


def _listen(node, key, kinds=("tcp", "pty")):
    listen = node.text(key)
    try:
        url = urlsplit(listen)
        if url.scheme == "tcp" and url.hostname and url.port is not None and not url.path:
            return {"kind": "tcp", "host": url.hostname, "tcp_port": url.port}
        if "pty" in kinds and url.scheme == "pty" and not url.netloc and url.path[:1] == "/":
            return {"kind": "pty", "path": url.path}
    except ValueError:
        pass
    node.fail(key, "must be tcp://HOST:PORT or pty:///PATH")


def _parse_link(node):
    kind = node.text("kind", choices=tuple(LINK_KEYS))
    node.known("kind", "select", "selector", "terminal", *LINK_KEYS[kind])
    value = node.value
    select = node.text("select", "address", SELECTS)
    values = {"kind": kind, "select": select}
    if select == "selector":
        values["selector"] = _selector(node)
    if value.get("terminal"):
        values["terminal"] = _terminal(node)
    if kind == "box":
        _listen(node, "listen")
        values["listen"] = node.text("listen")
    elif kind == "dialin":
        values |= _dialin(node)
    else:
        values |= {name: node.text(name) for name in ("broker", "up", "down")}
        _address(node, "broker")
        for name in ("username", "password", "ca_file"):
            values[name] = value.get(name) or None
    return LinkSite(**values)


def _dialin(node):
    registration = node.text("registration", "ascii", REGISTRATIONS)
    _address(node, "server")
    values = {
        "server": node.text("server"),
        "id": str(node.value.get("id") or ""),
        "registration": registration,
        "packet": node.bytes("packet"),
        "heartbeat": node.bytes("heartbeat"),
        "heartbeat_seconds": float(node.decimal("heartbeat_seconds", "30", low=0, high=86400)),
        "heartbeat_inside": node.flag("heartbeat_inside", False),
        "reconnect_seconds": float(
            node.decimal("reconnect_seconds", "2", low=Decimal("0.05"), high=3600)
        ),
    }
    if registration == "ddp" and len(values["id"].encode()) != 11:
        node.fail("id", "must be 11 characters for ddp")
    if registration in ("ascii", "imei", "regex") and not values["id"] and values["packet"] is None:
        node.fail("id", "is what the DTU says of itself")
    if registration in ("hex", "prefix") and values["packet"] is None and not values["id"]:
        node.fail("packet", "is what the DTU sends")
    return values


def _address(node, key):
    host, _colon, number = node.text(key).rpartition(":")
    if not host or not number.isdecimal() or not 0 < int(number) < 65536:
        node.fail(key, "must be HOST:PORT")


def _selector(node):
    text = node.text("selector").removeprefix("hex:")
    try:
        if len({bytes.fromhex(text.format(port=port)) for port in range(1, 65)}) != 64:
            raise ValueError
    except (ValueError, KeyError, IndexError):
        node.fail("selector", "must be hexadecimal digits with {port:02X}")
    return text


def _terminal(node):
    text = node.text("terminal")
    try:
        good = len(bytes.fromhex(text)) == 4 and text[:4].isdecimal()
    except ValueError:
        good = False
    if not good:
        node.fail("terminal", "must be four digits of the region and four hexadecimal digits")
    return text
