"""Fed to `odoo shell` by the benchmark: orders, one after the other, while a worker reads.

Each is committed like a sale; what became of it is read afterwards from the exchanges.
"""
# ruff: noqa: F821  (the shell provides env)

import json
import os
import time
from pathlib import Path

request = json.loads(Path(os.environ["BENCH_REQUEST"]).read_text(encoding="utf-8"))
made = []
end = time.time() + request["seconds"]
turn = 0
while time.time() < end and len(made) < request["orders"]:
    meter = env["utility.meter"].browse(request["prepaid"][turn % len(request["prepaid"])])
    turn += 1
    if env["utility.command"]._open_money(meter):
        env.cr.rollback()
        time.sleep(0.05)
        continue
    command = env["utility.command"]._enqueue(
        meter, "charge", credit=1.0, customer_number=request["customer"]
    )
    env.cr.commit()
    made.append((command.id, time.time()))
    env.invalidate_all()
    time.sleep(request["pause"])
until = time.time() + 30
while time.time() < until:
    env.cr.execute(
        "SELECT count(*) FROM utility_command WHERE id = ANY(%s)"
        " AND state IN ('queued', 'sent', 'unknown')",
        ([command_id for command_id, __ in made],),
    )
    left = env.cr.fetchone()[0]
    env.cr.rollback()
    if not left:
        break
    time.sleep(0.2)
env.cr.execute(
    """
    SELECT c.id, c.state, extract(epoch FROM min(f.at)),
           extract(epoch FROM max(f.at + f.duration * interval '1 millisecond'))
      FROM utility_command c JOIN meter_frame f ON f.command_id = c.id
     WHERE c.id = ANY(%s) GROUP BY c.id, c.state
    """,
    ([command_id for command_id, __ in made],),
)
found = {row[0]: row[1:] for row in env.cr.fetchall()}
Path(os.environ["BENCH_REPLY"]).write_text(
    json.dumps(
        [[at, found[i][0], float(found[i][1]), float(found[i][2])] for i, at in made if i in found]
    ),
    encoding="utf-8",
)
