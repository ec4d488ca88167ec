"""Fed to `odoo shell` by the benchmark: a fleet of concentrators, ports and meters, made in bulk.

One meter of each kind is made by the ORM and then copied by SQL: what is measured is the worker,
not the making of an archive. Leaves the simulator's site file behind.
"""
# ruff: noqa: F821  (the shell provides env)

import json
import os
from pathlib import Path

request = json.loads(Path(os.environ["BENCH_REQUEST"]).read_text(encoding="utf-8"))
first_port, per_port, sold = request["tcp_port"], request["meters"], request["sold"]
company = env.ref("base.main_company")
site = env["utility.site"].search([("code", "=", "N"), ("company_id", "=", company.id)])
worker = env["meter.worker"].search([], limit=1)
boxes = env["meter.concentrator"].create(
    [
        {
            "name": f"Box {number}",
            "code": f"F{number:03d}",
            "site_id": site.id,
            "worker_id": worker.id,
            "link": "tcp",
            "host": "127.0.0.1",
            "tcp_port": first_port + 16 * number,
            "port_count": "16",
            "port_capacity": per_port,
        }
        for number in range(request["boxes"])
    ]
)
ports = boxes.port_ids.sorted(lambda port: (port.concentrator_id.code, port.number))
ports = ports[: request["lines"]]
floor = env["utility.floor"].search([("site_id", "=", site.id)], limit=1)


def make(code, address, port):
    kind = env.ref(f"utility_prepaid.meter_type_{code}")
    return env["utility.meter"].create(
        {"address": address, "type_id": kind.id, "port_id": port.id, "auto_read": code == "b_07"}
    )


plain = make("b_07", f"{1:012d}", ports[0])
env.flush_all()
env.cr.execute(
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'utility_meter'"
)
same = ", ".join(
    name
    for (name,) in env.cr.fetchall()
    if name not in ("id", "address", "vending_id", "port_id", "concentrator_id")
)
env.cr.execute(
    f"""
    INSERT INTO utility_meter (address, vending_id, port_id, concentrator_id, {same})
    SELECT lpad(n::text, 12, '0'), 'F' || n, p.id, p.concentrator_id,
           {", ".join("m." + name for name in same.split(", "))}
      FROM generate_series(2, %(count)s) n
      JOIN unnest(%(ports)s) WITH ORDINALITY u(port_id, place)
        ON u.place = (n - 1) / %(per_port)s + 1
      JOIN meter_port p ON p.id = u.port_id
     CROSS JOIN (SELECT * FROM utility_meter WHERE id = %(model)s) m
    """,
    {
        "count": len(ports) * per_port,
        "ports": ports.ids,
        "per_port": per_port,
        "model": plain.id,
    },
)
env.cr.execute(
    """
    INSERT INTO meter_reading_schedule
           (meter_id, company_id, line_id, minutes, min_minutes, phase, next_at, failures)
    SELECT m.id, m.company_id, p.line_id, 1, 0, 0, '2020-01-01', 0
      FROM utility_meter m JOIN meter_port p ON p.id = m.port_id
     WHERE NOT EXISTS (SELECT 1 FROM meter_reading_schedule s WHERE s.meter_id = m.id)
    """
)
env.cr.execute(
    "UPDATE meter_reading_schedule SET next_at = '2020-01-01', minutes = 1, min_minutes = 0,"
    " phase = 0"
)
# A few that are sold to, each on a line of its own, beside the meters that are read there.
prepaid = []
for number in range(sold):
    port = ports[number * (len(ports) // sold)]
    port.over_capacity_reason = "benchmark"
    meter = make("d_single", f"{900000000001 + number:012d}", port)
    meter.sudo().write({"number_known": True})
    prepaid.append(meter)
env.flush_all()
env.cr.execute("DELETE FROM meter_reading_schedule WHERE meter_id = ANY(%s)",
               ([meter.id for meter in prepaid],))  # fmt: skip
# No interval is short enough to keep every line busy: here a meter that was read is due again at
# once, behind all others. The worker's own statements stay as they are.
env.cr.execute(
    """
    CREATE FUNCTION due_again() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.next_at := OLD.next_at + interval '1 second'; RETURN NEW; END $$;
    CREATE TRIGGER due_again BEFORE UPDATE OF next_at ON meter_reading_schedule
       FOR EACH ROW EXECUTE FUNCTION due_again()
    """
)
env.cr.execute("ANALYZE")
concentrators = []
for box in boxes:
    items = []
    for port in box.port_ids.sorted("number") & ports:
        place = ports.ids.index(port.id)
        meters = [
            {"address": f"{place * per_port + n + 1:012d}", "type": "b_07", "total": "1234.56"}
            for n in range(per_port)
        ]
        meters += [
            {
                "address": meter.address,
                "type": "d_single",
                "credit": "units",
                "actuator": "relay",
                "customer": request["customer"],
            }
            for meter in prepaid
            if meter.port_id == port
        ]
        items.append(
            {
                "number": port.number,
                "listen": f"tcp://127.0.0.1:{box.tcp_port + port.number - 1}",
                "baudrate": 2400,
                "meters": meters,
            }
        )
    if items:
        concentrators.append({"name": box.code, "ports": items})
Path(os.environ["BENCH_REPLY"]).write_text(
    json.dumps(
        {
            "site": {
                "speed": 0,
                "line_speed": True,
                "td": request["delay"],
                "concentrators": concentrators,
            },
            "worker": worker.id,
            "prepaid": [meter.id for meter in prepaid],
        }
    ),
    encoding="utf-8",
)
env.cr.commit()
