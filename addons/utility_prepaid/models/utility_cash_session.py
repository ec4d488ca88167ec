from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.decimals import dec


class UtilityCashSession(models.Model):
    """One cashier's shift on one drawer (a cash journal), from the float to the count.

    The session's row is the last lock of a money operation: meter, then command, then session. A
    payment locks it while it is posted, so no money can slip in while the shift is being counted,
    and counting and closing never lock a meter.
    """

    _name = "utility.cash.session"
    _description = "Shift"
    _order = "id desc"
    _check_company_auto = True

    uuid = fields.Char("Shift id", required=True, readonly=True, copy=False)
    name = fields.Char("Number", required=True, readonly=True, copy=False)
    # opening -> open -> counting -> closed
    # opening -> closed      given up before anything was sold
    # counting -> open       by a supervisor: the count is thrown away, selling goes on
    state = fields.Selection(
        [
            ("opening", "Opening the shift"),
            ("open", "Shift open"),
            ("counting", "Counting"),
            ("closed", "Shift closed"),
        ],
        required=True,
        readonly=True,
        default="opening",
        index=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Cashier", required=True, readonly=True, index=True)
    journal_id = fields.Many2one(
        "account.journal", "Cash journal", required=True, readonly=True, check_company=True
    )
    # Cashiers have no right to journals; the name of the drawer is theirs to see.
    drawer = fields.Char(related="journal_id.name", string="Drawer")
    opened_at = fields.Datetime("Shift opened at", readonly=True)
    counted_at = fields.Datetime("Count given at", readonly=True)
    closed_at = fields.Datetime("Shift closed at", readonly=True, index=True)
    closed_by_id = fields.Many2one("res.users", "Closed by", readonly=True)
    signed_by_id = fields.Many2one("res.users", "Signed by", readonly=True)
    signed_at = fields.Datetime("Signed at", readonly=True)
    count_uuid = fields.Char("Count id", readonly=True, copy=False)

    left_before = fields.Monetary("Left by the last shift", readonly=True)
    float_expected = fields.Monetary(
        "Float in the books",
        readonly=True,
        groups="utility_prepaid.group_supervisor,utility_prepaid.group_accountant",
        help="What the books had in the drawer when the shift began: what the last shift left, and "
        "what was posted to the drawer's account since.",
    )
    float_counted = fields.Monetary("Float counted", readonly=True)
    float_difference = fields.Monetary(
        "Difference of the float",
        readonly=True,
        groups="utility_prepaid.group_supervisor,utility_prepaid.group_accountant",
    )
    cash_expected = fields.Monetary("Cash expected", readonly=True)
    cash_counted = fields.Monetary("Cash counted", readonly=True)
    cash_difference = fields.Monetary("Over (+) or short (-)", readonly=True)
    float_left = fields.Monetary("Left for the next shift", readonly=True)
    cash_expected_now = fields.Monetary(
        "Cash expected now",
        compute="_compute_cash_expected_now",
        groups="utility_prepaid.group_supervisor,utility_prepaid.group_accountant",
        help="The cashier counts without knowing it.",
    )

    method_ids = fields.One2many("utility.cash.session.method", "session_id", readonly=True)
    denomination_ids = fields.One2many("utility.cash.denomination", "session_id", readonly=True)
    move_ids = fields.One2many("utility.cash.move", "session_id", readonly=True)
    uncertain_ids = fields.One2many("utility.cash.uncertain", "session_id", readonly=True)
    vend_ids = fields.One2many("utility.vend", "session_id", "Sales", readonly=True)
    payment_ids = fields.One2many("account.payment", "utility_session_id", readonly=True)
    vend_count = fields.Integer("Number of sales", compute="_compute_vend_count")

    float_to_confirm = fields.Boolean(compute="_compute_hands")
    needs_signature = fields.Boolean(compute="_compute_hands")
    can_work = fields.Boolean(compute="_compute_hands")

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This shift was already saved.")
    _one_per_cashier = models.UniqueIndex(
        "(user_id, company_id) WHERE state != 'closed'", "This cashier already has an open shift."
    )
    _one_per_drawer = models.UniqueIndex(
        "(journal_id) WHERE state != 'closed'", "This drawer is already in a shift."
    )

    @api.depends_context("uid")
    @api.depends("state", "float_counted", "cash_difference", "uncertain_ids", "counted_at")
    def _compute_hands(self):
        user = self.env.user
        supervisor = user.has_group("utility_prepaid.group_supervisor")
        cashier = user.has_group("utility_prepaid.group_cashier")
        for session in self:
            session.can_work = supervisor or (cashier and session.user_id == user)
            session.float_to_confirm = session.state == "opening" and bool(session.opened_at)
            session.needs_signature = session._needs_signature()

    @api.depends("state", "payment_ids", "move_ids", "float_counted")
    def _compute_cash_expected_now(self):
        for session in self:
            drawer = session._expected().get(session.journal_id)
            session.cash_expected_now = drawer.expected if drawer else 0

    def _compute_vend_count(self):
        counts = self.env["utility.room"]._count_by("utility.vend", "session_id", self)
        for session in self:
            session.vend_count = counts.get(session.id, 0)

    # ------------------------------------------------------------------- gates

    def _lock(self):
        """Wait for the session's row, and forget what the cache says of it.

        Written, not only locked: whoever waited has a snapshot from before, and must not go on with
        it. PostgreSQL then refuses, and Odoo makes the whole request again with a new look.
        """
        self.ensure_one()
        self.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE utility_cash_session SET name = name WHERE id = %s", self.id),
            log_exceptions=False,
        )
        (self | self.sudo()).invalidate_recordset()

    def _update_state(self, sources, target, note="", **values):
        """The one gate between states, with its line of history.

        :param sources: states from which the change is allowed
        :return: True when the state changed, False for a repeat of the same news
        :raises UserError: the shift stands in a state from which this may not happen
        """
        self._lock()
        before = self.state
        if before == target:
            return False
        if before not in sources:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "Shift %(name)s is %(state)s and cannot become %(target)s.",
                    name=self.name,
                    state=labels[before],
                    target=labels[target],
                )
            )
        self.sudo().write({"state": target, **values})
        self._log(self.env._("Shift state"), before=before, after=target, note=note)
        return True

    def _log(self, action, **values):
        self.env["utility.operation"]._log(action, self, **values)

    def _text(self, amount):
        """Money of this shift as plain digits."""
        return f"{dec(amount, 2):f}"

    # ------------------------------------------------------------------- hands

    def _check_hands(self):
        """The shift's own cashier, or a supervisor.

        :raises AccessError: somebody else
        """
        self.check_access("read")
        for session in self:
            if not session.can_work:
                raise AccessError(
                    self.env._("Only its cashier and supervisors work on shift %s.", session.name)
                )

    def _check_second_person(self):
        """A supervisor other than the shift's cashier.

        :raises AccessError: no right, or the user's own shift
        """
        self.check_access("read")
        if not self.env.user.has_group("utility_prepaid.group_supervisor"):
            raise AccessError(self.env._("This needs a supervisor."))
        if self.user_id == self.env.user:
            raise AccessError(self.env._("Somebody other than the shift's cashier must do this."))

    # ----------------------------------------------------------------- opening

    @api.model
    def _current(self, company, user=None):
        """The shift that a user has under way in a company (sudo), or an empty one."""
        return self.sudo().search(
            [
                ("user_id", "=", user.id if user else self.env.uid),
                ("company_id", "=", company.id),
                ("state", "!=", "closed"),
            ],
            limit=1,
        )

    @api.model
    def _of_drawer(self, journal):
        """The shift that a drawer is in (sudo), or an empty one."""
        return self.sudo().search(
            [("journal_id", "=", journal.id), ("state", "!=", "closed")], limit=1
        )

    def _refuse_drawer(self):
        raise UserError(
            self.env._(
                "Drawer %(drawer)s is in the shift of %(cashier)s.",
                drawer=self.drawer,
                cashier=self.user_id.name,
            )
        )

    @api.model
    def _open(self, uuid, journal, counted, pieces=None):
        """Begin this user's shift with the float that was counted.

        :param uuid: made when the form opened; the same id twice is the same shift
        :param journal: cash journal, the drawer
        :param counted: Decimal, the float in the drawer
        :param pieces: {value as Decimal: number of pieces} that make it up, or nothing
        :return: the shift; `opening` when a supervisor must confirm the float first
        :raises UserError: in words why it cannot begin
        """
        if not self.env.user.has_group("utility_prepaid.group_cashier"):
            raise AccessError(self.env._("Only cashiers have shifts."))
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if (same.user_id, same.journal_id) != (self.env.user, journal):
                raise UserError(self.env._("This shift was already saved for another drawer."))
            return same.with_env(self.env)
        company = journal.company_id
        own = self._current(company)
        if own:
            raise UserError(
                self.env._(
                    "You already have shift %(name)s on drawer %(drawer)s: close it first.",
                    name=own.name,
                    drawer=own.drawer,
                )
            )
        other = self._of_drawer(journal)
        if other:
            other._refuse_drawer()
        company._utility_check_drawer(journal)
        company._utility_check_open(journal)
        # Two cashiers at once: written as in `_lock`, the second one looks again and gets words.
        self.env.cr.execute(
            SQL("UPDATE account_journal SET code = code WHERE id = %s", journal.id),
            log_exceptions=False,
        )
        last = self.sudo().search(
            [("journal_id", "=", journal.id), ("state", "=", "closed")],
            order="closed_at desc, id desc",
            limit=1,
        )
        number = self.env["ir.sequence"].sudo().with_company(company)
        session = self.sudo().create(
            {
                "uuid": uuid,
                "name": number.next_by_code("utility.cash.session"),
                "company_id": company.id,
                "currency_id": company.currency_id.id,
                "user_id": self.env.uid,
                "journal_id": journal.id,
                "left_before": last.float_left,
            }
        )
        session = session.with_env(self.env)
        session._log(self.env._("Shift begun"), after="opening", note=journal.name)
        session._give_float(counted, pieces)
        return session

    def _give_float(self, counted, pieces=None):
        """Count the float; counted again while a supervisor has not confirmed it.

        :param counted: Decimal
        :param pieces: as of `_open`
        """
        self._check_hands()
        self._lock()
        if self.state != "opening":
            raise UserError(self.env._("The float of shift %s was counted already.", self.name))
        if counted < 0:
            raise UserError(self.env._("A count cannot be negative."))
        expected = self._book_balance()
        self.sudo().write(
            {
                "opened_at": fields.Datetime.now(),
                "float_expected": expected,
                "float_counted": counted,
                "float_difference": counted - expected,
            }
        )
        self._keep_pieces("opening", counted, pieces)
        self._log(self.env._("Float counted"), after=f"{counted:f}")
        if not self._above_limit(counted - expected):
            self._accept_float()

    def _accept_float(self):
        difference = dec(self.sudo().float_difference, 2)
        if self._update_state(("opening",), "open", note=f"{difference:f}"):
            self.env["utility.cash.move"]._post_difference(self, "opening_difference", difference)

    def _above_limit(self, difference):
        limit = dec(self.company_id.utility_difference_limit, 2)
        return bool(limit) and abs(difference) > limit

    def _keep_pieces(self, moment, counted, pieces):
        """Store the denominations of a count.

        :raises UserError: they do not make up the amount
        """
        self.sudo().denomination_ids.filtered(lambda line: line.moment == moment).unlink()
        pieces = {value: number for value, number in (pieces or {}).items() if number}
        if not pieces:
            return
        total = sum(value * number for value, number in pieces.items())
        if total != counted or min(pieces.values()) < 0:
            raise UserError(
                self.env._(
                    "Notes and coins make %(total)s, not %(counted)s.",
                    total=f"{total:f}",
                    counted=f"{counted:f}",
                )
            )
        self.env["utility.cash.denomination"].sudo().create(
            [
                {"session_id": self.id, "moment": moment, "value": value, "pieces": number}
                for value, number in sorted(pieces.items(), reverse=True)
            ]
        )

    # ----------------------------------------------------------------- actions

    def _action_form(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
        }

    def _action_wizard(self, model, name):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {"default_session_id": self.id},
        }

    def action_count(self):
        """Open the form to count: the float, or the end of the shift."""
        return self._action_wizard("utility.cash.count", self.env._("Count"))

    def action_move_cash(self):
        """Open the form for cash in, cash out and deposits."""
        return self._action_wizard("utility.cash.move.create", self.env._("Move cash"))

    def action_close(self):
        """Open the form that ends the shift."""
        return self._action_wizard("utility.cash.session.close", self.env._("Close the shift"))

    def action_print(self):
        """The shift report on A4, to be printed from the browser."""
        return self._action_print("a4")

    def action_print_roll(self):
        """The shift report on an 80 mm roll, to be printed from the browser."""
        return self._action_print("80mm")

    def _action_print(self, paper):
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/utility/shift/{self.id}?paper={paper}&print=1",
            "target": "new",
        }

    def action_view_vends(self):
        """Sales of this shift."""
        return self.env["utility.meter"]._action_business(
            "utility_vend_action", [("session_id", "in", self.ids)]
        )

    def action_view_entries(self):
        """Journal entries of this shift: payments and cash moved."""
        self.ensure_one()
        moves = self.sudo().payment_ids.move_id | self.sudo().move_ids.statement_line_id.move_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Journal entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }

    def action_accept_float(self):
        """A supervisor accepts a float that differs from the books by more than the limit."""
        self._check_second_person()
        if not self.opened_at:
            raise UserError(self.env._("The float was not counted yet."))
        self._accept_float()
        return True

    def action_give_up(self):
        """End a shift that never began: nothing was sold and no float was accepted."""
        self._check_hands()
        self._update_state(
            ("opening",),
            "closed",
            opened_at=False,
            closed_at=fields.Datetime.now(),
            closed_by_id=self.env.uid,
            float_left=self.left_before,
        )
        return True
