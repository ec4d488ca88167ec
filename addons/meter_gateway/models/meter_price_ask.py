from datetime import datetime, timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..lib.meterwire.jobs import LIVE_READ, SCHEDULED_READ
from .meter_command_field import MOMENT

READ_HOURS = 1
WRITE_HOURS = 24
# Tables that should be live at once get a moment so far ahead: the command must arrive before it.
SOON_MINUTES = 10
ARRIVE_MINUTES = 2
# A clock that is wrong by more is set before tables are written.
CLOCK_SECONDS = 120
# After a failure: 5 minutes, then twice as long each time, at most a day.
RETRY_MINUTES = 5
RETRY_MAX_MINUTES = 1440


class MeterPrice(models.Model):
    """What is asked of a meter about its prices, by the catalogue, and what came of it."""

    _inherit = "meter.price"

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
                "standby": waiting and self.writing,
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
