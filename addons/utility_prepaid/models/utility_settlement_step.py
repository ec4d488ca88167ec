import logging

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError

from ..tools.decimals import dec
from ..tools.reading_store import Reading

_logger = logging.getLogger(__name__)
# Others write on the same records: not an error, only to be tried again.
BUSY = (SerializationFailure, DeadlockDetected, LockNotAvailable, LockError)
ENDED = ("done", "skipped")
# Needs no meter: done by the scheduled action, so that nothing of it can undo a proof.
BACKGROUND = ("settle", "next")
# A reading that failed is tried again by itself: minutes after the first, second ... failure.
READ_AGAIN = (1, 2, 5, 15, 30, 60)
POST_AGAIN = 60


class UtilitySettlementStep(models.Model):
    """One step of a settlement: what is asked of the meter, and what it proved."""

    _name = "utility.settlement.step"
    _description = "Settlement Step"
    _order = "settlement_id, sequence, id"
    _rec_name = "kind"

    settlement_id = fields.Many2one(
        "utility.settlement", required=True, readonly=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(
        [
            ("read", "Read the meter"),
            ("wipe", "Clear what was on the meter before"),
            ("open", "Give the meter its customer"),
            ("clear", "Clear the meter"),
            ("settle", "Settle the money"),
            ("move", "Put the contract on the new meter"),
            ("transfer", "Charge the new meter with what was left"),
            ("next", "Open for the next tenant"),
        ],
        required=True,
        readonly=True,
    )
    # waiting -> running -> done | failed        waiting -> skipped        failed -> waiting
    # failed and running -> done also by a person's reading or an engineer's word
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("running", "Under way"),
            ("done", "Done"),
            ("skipped", "Not needed"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True, index=True)
    command_id = fields.Many2one("utility.command", "Meter command", readonly=True)
    command_state = fields.Selection(related="command_id.state", string="At the meter")
    message = fields.Text(readonly=True)
    tries = fields.Integer(readonly=True)
    source = fields.Selection(
        [("live", "Live"), ("manual", "By hand"), ("proof", "With an order")], readonly=True
    )
    total = fields.Float("Totaliser", digits=(16, 4), min_display_digits=2, readonly=True)
    balance = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    has_total = fields.Boolean(readonly=True)
    has_balance = fields.Boolean(readonly=True)
    number = fields.Integer("Purchase number", readonly=True)
    note = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", "By", readonly=True)
    done_at = fields.Datetime("Done at", readonly=True)

    # ------------------------------------------------------------------ gates

    def _try(self, now=False):
        """Begin this step; what stands against it becomes its words.

        :param now: True in the scheduled action's turn
        """
        try:
            with self.env.cr.savepoint():
                if self.kind in BACKGROUND and not now:
                    self._update_state("running")
                    self.settlement_id._work_later()
                else:
                    self._update_state("running", message=False)
                    getattr(self, f"_begin_{self.kind}")()
        except LockError:
            raise
        except (UserError, ValidationError) as error:
            self.invalidate_recordset()
            self._fail(str(error))

    def _update_state(self, target, **values):
        """The one gate between the states of a step, with its line of history."""
        self.ensure_one()
        before = self.state
        if target in ENDED:
            values.setdefault("done_at", fields.Datetime.now())
        self.write({"state": target, **values})
        if before != target:
            self.env["utility.operation"]._log(
                self._label(),
                self,
                meter=self.meter_id,
                before=before,
                after=target,
                note=values.get("message") or values.get("note") or "",
            )

    def _fail(self, words):
        """Keep the words; what may be tried by itself is put down for it."""
        self._update_state("failed", message=words, tries=self.tries + 1, command_id=False)
        minutes = 0
        if self.kind == "read":
            minutes = READ_AGAIN[min(self.tries, len(READ_AGAIN)) - 1]
        elif self.kind == "settle":
            minutes = POST_AGAIN
        if minutes:
            again = fields.Datetime.add(fields.Datetime.now(), minutes=minutes)
            self.settlement_id._work_later(again)

    def _queue(self, kind, **values):
        """Queue what the meter must do; this step follows it."""
        settlement = self.settlement_id
        self.command_id = self.env["utility.command"]._enqueue(
            self.meter_id,
            kind,
            **{"settlement_step_id": self.id, "user_id": settlement.user_id.id, **values},
        )

    def _queue_money(self, kind, **values):
        """Queue an order for the meter, once no other is on its way."""
        self.meter_id._lock_row()
        contract = self.settlement_id.contract_id
        contract._check_line_free(self.meter_id)
        self._queue(
            kind,
            **{
                "contract_id": contract.id,
                "customer_number": contract.customer_number,
                "credit": 0,
                **values,
            },
        )

    # ------------------------------------------------------------- what comes

    def _command_done(self, command, values):
        """The command of this step was carried out.

        :param command: `utility.command`
        :param values: of its proof; of a reading, its result (texts)
        """
        for step in self.filtered(lambda s: s.command_id == command and s.state == "running"):
            told = {}
            balance = "balance" if command.kind == "read" else "balance_before"
            if values.get(balance) is not None:
                told.update(balance=dec(values[balance]), has_balance=True)
            if values.get("total") is not None:
                told.update(total=dec(values["total"]), has_total=True)
            if command.kind == "read" and not told:
                step._fail(self.env._("The meter did not say how much it has left."))
            else:
                step._update_state(
                    "done",
                    source="live" if command.kind == "read" else "proof",
                    number=values.get("number") or 0,
                    **told,
                )
                step._proved(values)
            step._go_on()

    def _command_ended(self, command):
        """The command of this step ended without doing anything."""
        for step in self.filtered(lambda s: s.command_id == command and s.state == "running"):
            step._fail(command.message or self.env._("The order was given up."))
            step._go_on()

    def _go_on(self):
        """What follows must never undo the proof that brought us here."""
        try:
            with self.env.cr.savepoint():
                self.settlement_id._advance()
        except BUSY:
            raise
        except Exception:
            # Nobody foresaw it: the scheduled action meets it again, and alone.
            self.invalidate_recordset()
            _logger.exception("Settlement %s cannot go on", self.settlement_id.name)
            self.settlement_id._work_later()

    def _stop_commands(self):
        """Take back what was queued for these steps.

        :raises UserError: the meter may have been changed already
        """
        for step in self.filtered(lambda s: s.command_id and s.state not in ENDED):
            command = step.command_id
            on_its_way = command.money and command.state == "queued" and command.attempts
            if on_its_way or command.state in ("sent", "unknown", "disputed"):
                raise UserError(
                    self.env._("The command is still on its way to the meter: wait for its end.")
                )
            step.command_id = False
            if command.state == "queued":
                command._cancel(self.env._("Given up with %s.", step.settlement_id.name))

    def _told_by_hand(self, total=None, balance=None, note=""):
        """A person read the meter.

        :param total: Decimal, totaliser as shown, in what the meter counts; None if it is not known
        :param balance: Decimal, credit left as shown, signed; None if it is not known
        :param note: why it was not read over the line
        :raises UserError: the note is missing, or nothing was read
        """
        self.ensure_one()
        if self.kind != "read" or (self.state == "done" and not self._may_be_overruled()):
            raise UserError(self.env._("No reading is awaited."))
        if total is None and balance is None:
            raise UserError(self.env._("Enter what the meter shows."))
        if not (note or "").strip():
            raise UserError(self.env._("Say why the meter is read by hand."))
        self._stop_commands()
        now = fields.Datetime.now()
        self.env["utility.reading"].sudo()._store(
            [Reading(self.meter_id.id, now, total, balance, source="manual")]
        )
        self._update_state(
            "done",
            source="manual",
            total=total or 0,
            balance=balance or 0,
            has_total=total is not None,
            has_balance=balance is not None,
            note=note.strip(),
            user_id=self.env.uid,
            message=False,
        )

    def _may_be_overruled(self):
        """A closing goes on by a person's word while the meter is read but not cleared yet."""
        settlement = self.settlement_id
        return settlement._step("clear").state in ("waiting", "running", "failed")

    # -------------------------------------------------------------- the steps

    def _begin_read(self):
        if self.meter_id._is_connected():
            self._queue("read")
        else:
            self._update_state(
                "skipped",
                message=self.env._("The meter is on no line: its next order tells what it shows."),
            )

    def _begin_wipe(self):
        """Units that nobody bought, or a debt from before: meter and books begin together."""
        meter = self.meter_id
        reading = self.settlement_id._reading(meter)
        balance = dec(reading.balance) if reading else dec(meter.balance)
        if not balance and not (meter.number_known and meter.purchase_number):
            self._update_state("skipped", message=self.env._("Nothing is on the meter."))
        elif meter._takes("clear"):
            self._queue_money("clear", customer_number=False)
        else:
            self._update_state(
                "skipped",
                message=self.env._(
                    "The meter cannot be cleared: what it shows is the base of the contract."
                ),
            )

    def _begin_open(self):
        contract = self.settlement_id.contract_id
        if self.meter_id._takes("open"):
            self._queue_money("open")
        else:
            self._update_state("skipped", message=self.env._("The meter keeps no customer."))
            contract._settlement_opened(self.settlement_id, {})

    def _begin_clear(self):
        if self.meter_id._takes("clear"):
            self._queue_money("clear")
            return
        self.message = self.env._(
            "This meter cannot be cleared over its line: an engineer clears it and confirms it."
        )
        self.settlement_id._by_hand()

    def _proved(self, values):
        """What follows from the proof of this step."""
        settlement = self.settlement_id
        if self.kind == "open":
            settlement.contract_id._settlement_opened(settlement, values)
        elif self.kind == "clear":
            settlement._cleared()

    # -------------------------------------------------------------------- words

    def _label(self):
        return dict(self._fields["kind"]._description_selection(self.env))[self.kind]

    def _words(self):
        """One sentence about where this step stands and what can be done."""
        if self.state == "failed":
            words = self.message or ""
            if self.kind == "read":
                words = self.env._(
                    "%s It is tried again by itself; or enter a reading by hand.", words
                )
            return words
        command = self.command_id
        detail = command.hold_reason or command.message or self.message
        if not detail and command.state == "queued":
            detail = self.env._("Waiting for the meter's line.")
        return ": ".join(filter(None, (self._label(), detail)))

    @api.depends("kind", "settlement_id.name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for step in self:
            label = step._label() if step.kind else ""
            step.display_name = f"{step.settlement_id.name or ''} {label}".strip()
