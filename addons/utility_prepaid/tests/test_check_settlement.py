from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from odoo import fields
from odoo.tests import freeze_time, tagged

from ..tools.reading_store import Reading
from .test_settlement_steps import SettlementCommon

# 10:00 in Shanghai
OPENED = datetime(2026, 3, 10, 2)


@tagged("post_install", "-at_install")
class TestCheckSettlement(SettlementCommon):
    """Meters that are changed and contracts that end, in the daily check and the roll-forward."""

    @classmethod
    def setUpClass(cls):
        frozen = freeze_time(OPENED)
        cls.clock = frozen.start()
        cls.addClassCleanup(frozen.stop)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.clock.move_to(OPENED)
        self.contract = self._opened(self.spare)
        self._later(1)
        self._told(self.spare, "100.00", "0.00")
        sale = self._sell("100.00", meter=self.spare)
        self._prove(sale.command_id, before="0")
        self._post()
        self._later(1)
        self._told(self.spare, "200.00", "82.38")
        self._later(1)

    def _later(self, hours):
        self.clock.tick(timedelta(hours=hours))

    def _told(self, meter, total, balance):
        self.env["utility.reading"]._store(
            [Reading(meter.id, fields.Datetime.now(), total=total, balance=balance)]
        )

    def _found(self):
        self.env.flush_all()
        check = self.env["utility.check"]._run(self.company, self.company._utility_today())
        rows = check.finding_ids.filtered(lambda row: not row.gone)
        self.assertNotIn("unexplained", rows.mapped("code"))
        return {row.code: round(row.amount, 2) for row in rows}

    def _roll(self, first, last):
        report = self.env["utility.roll.forward"].create(
            {
                "company_id": self.company.id,
                "date_from": first,
                "date_to": last,
                "contract_ids": self.contract.ids,
            }
        )
        report.action_compute()
        return report.line_ids

    def test_a_closing_until_it_is_paid(self):
        self.assertEqual(self._found(), {})
        closing = self._as("cashier", self.contract)._close()
        self._says(closing, "read", total="200.00", balance="82.38")
        self._says(closing, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self._later(1)
        self.assertEqual(self._found(), {"credit": 45.17})
        closing.with_user(self.users["supervisor"])._pay(self.cash)
        self.assertEqual(self._found(), {})
        self.assertRecordValues(
            self._roll(date(2026, 3, 1), date(2026, 3, 31)),
            [
                {
                    "opening": 0, "sold": 182.38, "used": 100, "settled": 82.38, "closing": 0,
                    "sold_amount": 100, "used_amount": 54.83, "settled_amount": 45.17,
                    "closing_amount": 0, "difference": 0, "state": "agrees",
                }
            ],
        )  # fmt: skip

    def test_a_debt_at_closing_until_it_is_paid(self):
        self._told(self.spare, "290.00", "-7.62")
        self._later(1)
        closing = self._as("cashier", self.contract)._close()
        self._says(closing, "read", total="290.00", balance="-7.62")
        self._says(closing, "clear", balance_before=Decimal("-7.62"), balance_after=0)
        self._cron()
        self.assertEqual(self._found(), {"debt": -4.18})
        closing.with_user(self.users["supervisor"])._pay(self.cash)
        self.assertEqual(self._found(), {})
        (line,) = self._roll(date(2026, 3, 1), date(2026, 3, 31))
        self.assertEqual((line.used, line.settled, line.difference), (190, -7.62, 0))

    def test_a_meter_that_is_changed(self):
        new = self._meter("202611000088", room_id=False)
        settlement = self._as("engineer", self.contract)._replace(
            self._as("engineer", new), "Display broken"
        )
        self._says(settlement, "read", self.spare, total="200.00", balance="82.38")
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self._says(settlement, "read", new, total="0.50", balance="0.00")
        self._says(settlement, "open", balance_before=0, balance_after=0)
        vend = self._step(settlement, "transfer").vend_id
        self._prove(vend.command_id, before="0")
        self._post()
        self._told(new, "0.50", "82.38")
        self._later(24)
        # The old meter counts for somebody else meanwhile.
        self._told(self.spare, "260.00", "-60.00")
        self._told(new, "20.50", "62.38")
        self._later(1)
        self.assertEqual(self._found(), {})
        names = ("opening", "sold", "transferred", "used", "closing", "difference", "state")
        (line,) = self._roll(date(2026, 3, 1), date(2026, 3, 31))
        self.assertEqual([line[name] for name in names], [0, 182.38, 0, 120, 62.38, 0, "agrees"])
        (line,) = self._roll(date(2026, 3, 11), date(2026, 3, 31))
        self.assertEqual([line[name] for name in names], [82.38, 0, 0, 20, 62.38, 0, "agrees"])
        self.assertEqual((line.opening_amount, line.used_amount), (45.17, 10.97))

    def test_what_a_reversal_freed_until_the_closing_pays_it(self):
        self.company.utility_session_required = True
        shift = self.env["utility.cash.session"].browse(
            self._counter().session_open(str(uuid4()), self.cash.id, "100.00")["id"]
        )
        vend = self._sell("54.83", meter=self.spare)
        self._prove(vend.command_id, before="82.38")
        self._post()
        status = self._counter().reverse(str(uuid4()), vend.id, "moved out")
        reversal = self.env["utility.vend"].browse(status["id"])
        shift.sudo().state = "closed"
        self._prove(reversal.command_id, before="182.38", after="82.38")
        self._post()
        self.assertEqual(self._found(), {"not_paid_out": 54.83})
        closing = self._as("cashier", self.contract)._close()
        self._says(closing, "read", total="200.00", balance="82.38")
        self._says(closing, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self.assertEqual(closing.amount_due, 100)
        self.assertEqual(self._found(), {"not_paid_out": 54.83, "credit": 45.17})
        self._counter().session_open(str(uuid4()), self.cash.id, "154.83")
        self._as("cashier", closing)._pay(self.cash)
        self.assertEqual(self._found(), {})
