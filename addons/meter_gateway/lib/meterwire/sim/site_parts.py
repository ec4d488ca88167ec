"""The parts of a checked site."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

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
    "heartbeat",
)
PROTOCOLS = ("dlt645_1997", "dlt645_2007", "cjt188_2004", "cjt188_2018")


class MeterSite(NamedTuple):
    """One meter: its address as printed, what it is, the books it is born with."""

    address: str
    kind: Any
    born: dict

    def __getattr__(self, name):
        """What is fixed about it, or was at its birth."""
        if name in ("balance", "number", "customer", "epoch", "cumulative", "total"):
            return self.born.get(name, 0)
        return getattr(self.kind, name)

    @property
    def wire(self):
        return bytes.fromhex(self.address)[::-1]


class PortSite(NamedTuple):
    """One half-duplex line, and where it is offered when it has a socket or device of its own."""

    name: str
    concentrator: str
    number: int
    baudrate: int
    meters: tuple = ()
    kind: str | None = None  # tcp, pty, or None: reached through the box's link
    host: str = ""
    tcp_port: int = 0
    path: str = ""

    @property
    def listen(self):
        if self.kind is None:
            return None
        if self.kind == "pty":
            return f"pty://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.tcp_port}"


@dataclass(frozen=True)
class LinkSite:
    """The one link that all ports of a box share; see docs/simulator.md."""

    kind: str  # box, dialin, mqtt
    listen: str = ""
    select: str = "address"
    selector: str = ""  # hexadecimal digits with {port:02X}
    terminal: str = "00000001"
    server: str = ""
    id: str = ""
    registration: str = "ascii"
    packet: bytes | None = None
    heartbeat: bytes | None = None
    heartbeat_seconds: float = 30.0
    heartbeat_inside: bool = False
    reconnect_seconds: float = 2.0
    broker: str = ""
    up: str = ""
    down: str = ""
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True)
class BoxSite:
    """A concentrator; ``link`` is None when each port has a socket or device of its own."""

    name: str
    ports: tuple
    link: LinkSite | None = None


@dataclass(frozen=True)
class Site:
    """The whole site as checked."""

    boxes: tuple
    speed: float = 1.0
    line_speed: bool = False
    td: float = 0.02
    preamble: int = 4
    seed: int = 1
    zone: ZoneInfo | None = None
    late_seconds: float = 2.0
    rates: dict = field(default_factory=dict)

    @property
    def ports(self):
        return tuple(port for box in self.boxes for port in box.ports)
