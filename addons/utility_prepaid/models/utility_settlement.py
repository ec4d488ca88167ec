import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from .utility_settlement_step import BACKGROUND, BUSY, ENDED

_logger = logging.getLogger(__name__)
PLANS = {
    "opening": ("read", "wipe", "open"),
    "closing": ("read", "clear", "settle"),
    "replacement": ("read", "clear", "settle", "move", "read", "wipe", "open", "transfer"),
}
# From here on the steps of a replacement are those of the new meter.
FIRST_OF_NEW = "move"
LATER_MINUTES = 60
OPEN_STATES = ("running", "stopped")


class UtilitySettlement(models.Model):
    """An opening, a closing or a replacement: steps, one after the other, each of them proved.

    Every step is a row, and what the meter must do in it is a queued command: whoever is killed in
    between, the next proof, scheduled action or person takes it up where it stands.
    """

    _name = "utility.settlement"
    _description = "Settlement"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_names_search = ["name", "contract_id.name", "partner_id.name", "meter_id.vending_id"]
    _check_company_auto = True

    name = fields.Char("Number", readonly=True, required=True, copy=False, index="trigram")
    kind = fields.Selection(
        [("opening", "Opening"), ("closing", "Closing"), ("replacement", "Replacement")],
        required=True,
        readonly=True,
        index=True,
    )
    # running <-> stopped -> cancelled        running -> done
    # stopped: a step failed and waits for a person, or for its next try
    # cancelled: only while the meter has not been changed for good
    state = fields.Selection(
        [
            ("running", "Under way"),
            ("stopped", "Stopped"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        default="running",
        index=True,
        tracking=True,
    )
    contract_id = fields.Many2one(
        "utility.contract", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True, ondelete="restrict"
    )
    meter_id = fields.Many2one(
        "utility.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    new_meter_id = fields.Many2one(
        "utility.meter", "New meter", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    room_id = fields.Many2one("utility.room", readonly=True, index=True)
    site_id = fields.Many2one("utility.site", readonly=True, index=True)
    utility = fields.Selection(related="meter_id.utility", store=True)
    is_test = fields.Boolean(related="contract_id.is_test", store=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one("res.users", "Started by", required=True, readonly=True, index=True)
    reason = fields.Char(readonly=True)
    by_hand = fields.Boolean(
        "On a reading by hand",
        readonly=True,
        help="Settled on a reading or a decision of a person, before the meter was cleared.",
    )
    next_contract_id = fields.Many2one(
        "utility.contract", "Contract of the next tenant", readonly=True, ondelete="restrict"
    )
    to_clear = fields.Boolean(related="meter_id.to_clear")
    step_ids = fields.One2many("utility.settlement.step", "settlement_id", readonly=True)
    meter_busy = fields.Boolean(
        readonly=True,
        default=True,
        help="Something is still asked of the meter: no other customer may have it meanwhile.",
    )
    step_id = fields.Many2one("utility.settlement.step", "Present step", compute="_compute_step_id")
    words = fields.Char("Where it stands", compute="_compute_step_id")
    started_at = fields.Datetime(
        "Started at", readonly=True, required=True, default=fields.Datetime.now
    )
    done_at = fields.Datetime("Done at", readonly=True)
    due_at = fields.Datetime("Next try", readonly=True)

    _one_open_per_contract = models.UniqueIndex(
        "(contract_id) WHERE state IN ('running', 'stopped')",
        "This contract is already being opened, closed or moved to another meter.",
    )
    _one_open_per_meter = models.UniqueIndex(
        "(meter_id) WHERE meter_busy",
        "Another settlement of this meter is under way.",
    )
    _one_open_per_new_meter = models.UniqueIndex(
        "(new_meter_id) WHERE meter_busy",
        "Another replacement by this meter is under way.",
    )
    _due_idx = models.Index("(due_at) WHERE state IN ('running', 'stopped')")

    @api.depends("step_ids.state", "step_ids.command_id.state", "state")
    @api.depends_context("lang")
    def _compute_step_id(self):
        for settlement in self:
            step = settlement._steps_left()[:1] if settlement.state in OPEN_STATES else None
            settlement.step_id = step
            settlement.words = step._words() if step else False

    # ------------------------------------------------------------------ steps

    @api.model
    def _start(self, kind, contract, reading=None, **values):
        """Write down the steps and begin the first one.

        :param kind: opening, closing or replacement
        :param contract: `utility.contract`, its meter's row locked by the caller
        :param reading: what a person read: see ``utility.settlement.step._told_by_hand``
        :param values: further fields (new_meter_id, next_contract_id, reason)
        :return: the settlement
        """
        meter = contract.meter_id
        plan = PLANS[kind]
        if values.get("next_contract_id"):
            plan += ("next",)
        sequence = self.env["ir.sequence"].sudo().with_company(contract.company_id)
        settlement = self.sudo().create(
            {
                "name": sequence.next_by_code("utility.settlement"),
                "kind": kind,
                "contract_id": contract.id,
                "partner_id": contract.partner_id.id,
                "meter_id": meter.id,
                "room_id": contract.room_id.id,
                "site_id": meter.site_id.id,
                "company_id": contract.company_id.id,
                "user_id": self.env.uid,
                **values,
            }
        )
        settlement._write_steps(plan)
        settlement._log(self.env._("Settlement started"), after=kind, note=values.get("reason"))
        if reading:
            settlement.step_ids[0]._told_by_hand(**reading)
        settlement._advance()
        return settlement

    def _write_steps(self, plan):
        """:param plan: kinds of steps in their order"""
        turn = plan.index(FIRST_OF_NEW) if FIRST_OF_NEW in plan else len(plan)
        self.env["utility.settlement.step"].sudo().create(
            [
                {
                    "settlement_id": self.id,
                    "sequence": place,
                    "kind": kind,
                    "meter_id": (self.meter_id if place < turn else self.new_meter_id).id,
                }
                for place, kind in enumerate(plan)
            ]
        )

    def _advance(self):
        """Begin every step whose turn has come, and see where the whole stands."""
        self.ensure_one()
        if self.state not in OPEN_STATES:
            return
        for step in self._steps():
            if step.state == "waiting" and self._may_begin(step):
                step._try()
        left = self._steps_left()
        self.meter_busy = bool(left.filtered(lambda step: step.kind not in BACKGROUND))
        if not left:
            self._update_state("done", done_at=fields.Datetime.now(), due_at=False)
        elif left.filtered(lambda step: step.state == "failed"):
            self._update_state("stopped")
        else:
            self._update_state("running")

    def _may_begin(self, step):
        """Each step waits for those before it.

        But money that is settled on a reading by hand does not wait for the clearing, and the next
        tenant not for money.
        """
        before = self._steps_left().filtered(lambda other: other.sequence < step.sequence)
        if step.kind == "settle" and self.by_hand:
            before = before.filtered(lambda other: other.kind != "clear")
        elif step.kind == "next":
            before = before.filtered(lambda other: other.kind != "settle")
        return not before

    def _steps(self):
        return self.step_ids.sorted(lambda step: (step.sequence, step.id))

    def _steps_left(self):
        return self._steps().filtered(lambda step: step.state not in ENDED)

    def _step(self, kind, meter=None):
        """The step of a kind, on a meter where several have one."""
        return self.step_ids.filtered(
            lambda step: step.kind == kind and (not meter or step.meter_id == meter)
        )[:1]

    def _work_later(self, at=None):
        """Let the scheduled action go on with it: now, or at a time."""
        self.due_at = at or fields.Datetime.now()
        self.env.ref("utility_prepaid.ir_cron_settlements").sudo()._trigger(at=at)

    @api.model
    def _cron_advance(self, limit=50):
        """Go on with what needs no meter, and try failed readings again; one commit each."""
        domain = [
            ("state", "in", OPEN_STATES),
            ("due_at", "!=", False),
            ("due_at", "<=", fields.Datetime.now()),
        ]
        cron = self.env["ir.cron"]
        due = self.search(domain, limit=limit, order="due_at, id")
        cron._commit_progress(remaining=len(due))
        for settlement in due:
            try:
                # The meter's row first, as everywhere: a proof takes them in that order.
                settlement.meter_id._lock_row()
                settlement = settlement.try_lock_for_update().filtered_domain(domain)
                if settlement:
                    settlement._work()
            except BUSY:
                self.env.cr.rollback()
                self.env.ref("utility_prepaid.ir_cron_settlements").sudo()._trigger()
            except Exception:
                # One that nobody foresaw must not hold up the others for ever.
                self.env.cr.rollback()
                _logger.exception("Settlement %s cannot go on", settlement.name)
                settlement._work_later(
                    fields.Datetime.add(fields.Datetime.now(), minutes=LATER_MINUTES)
                )
            if not cron._commit_progress(1):
                break

    def _work(self):
        """The scheduled action's turn."""
        self.due_at = False
        for step in self._steps_left():
            if step.state == "failed":
                step._update_state("waiting")
            if step.kind in BACKGROUND and self._may_begin(step):
                step._try(now=True)
        self._advance()

    # ------------------------------------------------------------------ gates

    def _update_state(self, target, **values):
        """The one gate between states, with its line of history."""
        self.ensure_one()
        before = self.state
        if values:
            self.sudo().write(values)
        if before == target:
            return
        self.sudo().state = target
        self._log(self.env._("Settlement state"), before=before, after=target)
        activities = self.sudo().activity_ids
        if target == "stopped":
            self._call_person()
        elif activities:
            activities.unlink()

    def _call_person(self):
        """Whoever can do something about it is told what stands in its way."""
        step = self._steps_left().filtered(lambda step: step.state == "failed")[:1]
        owner = self.user_id
        if step.kind == "settle":
            owner = self.env.ref("utility_prepaid.group_accountant").all_user_ids.filtered(
                lambda user: self.company_id in user.company_ids
            )[:1]
        self.sudo().activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("%s has stopped", self.name),
            note=step.message or "",
            user_id=(owner or self.user_id).id,
        )

    def _log(self, action, before=None, after=None, note=""):
        self.env["utility.operation"]._log(
            action, self, meter=self.meter_id, before=before, after=after, note=note or ""
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Settlements are history: they cannot be deleted."))
