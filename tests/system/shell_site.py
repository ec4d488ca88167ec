"""Fed to `odoo shell` by a test: concentrators, meters and contracts as its request says.

Leaves behind the simulator's site file, made by the addon itself, and the ids of what it made.
"""
# ruff: noqa: F821  (the shell provides env)

import json
import os
from pathlib import Path

request = json.loads(Path(os.environ["SITE_REQUEST"]).read_text(encoding="utf-8"))
company = env.ref("base.main_company")
site = env["utility.site"].search([("code", "=", "N"), ("company_id", "=", company.id)])
floor = env["utility.floor"].search([("site_id", "=", site.id)], limit=1)
tariff = env["utility.tariff"].search([("name", "=", "Homes")])
kind = env["utility.meter.type"].search([("code", "=", "d_single")])
lines = []
for box in request["concentrators"]:
    concentrator = env["meter.concentrator"].create(
        {
            "name": f"Box {box['code']}",
            "code": box["code"],
            "site_id": site.id,
            "port_count": "4",
            **request["timing"],
            **box["values"],
        }
    )
    for port in concentrator.port_ids.sorted("number")[: box["lines"]]:
        if "devices" in box:
            port.serial_device = f"{box['devices']}{port.number}"
        lines.append(port)
meters = []
for index in range(request["meters"]):
    number = index + 1
    room = env["utility.room"].create(
        {"name": str(100 + number), "code": str(100 + number), "floor_id": floor.id}
    )
    meter = env["utility.meter"].create(
        {
            "address": f"2026110{number:05d}",
            "type_id": kind.id,
            "room_id": room.id,
            "port_id": lines[index % len(lines)].id,
            "hoard_limit": request["hoard"].get(str(number), 0),
            "ct_ratio": request["ct"].get(str(number), 1),
        }
    )
    contract = env["utility.contract"]
    if number <= request["meters"] - request["bare"]:
        contract = contract.create(
            {
                "partner_id": env["res.partner"].create({"name": f"Room {room.code} tenant"}).id,
                "meter_id": meter.id,
                "tariff_id": tariff.id,
            }
        )
    meters.append(
        {
            "id": meter.id,
            "address": meter.address,
            "contract": contract.id,
            "port": meter.port_id.id,
            "box": meter.concentrator_id.code,
        }
    )
journals = env["account.journal"].search(
    [("utility_counter", "=", True), ("company_id", "=", company.id)]
)
Path(os.environ["SITE_REPLY"]).write_text(
    json.dumps(
        {
            "meters": meters,
            "journals": [
                {"id": journal.id, "type": journal.type, "name": journal.name}
                for journal in journals
            ],
            "account": company.utility_account_id.id,
            "simulator": env["meter.concentrator"]._simulator_site(),
        }
    ),
    encoding="utf-8",
)
env.cr.commit()
