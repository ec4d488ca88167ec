from datetime import timedelta
from functools import partial
from uuid import uuid4

from odoo.tests import tagged

from .test_check import DAY, NEXT, CheckCommon


class Undone(Exception):
    """Ends a change that only a part of a test was about."""


@tagged("post_install", "-at_install")
class TestCheckBase(CheckCommon):
    """What is carried forward from settled days, and that no change behind them goes unnoticed.

    Beside this, every check of the other tests is compared with one that carries nothing.
    """

    def setUp(self):
        super().setUp()
        self.vend = self._delivered("100.00")
        self._post()
        self._debt = self._entry(20)
        self._debt.sudo().utility_contract_id = self.contract
        self._carry()
        self.before = self._assert_carried(DAY)

    def _count(self, table):
        self.env.cr.execute(f"SELECT count(*) FROM {table}")
        return self.env.cr.fetchone()[0]

    def _looked_at(self, day=DAY):
        """Sales and journal items that a check of a day reads one by one."""
        self._at(day)
        return self._count("check_vend"), self._count("check_item")

    def test_what_is_settled_is_not_looked_at_again(self):
        self.assertEqual(self._looked_at(), (0, 0))
        places, findings = self.before
        place = places[self.site.id, "electricity", self.cash.id]
        self.assertEqual((place["money_in"], place["credit_sold"], place["posted"]), (100,) * 3)
        self.assertEqual([(finding.code, finding.amount) for finding in findings], [("debt", -20)])

    def test_what_is_new_is_added(self):
        self._delivered("54.83")
        self.assertEqual(self._looked_at(), (1, 1))
        places, __ = self._assert_carried(DAY)
        place = places[self.site.id, "electricity", self.cash.id]
        self.assertEqual(str(place["credit_sold"]), "134.83", "20 of it paid the debt")

    def test_what_differs_stands_apart(self):
        waiting = self._sell("54.83")
        self._carry()
        self.assertEqual(self._looked_at(), (1, 1), "The waiting sale and its payment alone")
        self.assertIn(f"sale:{waiting.id}", [f.key for f in self._assert_carried(DAY)[1]])
        self._prove(waiting.command_id)
        self._post()
        self.assertFalse(self._assert_carried(DAY)[1], "It has paid the debt, too")
        self._carry()
        self.assertEqual(self._looked_at(), (0, 0))

    def test_days_before_and_days_in_between(self):
        self.clock.move_to(NEXT)
        reversal = self.env["utility.vend"].browse(
            self._counter().reverse(str(uuid4()), self.vend.id, "typed wrong")["id"]
        )
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self._carry()
        self.assertEqual(self._looked_at(DAY + timedelta(days=1)), (0, 0))
        self.assertEqual(self._looked_at(DAY - timedelta(days=1)), (0, 0), "Nothing was there yet")
        self.assertEqual(self._looked_at(DAY)[0], 2, "The sale was not reversed yet")
        for days in range(-1, 2):
            self._assert_carried(DAY + timedelta(days=days))

    def _lines(self):
        return (self.vend.payment_id.move_id | self.vend.move_id).line_ids.filtered(
            lambda line: line.account_id == self.customer_account
        )

    def test_every_change_behind_is_noticed(self):
        """By the ORM or past it; each of these changes what the check tells."""
        items, payment = self._lines(), self.vend.payment_id
        other = self.env["utility.contract"].search([("id", "!=", self.contract.id)], limit=1)
        other = other or self._contract(self._meter("202611000009"))
        links = "utility_vend_id = NULL, origin_payment_id = NULL"
        sql = {
            "the proof is gone": ("utility_vend", self.vend, "delivered_at = NULL"),
            "another price": ("utility_vend", self.vend, "cost = cost + 1"),
            "another method": ("utility_vend", self.vend, "journal_id = NULL"),
            "another state": ("utility_vend", self.vend, "state = 'refunded'"),
            "another amount": ("account_move_line", items[0], "balance = balance + 1"),
            "a later day": ("account_move_line", items[0], "date = date + 1"),
            "no longer posted": ("account_move_line", items[0], "parent_state = 'cancel'"),
            "another account": (
                "account_move_line", items[0],
                f"account_id = {self.company_data['default_account_revenue'].id}",
            ),
            "another sale's payment": (
                "account_move", payment.move_id,
                f"utility_contract_id = {other.id}, {links}",
            ),
            "another contract's debt": (
                "account_move", self._debt, f"utility_contract_id = {other.id}",
            ),
            "nobody's debt": ("account_move", self._debt, "utility_contract_id = NULL"),
        }  # fmt: skip
        for words, (table, record, change) in sql.items():
            with self.subTest(words):
                query = f"UPDATE {table} SET {change} WHERE id = %s"
                self._changes(partial(self.env.cr.execute, query, (record.id,)))
        with self.subTest("an item is deleted"):
            query = "DELETE FROM account_move_line WHERE move_id = %s"
            self._changes(partial(self.env.cr.execute, query, (self._debt.id,)))
        with self.subTest("an entry is taken back"):
            self._changes(self._debt.button_draft)
        with self.subTest("an entry comes late"):
            self._changes(partial(self._entry, -5))
        with self.subTest("the payment is returned"):
            self._changes(self._return_payment)

    def _return_payment(self):
        self.env["utility.payment.return"].create(
            {"payment_id": self.vend.payment_id.id, "reason": "bounced", "date": DAY}
        )._post()

    def _changes(self, change):
        """What a change makes of the day, told from the base and anew alike; then undo it."""
        try:
            with self.env.cr.savepoint():
                change()
                self.env.flush_all()
                self.env.invalidate_all()
                told = self._assert_carried(DAY)
                self.assertNotEqual(told, self.before)
                self._carry()
                self.assertEqual(self._at(DAY), told)
                raise Undone
        except Undone:
            self.env.invalidate_all()
        self.assertEqual(self._at(DAY), self.before)

    def test_a_payment_of_nobody_follows_what_it_settles(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound", "partner_type": "customer", "amount": 20,
                "partner_id": self.customer.id, "journal_id": self.cash.id, "date": DAY,
                "destination_account_id": self.customer_account.id,
            }
        )  # fmt: skip
        payment.action_post()
        self._carry()
        self.assertIn("payment_alone", [f.code for f in self._assert_carried(DAY)[1]])
        items = (payment.move_id | self._debt).line_ids.filtered(
            lambda line: line.account_id == self.customer_account
        )
        items.reconcile()
        self.assertFalse(self._assert_carried(DAY)[1], "The debt is paid")
        items.remove_move_reconcile()
        self.assertEqual(len(self._assert_carried(DAY)[1]), 2)

    def test_news_that_come_while_it_is_summed_are_kept(self):
        """Of another transaction, which the summing one does not see."""
        part = (self.vend.reversed_vend_id or self.vend).id >> 12
        self.env.cr.execute("SELECT 1")
        with self.registry.cursor() as cr:
            cr.execute(
                "INSERT INTO utility_check_touch (sale, number) VALUES (true, %s) RETURNING id",
                (part,),
            )
            news = cr.fetchone()
        self.addCleanup(self._forget, news)
        self._carry()
        with self.registry.cursor() as cr:
            cr.execute("SELECT count(*) FROM utility_check_touch WHERE id = %s", news)
            self.assertEqual(cr.fetchone()[0], 1)

    def _forget(self, news):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM utility_check_touch WHERE id = %s", news)

    def test_news_do_not_pile_up(self):
        self._sell("54.83")
        self.env.flush_all()
        base = self.env["utility.check.base"]
        kept = self._count("utility_check_touch")
        self.assertTrue(kept)
        base._forget_news()
        self.assertEqual(self._count("utility_check_touch"), kept, "Somebody may be summing")
        self.env.cr.execute("UPDATE utility_check_touch SET at = at - interval '2 days'")
        base._forget_news()
        self.assertFalse(self._count("utility_check_touch"))

    def test_the_scheduled_action_carries_forward(self):
        self.env.cr.execute("DELETE FROM utility_check_part")
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_check").method_direct_trigger()
        self.assertTrue(self._count("utility_check_part"))
        self._assert_carried(DAY)

    def test_nothing_is_left_when_the_desk_is_uninstalled(self):
        self.env["utility.check.part"]._drop()
        self.env.cr.execute(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'utility_check%')"
            " + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'utility_check%')"
            " + (SELECT count(*) FROM pg_class WHERE relname LIKE 'utility_check_touch%')"
        )
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        self._entry(5)
