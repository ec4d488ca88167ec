"""Fed to `odoo shell` by the benchmark: one run of the worker, as its scheduled action makes it."""
# ruff: noqa: F821  (the shell provides env)

import json
import os
import resource
from pathlib import Path

from odoo.addons.meter_gateway.worker.database import RunDatabase

request = json.loads(Path(os.environ["BENCH_REQUEST"]).read_text(encoding="utf-8"))
worker = env["meter.worker"].browse(request["worker"])
env["ir.config_parameter"].sudo().set_param(
    "meter_gateway.keep_scheduled_frames", str(request["keep_frames"])
)
env.cr.commit()
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Path(request["pid"]).write_text(str(os.getpid()), encoding="utf-8")
worker._run(RunDatabase(env), seconds=request["seconds"], idle=request["seconds"])
Path(os.environ["BENCH_REPLY"]).write_text(
    json.dumps({"rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss}),
    encoding="utf-8",
)
