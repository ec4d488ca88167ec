"""``odoo meter_hub -d DB``: the listener that DTUs dial in to, for the boxes of a database."""

import sys

from odoo.cli import Command


class MeterHub(Command):
    """Listen for the DTUs of a database and pass them on to its workers"""

    name = "meter_hub"

    def run(self, args):
        # Loaded before the addons: nothing of ours may be imported any earlier.
        # Not relative: this file is loaded as a part of Odoo's own commands.
        from odoo.addons.meter_gateway.meter_hub import main  # pylint: disable=odoo-addons-relative-import

        if code := main(args):
            sys.exit(code)
