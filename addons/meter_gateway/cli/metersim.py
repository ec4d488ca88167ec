"""``odoo metersim -d DB --state DIR``: play the meters of a database."""

import sys

from odoo.cli import Command


class MeterSim(Command):
    """Play the concentrators and meters of a database, for training and tests"""

    name = "metersim"

    def run(self, args):
        # Loaded before the addons: nothing of ours may be imported any earlier.
        # Not relative: this file is loaded as a part of Odoo's own commands.
        from odoo.addons.meter_gateway.metersim import main  # pylint: disable=odoo-addons-relative-import

        if code := main(args):
            sys.exit(code)
