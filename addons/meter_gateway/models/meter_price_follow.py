from datetime import datetime, time, timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from .meter_command_field import MOMENT
from .meter_price import ENDED
from .meter_price_ask import WRITE_HOURS
from .meter_price_tables import PRICES

TODO = "mail.mail_activity_data_todo"
# After the moment of a change, until the live tables are read.
AFTER = timedelta(minutes=1)


class MeterPrice(models.Model):
    """What comes next for the prices of one meter: read, compare, write, prove."""

    _inherit = "meter.price"

    def _look(self):
        """Take in what came back, compare with the tariff, and ask the meter for what is needed."""
        self.ensure_one()
        if self.command_id:
            if self.command_id.state not in ENDED:
                self.look_at = self._later(hours=WRITE_HOURS)
                return
            self._take()
        contract = self.meter_id.contract_id
        today = self.company_id._utility_today()
        version = contract.tariff_id._price_row(today) if contract.state == "active" else None
        try:
            wanted = self._wanted(version) if version else {}
        except UserError as error:
            self._rest("unfit", str(error))
            return
        if wanted:
            self._follow(wanted, self._coming(today), today)
        else:
            self._rest("none")

    def _rest(self, state, words=False):
        """There is nothing to compare with."""
        self._set_differs(False)
        self.write(
            {
                "state": state,
                "words": words,
                "wanted": False,
                "asked_id": False,
                "read_due": True,
                "look_at": self._tomorrow(),
            }
        )

    def _follow(self, wanted, coming, today):
        """Compare, and do what follows.

        :param wanted: what should be live today
        :param coming: (day, value by register) of the next version; None while there is none
        """
        passed = bool(self.switch_at) and self.switch_at <= fields.Datetime.now()
        if passed:
            # The standby should be live now; only the live tables prove it.
            if self.switch_at + AFTER > fields.Datetime.now():
                self.look_at = self.switch_at + AFTER
                return
            self.write({"switch_at": False, "standby": False, "read_due": True})
        names = [*wanted, *(name for name in (coming[1] if coming else ()) if name not in wanted)]
        live = self.live or {}
        known = not passed and all(name in live for name in names)
        if live and not passed:
            self._compare(wanted)
        if not known or self.read_due or self._is_old(today):
            if self.state in ("none", "unfit"):
                self.state = "unread"
            self._ask_to_read(names)
        else:
            self._act(wanted, coming)

    def _is_old(self, today):
        days = self.company_id.meter_price_days
        return days > 0 and self._local(self.live_at).date() + timedelta(days=days) <= today

    # ------------------------------------------------------------------- compare

    def _compare(self, wanted):
        """Note whether the meter was read to count at the tariff's prices."""
        different = self._different(wanted, self.live)
        self.wanted = wanted
        self._set_differs(
            self.meter_id.credit == "money"
            and any(name in PRICES and name in self.live for name in different)
        )
        if self.price_differs and self.activity_ids:
            self.activity_ids.note = self._differs_words()
        if different and self.state in ("none", "unfit", "unread", "current"):
            self.state = "differs"

    def _set_differs(self, differs):
        if differs == self.price_differs:
            return
        self.price_differs = differs
        if not differs:
            self.activity_unlink([TODO])
        self.env["utility.operation"]._log(
            self.env._("Meter counts at another price")
            if differs
            else self.env._("Difference of the price ended"),
            self,
            meter=self.meter_id,
            before=self.tariff_figures,
            after=self.meter_figures,
        )

    def _call_engineer(self):
        """An activity, while the meter counts at another price and nothing mends it by itself."""
        if self.price_differs and not self.activity_ids:
            self.activity_schedule(
                TODO,
                summary=self.env._("Meter counts at another price"),
                note=self._differs_words(),
                user_id=self.company_id._utility_person("engineer").id,
            )

    def _differs_words(self):
        """The finding with both figures, for whoever sells or mends; empty when there is none."""
        if not self.price_differs:
            return ""
        return self.env._(
            "Meter %(meter)s counts at %(is)s, its tariff says %(should)s (read %(at)s).",
            meter=self.meter_id.vending_id,
            should=self.tariff_figures,
            at=self._local(self.live_at).strftime(MOMENT),
            **{"is": self.meter_figures},
        )

    # ----------------------------------------------------------------------- act

    def _act(self, wanted, coming):
        """The live tables are known: write what differs, or what comes next."""
        at, values = self._target(wanted, coming)
        if not values:
            self._set_current()
        elif self._is_pending(at, values):
            self.write({"state": "waiting", "look_at": self.switch_at + AFTER})
        elif self.company_id.meter_price_auto or self.asked_id:
            self._ask_to_write(at, values)
        else:
            if self.state != "refused":
                self.state = "differs"
                if at:
                    self.words = self.env._("The tariff changes on %s.", at)
            self.look_at = self._tomorrow()
            self._call_engineer()

    def _target(self, wanted, coming):
        """What is to be written next.

        :return: (first local day, None for at once; value by register, empty for nothing)
        """
        if different := self._different(wanted, self.live):
            return None, {name: wanted[name] for name in different}
        if coming:
            day, values = coming
            if different := self._different(values, self.live):
                return day, {name: values[name] for name in different}
        if self.switch_at:
            # What stands in the standby is not wanted any more: the same moment, today's values.
            return None, {name: wanted[name] for name in self.standby["values"] if name in wanted}
        return None, {}

    def _is_pending(self, at, values):
        """Whether the standby holds just this already, and its moment is ahead."""
        return bool(self.switch_at) and self.standby == self._writing_of(
            at, values, self.standby["at"]
        )

    def _writing_of(self, at, values, moment):
        if at:
            moment = datetime.combine(at, time()).strftime(MOMENT)
        return {"at": moment, "at_once": not at, "values": values}

    def _set_current(self):
        if self.state in ("writing", "waiting"):
            self.written_at = self.live_at
            self._log(self.env._("Prices written"), self._wanted_words())
        self.write(
            {
                "state": "current",
                "words": False,
                "asked_id": False,
                "failures": 0,
                "retry_at": False,
                "look_at": self._tomorrow(),
            }
        )

    def _wanted_words(self):
        return "; ".join(
            f"{self._label(name)} {self._typed(value)}" for name, value in self.wanted.items()
        )
