import json
import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.meter_price import OPEN
from .common import REPLY, GatewayCommon

RATES = {"price_sharp": 0.9, "price_peak": 0.7, "price_flat": 0.5, "price_valley": 0.3}
DAY = [(0, "valley"), (8, "peak"), (12, "flat"), (18.5, "sharp"), (22, "valley")]
SLOTS = [["00:00", "4"], ["08:00", "2"], ["12:00", "3"], ["18:30", "1"], ["22:00", "4"]]


@tagged("post_install", "-at_install")
class TestMeterPrice(GatewayCommon):
    """A meter that holds prices and periods follows its tariff; a real simulator plays it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        file = Path(cls.enterClassContext(TemporaryDirectory())) / "keys.json"
        file.touch(0o600)
        file.write_text(json.dumps({"1": cls.key, "passwords": {"default": "000000"}}))
        cls.enterClassContext(patch.dict(os.environ, {"METERWIRE_KEYS": str(file)}))
        os.environ.pop("METERWIRE_KEY_1", None)

    @classmethod
    def _start_simulator(cls):
        # One meter for each test that changes what is in it: the simulator outlives a test.
        cls.smart, cls.ahead, cls.dead, cls.odd = (
            cls._meter(f"20261100010{number}", "d_smart") for number in range(4)
        )
        cls.smarts = cls.smart | cls.ahead | cls.dead | cls.odd
        for meter in cls.smarts:
            cls._contract(meter)
        cls.meters |= cls.smarts
        return super()._start_simulator()

    # ------------------------------------------------------------------ steps

    def _look(self, at=None):
        """The scheduled action."""
        self.env.flush_all()
        with freeze_time(at or fields.Datetime.now()), self.enter_registry_test_mode():
            self.env.ref("meter_gateway.ir_cron_prices").method_direct_trigger()
        self.env.invalidate_all()

    def _carry_out(self, command):
        """What was asked of the meter, however many runs a busy machine needs for it."""
        for __ in range(50):
            if command.state not in ("queued", "sent", "unknown"):
                return
            self._run()
        self.fail(f"the command never ended: {command.message}")

    def _go(self, price, at=None):
        """What the scheduled action asks for is done, and it looks at what came back."""
        self._look(at)
        self._carry_out(price.command_id)
        self._look(at)

    def _only(self, meter):
        """Rows of the other meters keep out of this test."""
        self.smarts._price_rows()
        others = self.env["meter.price"].sudo().search([("meter_id", "!=", meter.id)])
        others.look_at = False
        return meter.price_ids

    def _times_of_use(self, tariff, day, **values):
        return self.env["utility.tariff.price"].create(
            {
                "tariff_id": tariff.id,
                "date_from": day,
                "price": 0.5,
                **RATES,
                "slot_ids": [Command.create({"start": at, "rate": rate}) for at, rate in DAY],
                **values,
            }
        )

    def _as_engineer(self, meters):
        return meters.with_user(self.users["engineer"])

    def _sees(self, price):
        return (price.state, price.price_differs, price.words)

    # ------------------------------------------------------------------ tests

    def test_times_of_use_are_written_and_proved(self):
        price = self._only(self.smart)
        self.sim("clock", address=self.smart.address, offset=-3600)
        self._go(price)
        self.assertEqual(self._sees(price), ("current", False, False))
        self.assertEqual(price.live["price_2"], "0.5483")

        self._times_of_use(self.tariff, date(2020, 2, 1))
        self._look()
        # Known at once by what it was read to hold; its periods are read for the first time.
        self.assertEqual(self._sees(price), ("differs", True, False))
        self._carry_out(price.command_id)
        self._look()
        self.assertEqual(self._sees(price), ("differs", True, False))
        self.assertIn("Price, peak: is 0.5483, should be 0.7000", price.difference_words)
        self.assertIn("should be 00:00 4, 08:00 2", price.difference_words)
        [todo] = price.activity_ids
        self.assertEqual(todo.user_id, self.company._utility_person("engineer"))
        self.assertIn("0.5483", todo.note)

        with self.assertRaises(AccessError):
            self.smart.with_user(self.users["cashier"]).action_write_prices()
        self._as_engineer(self.smart).action_write_prices()
        # read: the clock is an hour behind, and is set before anything is written
        self._go(price)
        self.assertAlmostEqual(price.clock_ahead, -3600, delta=60)
        self.assertEqual(price.state, "writing")
        self._carry_out(price.command_id)
        asked = [("meter_id", "=", self.smart.id)]
        write, clock = self.env["utility.command"].search(asked, limit=2)
        self.assertEqual((clock.kind, clock.state), ("set_clock", "done"))
        self.assertEqual((write.kind, write.state), ("write", "done"), write.message)
        self.assertEqual(write.user_id, self.users["engineer"])
        self._look()
        # The standby is proved, nothing is live: the finding stays.
        self.assertEqual(self._sees(price), ("waiting", True, False))
        self.assertTrue(price.switch_at)

        self.sim("clock", address=self.smart.address, forward=15 * 60)
        self._go(price, at=price.switch_at + timedelta(minutes=2))
        self.assertEqual(self._sees(price), ("current", False, False))
        self.assertEqual(price.live["day_slots"], SLOTS)
        self.assertEqual(
            [price.live[f"price_{number}"] for number in (1, 2, 3, 4)],
            ["0.9000", "0.7000", "0.5000", "0.3000"],
        )
        # And by the meter's own books.
        tables = self.sim.books(self.smart)["tables"]["live"]
        self.assertEqual(tables["prices"], [9000, 7000, 5000, 3000])
        self.assertIn([18, 30, 1], tables["slots"][0])
        self.assertTrue(price.written_at)
        self.assertFalse(price.activity_ids)
        self.assertFalse(price.asked_id)
        log = self.env["utility.operation"].search([("meter_id", "=", self.smart.id)])
        self.assertIn("Prices written", log.mapped("action"))

    def test_a_coming_version_waits_in_the_standby(self):
        # The meter lives in the present: its readings are never old.
        self.company.write({"meter_price_auto": True, "meter_price_days": 0})
        price = self._only(self.ahead)
        self._go(price)
        self.assertEqual(price.state, "current")
        today = self.company._utility_today()
        version = self._times_of_use(self.tariff, today + timedelta(days=2))
        # It was read before the slots were of interest: read, write, prove the standby.
        self._go(price)
        self._go(price)
        self.assertEqual(self._sees(price), ("waiting", False, False))
        self.assertEqual(price.switch_at, self.company._utility_midnight(version.date_from))
        self.assertEqual(price.live["price_1"], "0.5483")

        # Prices that change meanwhile are written once more, to the same moment.
        version.price_sharp = 0.95
        self._go(price)
        self.assertEqual(price.standby["values"]["price_1"], "0.9500")
        self.assertEqual(self._sees(price), ("waiting", False, False))

        seconds = (price.switch_at - fields.Datetime.now()).total_seconds()
        self.sim("clock", address=self.ahead.address, forward=seconds + 60)
        self._go(price, at=price.switch_at + timedelta(minutes=2))
        self.assertEqual(self._sees(price), ("current", False, False))
        self.assertEqual(price.live["price_1"], "0.9500")
        self.assertEqual(price.live["day_slots"], SLOTS)

    def test_a_version_that_is_taken_back_leaves_the_standby(self):
        self.company.meter_price_auto = True
        price = self._only(self.odd)
        self._go(price)
        today = self.company._utility_today()
        version = self.env["utility.tariff.price"].create(
            {"tariff_id": self.tariff.id, "date_from": today + timedelta(days=2), "price": 0.8}
        )
        self._go(price)
        self.assertEqual(price.state, "waiting")
        moment = price.switch_at
        version.unlink()
        # The meter does not hear of it at first: its standby is still the old one.
        self._impatient()
        self.sim("fault", address=self.odd.address, kind="dead")
        self._go(price)
        self.assertEqual((price.state, price.failures, price.switch_at), ("differs", 1, moment))
        self.sim("revive", address=self.odd.address)
        self.box.reply_seconds = REPLY
        again = price.retry_at
        self._go(price, at=again)
        self._go(price, at=again)
        self.assertEqual(price.state, "waiting")
        self.assertEqual(set(price.standby["values"].values()), {"0.5483"})
        self.assertTrue(price.standby["at_once"])
        self.assertEqual(price.switch_at, again.replace(second=0) + timedelta(minutes=10))

    def test_a_dead_meter_is_tried_again_less_and_less_often(self):
        price = self._only(self.dead)
        self._impatient()
        self.sim("fault", address=self.dead.address, kind="dead")
        self._as_engineer(price).action_write()
        self._go(price)
        self.assertEqual((price.state, price.failures), ("unread", 1))
        self.assertIn("does not answer", price.words)
        self.assertIn(price, self.env["meter.price"].search([("state", "in", OPEN)]))
        first = price.retry_at - fields.Datetime.now()
        # Before its time nothing is asked.
        self._look()
        self.assertFalse(price.command_id)
        self._go(price, at=price.retry_at)
        self.assertEqual(price.failures, 2)
        self.assertGreater(price.retry_at - fields.Datetime.now(), first + timedelta(minutes=5))
        self.sim("revive", address=self.dead.address)
        self.box.reply_seconds = REPLY
        self._go(price, at=price.retry_at)
        self.assertEqual((price.state, price.failures), ("current", 0))

    def _differing(self):
        """The meter was read to count at what the tariff cost before."""
        price = self._only(self.dead)
        self._go(price)
        self.tariff.price_ids.price = 0.6
        self._look()
        self.assertTrue(price.price_differs)
        return price

    def test_another_price_warns_the_cashier_or_holds_the_sale(self):
        price = self._differing()
        words = "counts at 0.5483, its tariff says 0.6000"
        self.assertIn(words, self._counter().card(self.dead.id)["warning"])
        vend = self._sell("10.00", meter=self.dead)
        self._carry_out(vend.command_id)
        self.assertEqual(vend.state, "delivered")
        self.assertEqual(
            self.env["utility.meter"].search([("price_ids.price_differs", "=", True)]), self.dead
        )
        # The cashier sees the state and nothing more.
        seen = price.with_user(self.users["cashier"])
        self.assertEqual((seen.state, seen.meter_figures), ("differs", "0.5483"))
        for act in (seen.action_write, seen.action_read_prices, seen.action_leave):
            with self.assertRaises(AccessError):
                act()
        with self.assertRaises(AccessError):
            seen.write({"price_differs": False})

        self.company.meter_price_sale = "hold"
        self.assertTrue(self._counter().card(self.odd.id)["sellable"])
        with self.assertRaisesRegex(UserError, words):
            self._sell("10.00", meter=self.dead)

        # The price that the meter has is the tariff's again: the finding is gone by itself.
        self.tariff.price_ids.price = 0.5483
        self._look()
        self.assertFalse(price.price_differs)
        self.assertFalse(price.activity_ids)
        self._sell("10.00", meter=self.dead)

    def test_what_the_meter_refuses(self):
        price = self._differing()
        self._as_engineer(price).action_write()
        self._go(price)
        self.assertEqual(price.command_id.kind, "write")
        change = {"was": "0.5483", "is": "0.5483", "ok": False, "words": "not allowed"}
        price.command_id._read_failed("The meter keeps another value", result={"price_1": change})
        self._look()
        self.assertEqual((price.state, price.failures), ("refused", 1))
        self.assertIn("keeps another value", price.words)
        self.assertTrue(price.activity_ids)
        self._as_engineer(price).action_leave()
        self._go(price, at=price.retry_at)
        self.assertEqual((price.state, price.command_id.id), ("refused", False))

    def test_steps_cannot_be_held_and_no_contract_holds_nothing(self):
        price = self._only(self.odd)
        self.tariff.price_ids.step_ids = [Command.create({"above": 100, "price": 0.8})]
        self._look()
        self.assertEqual(price.state, "unfit")
        self.assertIn("steps", price.words)
        self.odd.contract_id.sudo().write({"state": "closing"})
        self._look()
        self.assertEqual((price.state, price.words, price.command_id.id), ("none", False, False))

    def test_behind_transformers_the_meter_counts_at_a_multiple(self):
        price = self._only(self.odd)
        self.odd.ct_ratio = 40
        wanted = price._wanted(self.tariff._version(self.company._utility_today()))
        self.assertEqual(set(wanted.values()), {"21.9320"})

    def test_other_meters_hold_one_price_or_a_list(self):
        price = self._only(self.odd)
        today = self.company._utility_today()
        dialect = self.odd._dialect()
        one = {"price": dialect.registers["price"]}
        many = {"prices": replace(one["price"], name="prices", coding="block")}

        def wanted(registers):
            double = replace(dialect, registers=registers)
            with patch.object(type(self.odd), "_dialect", lambda meter: double):
                return price._wanted(self.tariff._version(today))

        self.assertEqual(wanted(one), {"price": "0.5483"})
        self.assertEqual(wanted(many), {"prices": ["0.5483"] * 4})
        self._times_of_use(self.tariff, date(2020, 2, 1))
        with self.assertRaisesRegex(UserError, "holds no periods"):
            wanted(one)

    def test_a_stopped_site_is_not_written_to(self):
        price = self._differing()
        self._as_engineer(price).action_write()
        self._look()
        self._carry_out(price.command_id)
        self._as_engineer(self.site)._stop("look first")
        self._look()
        self.assertFalse(price.command_id)
        self.assertIn("look first", price.words)

    def test_who_holds_nothing_is_told_so(self):
        with self.assertRaisesRegex(UserError, "None of these meters"):
            self._as_engineer(self.meter).action_write_prices()
