from datetime import datetime, time, timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..lib.meterwire.jobs import LIVE_READ, SCHEDULED_READ
from .meter_command_field import MOMENT
from .meter_price import ENDED
from .meter_price_tables import PRICES

TODO = "mail.mail_activity_data_todo"
READ_HOURS = 1
WRITE_HOURS = 24
# Tables that should be live at once get a moment so far ahead: the command must arrive before it.
SOON_MINUTES = 10
ARRIVE_MINUTES = 2
# After the moment of a change, until the live tables are read.
AFTER = timedelta(minutes=1)
# A clock that is wrong by more is set before periods are written.
CLOCK_SECONDS = 120
# After a failure: 5 minutes, then twice as long each time, at most a day.
RETRY_MINUTES = 5
RETRY_MAX_MINUTES = 1440


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
            self.write({"switch_at": False, "read_due": True})
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
            return None, {name: wanted[name] for name in self.writing["values"] if name in wanted}
        return None, {}

    def _is_pending(self, at, values):
        """Whether the standby holds just this already, and its moment is ahead."""
        return bool(self.switch_at) and self.writing == self._writing_of(
            at, values, self.writing["at"]
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

    # ----------------------------------------------------------------------- ask

    def _ask_to_read(self, names):
        dialect = self.meter_id._dialect()
        items = dict.fromkeys([*names, *(("clock",) if "clock" in dialect.registers else ())], True)
        self._ask(
            self._read_type(),
            lambda: items,
            expires_at=self._later(hours=READ_HOURS),
            priority=LIVE_READ if self.asked_id else SCHEDULED_READ,
        )

    def _ask_to_write(self, at, values):
        now = self._local(fields.Datetime.now()).replace(second=0, microsecond=0)
        writing = self._writing_of(
            at, values, (now + timedelta(minutes=SOON_MINUTES)).strftime(MOMENT)
        )
        moment = datetime.strptime(writing["at"], MOMENT)  # noqa: DTZ007 - the meter's own time

        def typed():
            if abs(self.clock_ahead) > CLOCK_SECONDS:
                clock = self.env.ref("meter_gateway.command_type_clock")
                self.env["utility.command"]._enqueue(
                    self.meter_id, "set_clock", type_id=clock.id, **self._asker()
                )
            registers = self.meter_id._dialect().registers
            switches = {
                registers[name].standby.switch for name in values if registers[name].standby
            }
            return {
                **{name: self._typed(value) for name, value in values.items()},
                **dict.fromkeys(switches, writing["at"]),
            }

        arrive = self._utc(moment) - timedelta(minutes=ARRIVE_MINUTES)
        if self._ask(
            self._write_type(), typed, expires_at=min(arrive, self._later(hours=WRITE_HOURS))
        ):
            self.write({"state": "writing", "writing": writing})

    def _ask(self, command_type, values, **more):
        """Queue one command of the catalogue, unless the last failure is too fresh.

        :param values: gives the values as typed
        :return: whether it was queued
        """
        now = fields.Datetime.now()
        if self.retry_at and self.retry_at > now:
            self.look_at = self.retry_at
            return False
        meter = self.meter_id
        try:
            with self.env.cr.savepoint():
                self._check_reachable()
                if not command_type.active:
                    raise UserError(
                        self.env._("The command “%s” is switched off.", command_type.name)
                    )
                self.command_id = self.env["utility.command"]._enqueue(
                    meter,
                    command_type.kind,
                    type_id=command_type.id,
                    arguments=command_type._arguments(meter, values()),
                    **self._asker(),
                    **more,
                )
        except UserError as error:
            self._failed(str(error))
            return False
        self.look_at = self._later(hours=WRITE_HOURS)
        return True

    def _asker(self):
        return {"user_id": self.asked_id.id} if self.asked_id else {}

    # ---------------------------------------------------------------------- take

    def _take(self):
        """What became of the command that was waited for."""
        command = self.command_id
        self.command_id = False
        written = command.kind == "write"
        result = command.result or {}
        if command.state != "done":
            refused = written and any(
                isinstance(change, dict) and not change.get("ok") and change.get("is") is not None
                for change in result.values()
            )
            self._failed(command.outcome_words or command.message, refused=refused)
        elif written:
            self._take_written(command, result)
        else:
            self._take_read(command, result)

    def _take_read(self, command, result):
        registers = self.meter_id._dialect().registers
        values = {
            "live": {name: result.get(name) for name in command.arguments["items"]},
            "live_at": command.done_at,
            "read_due": False,
        }
        shown = values["live"].pop("clock", None)
        if shown and "clock" in registers:
            ahead = datetime.fromisoformat(shown) - self._local(command.done_at)
            values["clock_ahead"] = round(ahead.total_seconds())
        if self.state != "refused":
            # What is refused is tried less and less often, however well it is read.
            values |= {"failures": 0, "retry_at": False, "words": False}
        self.write(values)

    def _take_written(self, command, result):
        """Standby tables are proved to stand there; they are live once the moment is over."""
        waiting = any(result[name].get("from") for name in self.writing["values"] if name in result)
        live = {
            name: change["is"]
            for name, change in result.items()
            if name in self.writing["values"] and not change.get("from")
        }
        moment = datetime.strptime(self.writing["at"], MOMENT)  # noqa: DTZ007
        self.write(
            {
                "switch_at": waiting and self._utc(moment),
                "live": {**self.live, **live},
                "live_at": command.done_at if live else self.live_at,
                "failures": 0,
                "retry_at": False,
                "words": False,
            }
        )

    def _failed(self, words, refused=False):
        """Not carried out: it is tried again, less and less often."""
        minutes = min(RETRY_MINUTES * 2 ** min(self.failures, 20), RETRY_MAX_MINUTES)
        at = self._later(minutes=minutes)
        state = self.state
        if refused:
            state = "refused"
        elif state == "writing":
            state = "differs"
        self.write(
            {
                "state": state,
                "words": words,
                "failures": self.failures + 1,
                "retry_at": at,
                "look_at": at,
                # A part of it may have been written.
                "read_due": self.read_due or self.state == "writing",
            }
        )
        self._call_engineer()

    def _later(self, **delta):
        return fields.Datetime.now() + timedelta(**delta)
