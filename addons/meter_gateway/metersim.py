"""The program behind ``odoo metersim``: the simulator, with the meters of a database."""

import argparse
import json

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config

from .lib.meterwire.sim.cli import add_options, guarded, serve_options
from .lib.meterwire.sim.simulator import serve


def main(args):
    """Play the concentrators of a database until SIGTERM.

    :param args: command line behind the name
    :return: 0 after a clean end, 2 when site, state or keys cannot be used
    """
    parser = argparse.ArgumentParser(prog="odoo metersim", description=__doc__)
    parser.add_argument("-d", "--database", required=True, metavar="DB")
    parser.add_argument("--state", required=True, metavar="DIR", help="where the books are kept")
    parser.add_argument("--speed", default="1", help="how much faster than time credit is used")
    parser.add_argument(
        "--line-speed", action="store_true", help="bytes take their time, as on RS485"
    )
    add_options(parser)
    parser.add_argument("--print", action="store_true", help="print the site as JSON and end")
    options = parser.parse_args(args)
    config.parse_config(["-d", options.database], setup_logging=True)
    site = site_of(options.database)
    site.update(speed=options.speed, line_speed=options.line_speed)
    if options.print:
        print(json.dumps(site, indent=2))  # noqa: T201 - the answer of a command
        return 0
    return guarded(lambda: serve(site, options.state, **serve_options(options)))


def site_of(database):
    """The simulator's site of a database, read and then let go."""
    with Registry(database).cursor() as cr:
        return api.Environment(cr, SUPERUSER_ID, {})["meter.concentrator"]._simulator_site()
