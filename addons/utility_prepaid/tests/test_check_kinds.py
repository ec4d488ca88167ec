from decimal import Decimal

from odoo.tests import tagged

from .test_vend_kinds import IssueCommon


@tagged("post_install", "-at_install")
class TestCheckKinds(IssueCommon):
    """Credit without money in the daily check: owed, or no difference at all."""

    def _found(self):
        self.env.flush_all()
        check = self.env["utility.check"]._run(self.company, self.company._utility_today())
        rows = check.finding_ids.filtered(lambda row: not row.gone)
        return {row.code: round(row.amount, 2) for row in rows}

    def _proved(self, vend, before="10.00", after=None):
        self._prove(vend.command_id, before=before, after=after)
        self._post()
        self.assertTrue(vend.posted_at)
        return vend

    def test_emergency_credit_until_the_next_sale_recovers_it(self):
        vend = self._give("emergency", "20.00")
        self.assertEqual(self._found(), {}, "neither money nor proof")
        self._prove(vend.command_id)
        self.assertEqual(self._found(), {"debt": -20, "not_posted": 20})
        self._post()
        self.assertEqual(self._found(), {"debt": -20})
        sale = self._sell("100.00")
        self.assertEqual(sale.arrears_amount, 20)
        self.assertEqual(self._found(), {"debt": -20, "not_proved": 100})
        self._proved(sale)
        self.assertEqual(self._found(), {})
        check = self.env["utility.check"].search([], limit=1)
        self.assertEqual((check.money_in, check.credit_sold, check.documents), (100, 100, 0))

    def test_emergency_credit_that_is_taken_back(self):
        vend = self._proved(self._give("emergency", "20.00"))
        self.assertEqual(self._found(), {"debt": -20})
        status = self._counter().reverse("reverse-lent-9", vend.id, "Not needed")
        self._proved(self.env["utility.vend"].browse(status["id"]), "46.47", "10.00")
        self.assertEqual(self._found(), {})

    def test_what_is_given_away_is_no_difference(self):
        meter = self._meter("202611000031")
        vends = self.env["utility.vend"]
        self._proved(self._give("temporary", "5", meter=meter), before="0")
        self._proved(vends._issue("quota-check", "quota", self.meter, Decimal(30)))
        self._proved(self._give("adjustment", "10", cost="5.48"), "30", "40")
        self._proved(self._give("adjustment", "-10", cost="5.48"), "40", "30")
        self.assertEqual(self._found(), {})
        report = self.env["utility.roll.forward"].create(
            {
                "company_id": self.company.id,
                "date_from": self.company._utility_today(),
                "date_to": self.company._utility_today(),
                "contract_ids": self.contract.ids,
            }
        )
        report.action_compute()
        line = report.line_ids
        self.assertEqual((line.quota, line.adjusted, line.temporary), (30, 0, 0))
        self.assertEqual((line.closing, line.closing_amount), (30, 0))
