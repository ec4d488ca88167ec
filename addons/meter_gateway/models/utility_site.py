import os
from collections import Counter

from odoo import api, models

# Where the demo's simulator listens, each box from 16 ports after the one before; and how many
# after that the hub serves the workers.
DEMO_PORT = 7001
DEMO_HUB = 100
# The first has a TCP port for each RS485 port; the second one connection, and tells the ports apart
# by two bytes before each frame; the third is a DTU that dials in, with the water meters.
DEMO_BOXES = (
    ("C1", "Building 1, cellar", {}),
    (
        "C2",
        "Building 2, cellar",
        {"port_selection": "selector", "selector": "A5{port:02X}"},
    ),
    (
        "C3",
        "Water shafts",
        {
            "link": "dialin",
            "host": False,
            "network": "lte",
            "port_selection": "address",
            "dtu_id": "WATER-SHAFTS-1",
            "heartbeat_hex": b"ping-17".hex().upper(),
            "idle_seconds": 90,
            # What the form offers for 4G.
            "reply_seconds": 5,
            "drain_seconds": 2,
            "hold_seconds": 30,
        },
    ),
)
DEMO_PORTS = 4


class UtilitySite(models.Model):
    _inherit = "utility.site"

    @api.model
    def _load_demo_site(self):
        """Connect the demo's meters to three concentrators, which the simulator plays.

        ``METERSIM_PORT`` moves the TCP ports of simulator and hub.
        """
        result = super()._load_demo_site()
        demo = self.env.ref("utility_prepaid.demo_site").sudo()
        meters = demo.env["utility.meter"].search(
            [("site_id", "=", demo.id), ("port_id", "=", False)],
            order="building_id, room_id, id",
        )
        if not meters:
            return result
        boxes = demo._demo_boxes()
        calling = boxes.filtered(lambda box: box.link == "dialin")
        wired = boxes - calling or boxes
        buildings = meters.building_id.ids
        used = Counter({box: box.meter_count for box in boxes})
        for meter in meters:
            box = wired[buildings.index(meter.building_id.id) % len(wired)]
            if calling and meter.utility == "water":
                box = calling[0]
            place = used[box]
            used[box] += 1
            meter.write(
                {
                    "port_id": box.port_ids.sorted("number")[place % DEMO_PORTS].id,
                    "module_address": place // DEMO_PORTS + 1,
                }
            )
        return result

    def _demo_boxes(self):
        boxes = self.env["meter.concentrator"].search([("site_id", "=", self.id)], order="code")
        if boxes:
            return boxes
        first = int(os.environ.get("METERSIM_PORT") or DEMO_PORT)
        return boxes.create(
            [
                {
                    "code": code,
                    "name": name,
                    "site_id": self.id,
                    "host": "127.0.0.1",
                    "tcp_port": first + 16 * index,
                    "hub_address": f"127.0.0.1:{first + DEMO_HUB}",
                    "port_count": str(DEMO_PORTS),
                    **values,
                }
                for index, (code, name, values) in enumerate(DEMO_BOXES)
            ]
        )
