from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .test_catalogue import RemoteCommon


@tagged("post_install", "-at_install")
class TestEvidence(RemoteCommon):
    """Exchanges as people read them (F6)."""

    def _frame(self, tx="", rx="", **values):
        self.env["meter.frame"]._record(
            [
                {
                    "at": "2026-11-01 00:00:00",
                    "tx": tx,
                    "rx": rx,
                    "outcome": "reply",
                    "meter_id": self.meter.id,
                    "user_id": self.users["cashier"].id,
                    "company_id": self.company.id,
                    **values,
                }
            ]
        )
        return self._as(
            "supervisor",
            self.env["meter.frame"].search([("meter_id", "=", self.meter.id)], limit=1),
        )

    def test_a_reading_in_words(self):
        # question and answer of the collected frames: 317.76 kWh
        frame = self._frame(
            "FE FE FE FE 68 29 25 07 07 21 20 68 11 04 33 33 34 33 4F 16",
            "68 29 25 07 07 21 20 68 91 08 33 33 34 33 A9 4A 36 33 2F 16",
        )
        self.assertIn("202107072529 · read · 00010000", frame.sent_words)
        self.assertIn("answer", frame.received_words)
        self.assertIn("317.76 kWh", frame.received_words)
        self.assertEqual(frame.user_id, self.users["cashier"])

    def test_a_hidden_password_does_not_hide_the_rest(self):
        frame = self._frame(
            "68 01 00 00 11 26 20 68 14 10 34 43 33 37 35 ** ** ** 33 33 33 33 33 83 33 33 ** 16"
        )
        self.assertIn("202611000001 · set · 04001001", frame.sent_words)
        self.assertNotIn("password", frame.sent_words)

    def test_a_water_meters_exchange(self):
        frame = self._frame("68 10 18 02 12 20 20 00 00 01 03 90 1F 00 97 16")
        self.assertIn("read · 901F", frame.sent_words)

    def test_noise_is_no_error(self):
        frame = self._frame("68 01", "00 FF 68 ** 16", outcome="garbled")
        self.assertFalse(frame.sent_words or frame.received_words)
        frame = self._frame("", "not even hexadecimal")
        self.assertFalse(frame.received_words)

    def test_old_evidence_goes(self):
        days = "30"
        self.env["ir.config_parameter"].set_param("meter_gateway.frame_days", days)
        now = fields.Datetime.now()
        old = self._frame(at=now - timedelta(days=31))
        young = self._frame(at=now - timedelta(days=29))
        self.env["meter.frame"].sudo()._gc_frames()
        self.assertFalse(old.exists())
        self.assertTrue(young.exists())
