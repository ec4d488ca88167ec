from odoo import models

from ..lib.meterwire.jobs import Meter
from ..tools.registration import packet_of


class MeterConcentrator(models.Model):
    """The boxes as the simulator plays them."""

    _inherit = "meter.concentrator"

    def _simulator_site(self):
        """The simulator's site file for the connected meters of this database.

        :return: dictionary as ``meterwire.sim`` reads it; amounts are texts
        """
        found = self.search([("port_ids.meter_ids", "!=", False)])
        boxes = [box._simulator_box() for box in found]
        return {
            "speed": "1",
            "line_speed": False,
            "seed": 1,
            "timezone": found.company_id[:1].utility_tz or Meter._field_defaults["zone"],
            "concentrators": [box for box in boxes if box["ports"]],
        }

    def _simulator_box(self):
        self.ensure_one()
        link = self._simulator_link()
        ports = []
        for port in self.port_ids:
            if not port.meter_ids or not port.line_id.endpoint:
                continue
            meters = [meter._simulator_meter() for meter in port.meter_ids]
            values = {"number": port.number, "baudrate": int(port.baudrate), "meters": meters}
            if not link:
                values["listen"] = _listen(port.endpoint)
            ports.append(values)
        return {"name": self.code, **({"link": link} if link else {}), "ports": ports}

    def _simulator_link(self):
        """The one link that all ports of the box share, or None when each has its own."""
        line = self.port_ids.line_id[:1]
        if self.port_selection == "tcp_port" or not line.endpoint:
            return None
        if self.link == "dialin":
            link = self._simulator_dtu()
        elif self.link == "mqtt":
            link = {
                "kind": "mqtt",
                "broker": self.mqtt_broker,
                "up": self.mqtt_up,
                "down": self.mqtt_down,
            }
        else:
            link = {"kind": "box", "listen": _listen(line.endpoint)}
        link["select"] = self.port_selection
        if self.port_selection == "selector":
            link["selector"] = f"hex:{self.selector}"
        if self.port_selection == "gdw3761":
            link["terminal"] = self.terminal_address
        return {name: value for name, value in link.items() if value}

    def _simulator_dtu(self):
        link = {
            "kind": "dialin",
            "server": self._hub_calls(),
            "id": self.dtu_id,
            "registration": self.registration,
            "heartbeat": self.heartbeat_hex,
            "heartbeat_seconds": max(self.idle_seconds // 3, 1),
        }
        if self.registration == "prefix":
            link["packet"] = self.prefix_hex
        elif self.registration == "regex":
            packet = packet_of(self.registration_pattern, self.dtu_id)
            link["packet"] = packet and packet.hex()
        elif self.registration == "gdw3761":
            link["terminal"] = self.dtu_id
        return link

    def _hub_calls(self):
        """Where the hub takes the DTUs' calls: by convention the port before the workers'."""
        host, __, port = self.hub_address.rpartition(":")
        return f"{host}:{int(port) - 1}"


def _listen(endpoint):
    """Where the simulator listens for a desk that connects to `endpoint`."""
    address = endpoint.partition("?")[0]
    return address.replace("serial://", "pty://").replace("rfc2217://", "tcp://")
