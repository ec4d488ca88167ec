from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.decimals import dec


class Kind(NamedTuple):
    """What holds for every command of a kind.

    ``priority``: money 0, switching 1, what a person waits for 2, scheduled 3.
    ``repeatable``: may be carried out again without asking the meter first.
    ``changes``: leaves something changed in the meter, so that an emergency stop holds it.
    ``seconds``: a command of this age never fires any more; None for those that wait for ever.
    """

    money: bool
    priority: int
    repeatable: bool
    changes: bool
    seconds: int | None


KINDS = {
    "open": Kind(True, 0, False, True, None),
    "preset": Kind(True, 0, False, True, None),
    "charge": Kind(True, 0, False, True, None),
    "reverse": Kind(True, 0, False, True, None),
    "clear": Kind(True, 0, False, True, None),
    "switch": Kind(False, 1, True, True, 600),
    "read": Kind(False, 2, True, False, None),
    "write": Kind(False, 2, True, True, 86400),
    "set_clock": Kind(False, 2, True, True, 3600),
    "raw": Kind(False, 2, True, True, 60),
}
OPEN_STATES = ("queued", "sent", "unknown", "disputed")


class UtilityCommand(models.Model):
    """What one meter must do, once: the outbox between the books and the wire.

    The gates (``_arm``, ``_prove`` ...) are the only way to another state. Each locks the meter row
    and then the command, the one lock order of the whole product, and takes a repeat of the same
    news as no news.
    """

    _name = "utility.command"
    _description = "Meter Command"
    _order = "id desc"
    _rec_name = "kind"

    kind = fields.Selection(
        [
            ("read", "Read"),
            ("open", "Open account"),
            ("preset", "Preset temporary units"),
            ("charge", "Charge"),
            ("reverse", "Reverse"),
            ("clear", "Clear"),
            ("switch", "Switch supply"),
            ("write", "Set parameters"),
            ("set_clock", "Set clock"),
            ("raw", "Raw frame"),
        ],
        required=True,
        readonly=True,
    )
    # Money:
    # queued -> sent -> done | failed | unknown
    # unknown -> done | queued (same number) | failed | disputed
    # queued -> cancelled | expired          disputed -> done | failed (by a person)
    # Without money (the run that works on it keeps it in hand meanwhile):
    # queued -> done | failed | cancelled | expired
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("sent", "Sent"),
            ("unknown", "Unknown"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("disputed", "Disputed"),
            ("cancelled", "Cancelled"),
            ("expired", "Expired"),
        ],
        required=True,
        readonly=True,
        default="queued",
        index=True,
    )
    money = fields.Boolean(readonly=True, required=True)
    changes = fields.Boolean(
        "Changes the meter",
        readonly=True,
        required=True,
        default=False,
        help="Held by an emergency stop; what only asks goes on.",
    )
    arguments = fields.Json(
        readonly=True,
        help="What a command without money is to do: the switching action, the registers and their "
        "values as texts, or the frame.",
    )
    priority = fields.Integer(readonly=True, required=True)
    meter_id = fields.Many2one(
        "utility.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    vend_id = fields.Many2one("utility.vend", "Sale", readonly=True, index=True)
    contract_id = fields.Many2one("utility.contract", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    site_id = fields.Many2one("utility.site", readonly=True)
    user_id = fields.Many2one("res.users", "Asked by", readonly=True)
    credit = fields.Float("Credit sent", digits=(16, 4), min_display_digits=2, readonly=True)
    customer_number = fields.Char("Customer number", readonly=True)
    reference = fields.Integer(
        "Mark in the meter",
        compute="_compute_reference",
        help="The mark of this order inside the meter: its own id, never used by another.",
    )
    number = fields.Integer("Purchase number", readonly=True)
    epoch = fields.Integer(readonly=True)
    numbered = fields.Boolean(
        readonly=True, help="A number was committed for this command: bytes may have left."
    )
    attempts = fields.Integer(readonly=True)
    not_before = fields.Datetime("Not before", readonly=True)
    expires_at = fields.Datetime("Expires at", readonly=True)
    hold_reason = fields.Text("Waits for a person", readonly=True)
    asked_at = fields.Datetime("Asked at", readonly=True)
    sent_at = fields.Datetime("Sent at", readonly=True)
    answered_at = fields.Datetime("Answered at", readonly=True)
    done_at = fields.Datetime("Done at", readonly=True)
    generation = fields.Integer(readonly=True)
    frame_hash = fields.Char("Frame hash", readonly=True)
    message = fields.Text(readonly=True)
    balance_before = fields.Float(
        "Balance before", digits=(16, 4), min_display_digits=2, readonly=True
    )
    balance_after = fields.Float(
        "Balance after", digits=(16, 4), min_display_digits=2, readonly=True
    )
    cumulative = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    result = fields.Json(
        readonly=True, help="What came back, as texts; a register that was set as was and is."
    )

    can_settle = fields.Boolean(compute="_compute_can_settle")

    _one_open_money = models.UniqueIndex(
        "(meter_id) WHERE money AND state IN ('queued', 'sent', 'unknown', 'disputed')",
        "Another money command is on its way to this meter.",
    )
    # A number proved unused (failed, cancelled) is the next that the meter accepts: free again.
    _number_once = models.UniqueIndex(
        "(meter_id, epoch, number) WHERE money AND numbered"
        " AND state NOT IN ('failed', 'cancelled', 'expired')",
        "This purchase number was already used on this meter.",
    )
    _due_idx = models.Index(
        "(priority, id) WHERE state IN ('queued', 'sent', 'unknown') AND hold_reason IS NULL"
    )

    @api.depends("kind")
    def _compute_reference(self):
        for command in self:
            command.reference = command.id

    @api.depends("kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for command in self:
            command.display_name = f"{labels.get(command.kind, '')} {command.id or ''}".strip()

    @api.depends("state", "money", "meter_id")
    def _compute_can_settle(self):
        for command in self:
            command.can_settle = command.money and (
                command.state == "disputed"
                or (command.state == "queued" and not command.meter_id._is_connected())
            )

    # ------------------------------------------------------------------ outbox

    @api.model
    def _enqueue(self, meter, kind, **values):
        """Queue one command and wake whoever drives the meter's line.

        :param meter: `utility.meter` record
        :param kind: one of KINDS
        :param values: further fields (vend_id, contract_id, credit, customer_number, arguments ...)
        :return: the new command (sudo)
        :raises UserError: the meter may not be changed at the moment
        """
        rules = KINDS[kind]
        if values.setdefault("changes", rules.changes):
            meter._check_changeable()
        asked_at = fields.Datetime.now()
        if rules.seconds:
            values.setdefault("expires_at", fields.Datetime.add(asked_at, seconds=rules.seconds))
        # The index on open orders must see the former order's end, which may still be in the cache.
        self.flush_model(["state"])
        command = self.sudo().create(
            {
                "kind": kind,
                "money": rules.money,
                "priority": rules.priority,
                "meter_id": meter.id,
                "company_id": meter.company_id.id,
                "site_id": meter.site_id.id,
                "user_id": self.env.uid,
                "asked_at": asked_at,
                **values,
            }
        )
        if command.changes:
            self.env["utility.operation"]._log(
                self.env._("Command queued"),
                command,
                meter=meter,
                vend=command.vend_id,
                after=f"{kind} {command.credit:.4f}" if rules.money else kind,
                note="" if rules.money else command._arguments_words(),
            )
        command._wake()
        return command

    @api.model
    def _open_money(self, meter):
        """The money command that is on its way to a meter, whoever asked; there is one at most."""
        return self.sudo().search(
            [("meter_id", "=", meter.id), ("money", "=", True), ("state", "in", OPEN_STATES)],
            limit=1,
        )

    def _wake(self):
        """Hook: tell the driver of the meters that there is work. Nothing to do without one."""

    def _lock(self):
        """Lock the meter, then the command, and forget what the cache says of both."""
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                "SELECT m.id FROM utility_meter m JOIN utility_command c ON c.meter_id = m.id"
                " WHERE c.id = %s FOR NO KEY UPDATE OF m",
                self.id,
            ),
            log_exceptions=False,
        )
        self.env.cr.execute(
            SQL("SELECT state FROM utility_command WHERE id = %s FOR NO KEY UPDATE", self.id),
            log_exceptions=False,
        )
        (self | self.sudo()).invalidate_recordset()
        self.meter_id.invalidate_recordset(["purchase_number", "epoch", "number_known"])

    # ------------------------------------------------------------------- gates

    def _update_state(self, sources, target, **values):
        """The one gate between states.

        :param sources: states from which the change is allowed
        :param target: the new state
        :return: True when the state changed, False for a repeat of the same news
        :raises UserError: the command stands in a state from which this may not happen
        """
        self._lock()
        before = self.state
        if before == target and target not in sources:
            return False
        if before not in sources:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "Command %(id)s is %(state)s and cannot become %(target)s.",
                    id=self.id,
                    state=labels[before],
                    target=labels[target],
                )
            )
        self.sudo().write({"state": target, **values})
        if self.money or self.changes:
            self.env["utility.operation"]._log(
                self.env._("Command state"),
                self,
                meter=self.meter_id,
                vend=self.vend_id,
                before=before,
                after=target,
                note=values.get("message") or "",
            )
        self._changed()
        return True

    def _changed(self):
        """Tell whoever follows this command's sale."""
        if self.vend_id:
            self.vend_id.sudo()._notify()

    def _arm(self, number, epoch, frame_hash, generation):
        """queued -> sent: number and frame are written down; bytes may leave after the commit.

        :param number: purchase number the frame carries
        :param epoch: the meter's epoch the frame carries
        :param frame_hash: SHA-256 of the whole frame, hexadecimal
        :param generation: the worker's run that sends it
        :return: False when the command may not be sent (no longer queued, or held)
        """
        self._lock()
        if self.state != "queued" or self.hold_reason:
            return False
        if self.numbered and (self.number, self.epoch) != (number, epoch):
            # A resend is the same frame or nothing: another number could charge twice.
            return False
        return self._update_state(
            ("queued",),
            "sent",
            number=number,
            epoch=epoch,
            numbered=True,
            frame_hash=frame_hash,
            generation=generation,
            attempts=self.attempts + 1,
            sent_at=fields.Datetime.now(),
            answered_at=False,
            message=False,
        )

    def _answered(self, words):
        """A reply came; it is no proof. Kept for the counter and for the evidence."""
        self._lock()
        if self.state in ("sent", "unknown"):
            self.sudo().write({"answered_at": fields.Datetime.now(), "message": words})
            self._changed()

    def _set_unknown(self, reason):
        """sent -> unknown: from here on only asking is allowed."""
        return self._update_state(("sent",), "unknown", message=reason)

    def _prove(self, values):
        """The meter's own record shows the order: -> done.

        :param values: number, epoch (int); balance_before, balance_after, cumulative (Decimal)
        :return: True when this is news
        """
        self._lock()
        if self.state in ("failed", "cancelled", "expired"):
            # Money went back (or may have): charged, not paid. A person must see it.
            self.env["utility.operation"]._log(
                self.env._("Charged, not paid"),
                self,
                meter=self.meter_id,
                vend=self.vend_id,
                before=self.state,
                note=self.env._("The meter shows order %s, which was given up.", self.reference),
            )
            return False
        if not self._update_state(
            ("sent", "unknown", "disputed"),
            "done",
            done_at=fields.Datetime.now(),
            hold_reason=False,
            **{
                k: values[k]
                for k in ("balance_before", "balance_after", "cumulative")
                if k in values
            },
        ):
            return False
        self.meter_id.sudo().write(
            {
                "purchase_number": values["number"],
                "epoch": values["epoch"],
                "number_known": True,
            }
        )
        self.vend_id.sudo()._command_done(self)
        return True

    def _not_charged(self, reason, final=False, quiet=False):
        """The meter shows the number before ours and nothing of ours.

        :param reason: words for the cashier
        :param final: the meter's refusal will not change by sending again
        :param quiet: no copy of the frame can still arrive (the link's longest delay has passed)
        :return: True when the state changed
        """
        if final and quiet:
            changed = self._update_state(
                ("unknown",), "failed", message=reason, done_at=fields.Datetime.now()
            )
            if changed:
                self.vend_id.sudo()._command_failed(self)
            return changed
        return self._update_state(("unknown",), "queued", message=reason)

    def _dispute(self, reason):
        """unknown -> disputed: only a person can tell."""
        changed = self._update_state(("unknown",), "disputed", message=reason)
        if changed:
            self.vend_id.sudo()._command_disputed(self)
        return changed

    def _hold(self, reason):
        """Stop a queued command until a person acts; nothing was sent."""
        self._lock()
        if self.state == "queued" and self.hold_reason != reason:
            self.sudo().write({"hold_reason": reason, "message": reason})
            self.env["utility.operation"]._log(
                self.env._("Command stopped"),
                self,
                meter=self.meter_id,
                vend=self.vend_id,
                note=reason,
            )
            self._changed()

    def _cancel(self, reason):
        """queued -> cancelled, only while no byte can have left."""
        self._lock()
        if self.attempts:
            raise UserError(
                self.env._(
                    "The meter may have been charged: wait until it has been asked. %s",
                    self.message or "",
                )
            )
        return self._update_state(("queued",), "cancelled", message=reason, hold_reason=False)

    def _expire(self):
        """queued -> expired: a stale order never fires later; what was ever sent is asked."""
        self._lock()
        if self.attempts:
            return False
        changed = self._update_state(
            ("queued",), "expired", message=self.env._("Not carried out in time.")
        )
        if changed:
            self.vend_id.sudo()._command_failed(self)
        return changed

    def _judge_by_person(self, charged, reason, values=None):
        """disputed -> done | failed by a person with right and reason.

        :param charged: what the person found out
        :param values: as of ``_prove`` when charged
        """
        self._lock()
        if self.state != "disputed":
            raise UserError(self.env._("Only a disputed command is decided by a person."))
        if charged:
            self._prove(values)
        else:
            self._update_state(
                ("disputed",), "failed", message=reason, done_at=fields.Datetime.now()
            )
            self.vend_id.sudo()._command_failed(self)
        self.env["utility.operation"]._log(
            self.env._("Decided by a person"),
            self,
            meter=self.meter_id,
            vend=self.vend_id,
            before="disputed",
            after=self.state,
            note=reason,
        )

    def _read_done(self, result):
        """A command without money was carried out; repeats are harmless.

        :param result: plain dictionary of texts, e.g. {"balance": "12.34", "total": "5.00"}
        """
        self._end_without_money("done", result=result, message=False)

    def _read_failed(self, words, **values):
        """A command without money failed; the words are shown to who asked.

        :param values: further fields, as `result` of what was done before it failed
        """
        self._end_without_money("failed", message=words, **values)

    def _end_without_money(self, target, **values):
        self._lock()
        if self.money or self.state not in ("queued", "sent", "unknown"):
            return
        self.sudo().write({"state": target, "done_at": fields.Datetime.now(), **values})
        if self.changes:
            self.env["utility.operation"]._log(
                self.env._("Command state"),
                self,
                meter=self.meter_id,
                before="queued",
                after=target,
                note=values.get("message") or self._result_words(),
            )

    def _arguments_words(self):
        """What a command without money is to do, in a line; drivers know their words better."""
        return ", ".join(f"{name}: {value}" for name, value in (self.arguments or {}).items())

    def _result_words(self):
        """What came back of a command without money, in a line."""
        return ", ".join(f"{name}: {value}" for name, value in (self.result or {}).items())

    # --------------------------------------------------------------- the desk

    def _amount_steps(self):
        """Credit in the wire's steps of 0.01 (recharge protocol, section 1).

        :raises UserError: the credit is not a whole number of steps
        """
        steps = dec(self.credit) * 100
        if steps != steps.to_integral_value():
            raise UserError(self.env._("%s is not a whole number of steps.", self.credit))
        return int(steps)

    def action_resolve(self):
        """Open the form in which a person settles this order."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Settle by hand"),
            "res_model": "utility.command.resolve",
            "view_mode": "form",
            "target": "new",
            "context": {"default_command_id": self.id},
        }
