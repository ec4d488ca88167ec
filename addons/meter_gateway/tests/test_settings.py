from psycopg2.errors import CheckViolation

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..models.meter_frame import KEEP_DAYS
from ..worker.plan import KEEP_ALL


@tagged("post_install", "-at_install")
class TestSettings(UtilityCommon):
    """How long evidence is kept, and of what."""

    def _form(self, **values):
        settings = self.env["res.config.settings"].sudo().create(values)
        settings.execute()
        return self.env["res.config.settings"].sudo().create({})

    def _parameter(self, name):
        return self.env["ir.config_parameter"].sudo().get_param(name)

    def test_what_is_kept_unless_somebody_says_otherwise(self):
        settings = self.env["res.config.settings"].sudo().create({})
        self.assertTrue(settings.meter_keep_scheduled_frames)
        self.assertEqual(settings.meter_frame_days, KEEP_DAYS)

    def test_good_scheduled_exchanges_are_kept_or_not(self):
        self.assertFalse(self._form(meter_keep_scheduled_frames=False).meter_keep_scheduled_frames)
        self.assertEqual(self._parameter(KEEP_ALL), "False")
        self.assertTrue(self._form(meter_keep_scheduled_frames=True).meter_keep_scheduled_frames)

    def test_days(self):
        self.assertEqual(self._form(meter_frame_days=90).meter_frame_days, 90)
        self.assertEqual(self._parameter("meter_gateway.frame_days"), "90")
        self.assertEqual(self._form(meter_frame_days=0).meter_frame_days, KEEP_DAYS)
        with mute_logger("odoo.sql_db"), self.assertRaises(CheckViolation):
            self._form(meter_frame_days=-1)
