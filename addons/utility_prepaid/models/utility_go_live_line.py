import re

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import spreadsheet
from ..tools.decimals import dec, is_multiple

# column -> its English heading
INPUTS = {
    "address": "Meter address",
    "room": "Room",
    "customer": "Customer",
    "phone": "Phone",
    "opened": "Opened on",
    "tariff": "Tariff",
    "balance_text": "Balance",
    "number_text": "Purchase number",
    "customer_number": "Customer number",
    "total_text": "Totaliser",
    "carried_text": "Carried money",
    "debt_text": "Debt",
}
REQUIRED = ("address", "customer", "opened", "tariff", "balance_text", "number_text")
# what may still be corrected when the contract runs
FIGURES = frozenset(
    ("balance_text", "number_text", "customer_number", "total_text", "carried_text", "debt_text")
)
MAX_NUMBER = 65535


class UtilityGoLiveLine(models.Model):
    """One meter of the old desk: what its list says, what it means here, what the meter says.

    wrong <-> ready -> waiting -> agrees | differs        differs -> agrees | accepted
    """

    _name = "utility.go.live.line"
    _description = "Go-Live Row"
    _order = "document_id, row, id"
    _rec_name = "address"

    document_id = fields.Many2one("utility.go.live", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="document_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    document_state = fields.Selection(related="document_id.state", string="State of the go-live")
    row = fields.Integer(help="Row of the spreadsheet.")
    # what the list says, as texts: a wrong cell must be seen to be corrected
    address = fields.Char("Meter address")
    room = fields.Char()
    customer = fields.Char()
    phone = fields.Char()
    opened = fields.Char("Opened on")
    tariff = fields.Char()
    balance_text = fields.Char("Balance in the list")
    number_text = fields.Char("Purchase number in the list")
    customer_number = fields.Char(
        "Customer number",
        help="The number of the customer that stands in the meter. Empty: the meter's is taken.",
    )
    total_text = fields.Char(
        "Totaliser in the list",
        help="With it, use since the list was made is reckoned exactly.",
    )
    carried_text = fields.Char("Carried money in the list")
    debt_text = fields.Char("Debt in the list")
    # what it means
    problem = fields.Text(readonly=True)
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True)
    room_id = fields.Many2one("utility.room", "Its room", readonly=True)
    tariff_id = fields.Many2one("utility.tariff", "Its tariff", readonly=True)
    date_open = fields.Date("Opened", readonly=True)
    balance = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    number = fields.Integer("Purchase number", readonly=True)
    total = fields.Float("Totaliser", digits=(16, 4), min_display_digits=2, readonly=True)
    carried = fields.Monetary("Carried money", readonly=True)
    debt = fields.Monetary(readonly=True)
    # what became of it
    state = fields.Selection(
        [
            ("wrong", "Wrong"),
            ("ready", "Ready"),
            ("waiting", "Not compared"),
            ("agrees", "Agrees"),
            ("differs", "Does not agree"),
            ("accepted", "Meter's figures accepted"),
        ],
        required=True,
        readonly=True,
        default="wrong",
        index=True,
    )
    contract_id = fields.Many2one("utility.contract", readonly=True, index="btree_not_null")
    seen_at = fields.Datetime("Meter asked at", readonly=True)
    seen_balance = fields.Float(
        "Balance on the meter", digits=(16, 4), min_display_digits=2, readonly=True
    )
    seen_number = fields.Integer("Purchase number on the meter", readonly=True)
    seen_customer_number = fields.Char("Customer number on the meter", readonly=True)
    difference = fields.Text(readonly=True)
    reason = fields.Char(readonly=True)
    vend_id = fields.Many2one("utility.vend", "Credit taken over", readonly=True)
    move_id = fields.Many2one("account.move", "Opening entry", readonly=True)

    _contract_once = models.UniqueIndex(
        "(contract_id) WHERE contract_id IS NOT NULL", "This contract was taken over already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._check_writable(set().union(*vals_list))
        return lines

    def write(self, vals):
        self._check_writable(vals)
        corrected = FIGURES.intersection(vals) if not self.env.su else set()
        before = {line: line._figures() for line in self if corrected and line.contract_id}
        result = super().write(vals)
        for line, was in before.items():
            line.sudo()._corrected(was)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_not_started(self):
        if self.contract_id:
            raise UserError(self.env._("This row was taken over: withdraw it first."))

    # ----------------------------------------------------------------- gates

    def _check_writable(self, names):
        """People write what the list says; the figures of it also while meters are compared."""
        if self.env.su:
            return
        self.env["utility.go.live"]._check_maker()
        for line in self:
            begun = line.document_id.state != "draft" or line.contract_id
            open_for_figures = line.state in ("waiting", "differs")
            if set(names) - {*INPUTS, "row", "document_id"} or (
                begun and not (open_for_figures and FIGURES.issuperset(names))
            ):
                raise UserError(
                    self.env._(
                        "Of a row that was taken over only the figures of the list are corrected, "
                        "and only before they agree with the meter."
                    )
                )

    def _figures(self):
        return ", ".join(f"{self[name] or '-'}" for name in sorted(FIGURES))

    def _corrected(self, before):
        """The list was wrong: read its figures anew, and compare with what the meter said."""
        problem = self._read_figures()
        if problem:
            raise UserError(problem)
        self.env["utility.operation"]._log(
            self.env._("Go-live row corrected"),
            self,
            meter=self.meter_id,
            before=before,
            after=self._figures(),
        )
        self._compare()

    # -------------------------------------------------------------- checking

    def _check(self):
        """Find out what each row means, or say in words why it cannot be taken over."""
        numbers = [line.customer_number for line in self if line.customer_number]
        found = {line: line._find() for line in self}
        meters = [line.meter_id for line in self]
        for line in self:
            problems = [*found[line], line._read_figures()]
            if line.meter_id and meters.count(line.meter_id) > 1:
                problems.append(self.env._("the meter stands in several rows"))
            if line.customer_number and numbers.count(line.customer_number) > 1:
                problems.append(self.env._("the customer number stands in several rows"))
            problems = [problem for problem in problems if problem]
            line.write(
                {
                    "problem": "; ".join(problems) or False,
                    "state": "wrong" if problems else "ready",
                }
            )

    def _find(self):
        """Meter, room, tariff and day of a row.

        :return: list of words for what is wrong
        """
        self.ensure_one()
        _ = self.env._
        problems = []
        address = (self.address or "").strip()
        self.meter_id = self.env["utility.meter"].search(
            [
                # a spreadsheet's number has lost its zeros
                ("address", "in", [address, address.zfill(12), address.zfill(14)]),
                ("company_id", "=", self.company_id.id),
            ],
            limit=1,
        )
        meter = self.meter_id
        if not meter:
            problems.append(_("there is no meter “%s” in the archive", self.address or ""))
        elif not meter.prepaid:
            problems.append(_("it is not a prepaid meter"))
        elif meter.contract_id:
            problems.append(_("contract %s is open on the meter", meter.contract_id.name))
        problems += self._find_room(meter)
        if not (self.customer or "").strip():
            problems.append(_("the customer is missing"))
        try:
            self.date_open = spreadsheet.day(self.opened or None)
            if not self.date_open:
                problems.append(_("the day of opening is missing"))
            elif self.date_open > self.company_id._utility_today():
                problems.append(_("the day of opening is to come"))
        except ValueError:
            problems.append(_("“%s” is not a date", self.opened))
        tariffs = self.env["utility.tariff"].search(
            [
                ("name", "=", (self.tariff or "").strip()),
                ("company_id", "=", self.company_id.id),
                ("utility", "=", meter.utility or False),
            ]
        )
        self.tariff_id = tariffs if len(tariffs) == 1 else False
        if meter and not self.tariff_id:
            problems.append(
                _("there is no tariff “%s” for the meter's utility, or several", self.tariff or "")
            )
        elif meter:
            try:
                self.tariff_id._price_at(self.document_id.date)
            except UserError as error:
                problems.append(str(error))
        return problems

    def _find_room(self, meter):
        self.room_id = meter.room_id
        wanted = (self.room or "").strip()
        if not wanted or not meter:
            return []
        rooms = self.env["utility.room"].search(
            [
                "|",
                "|",
                ("code", "=", wanted),
                ("name", "=", wanted),
                ("display_name", "=", wanted),
                ("company_id", "=", self.company_id.id),
            ]
        )
        if meter.room_id and meter.room_id in rooms:
            return []
        if meter.room_id:
            return [
                self.env._(
                    "the meter is in room %(ours)s, not in “%(theirs)s”",
                    ours=meter.room_id.display_name,
                    theirs=wanted,
                )
            ]
        if len(rooms) != 1:
            return [self.env._("there is no room “%s”, or several", wanted)]
        self.room_id = rooms
        return []

    def _read_figures(self):
        """Numbers of a row.

        :return: words for what is wrong, or an empty text
        """
        self.ensure_one()
        _ = self.env._
        problems, values = [], {}
        for name in ("balance", "number", "total", "carried", "debt"):
            # of a column that the list does not have
            written = self[f"{name}_text"] or ""
            value = spreadsheet.number(written)
            if value is None:
                problems.append(_("“%s” is not a number", written))
                value = dec(0)
            elif name in ("carried", "debt") and (value < 0 or not is_multiple(value, dec("0.01"))):
                problems.append(_("“%s” is not an amount of money", written))
            elif name == "total" and value < 0:
                problems.append(_("“%s” is below zero", written))
            elif name == "number" and (value != int(value) or not 0 <= value <= MAX_NUMBER):
                problems.append(_("“%s” is not a purchase number", written))
                value = dec(0)
            values[name] = value
        for name in ("balance_text", "number_text"):
            if not (self[name] or "").strip():
                problems.append(
                    _("%s is missing", self._fields[name]._description_string(self.env))
                )
        number = self.customer_number
        if number and not re.fullmatch(r"[0-9]{12}", number):
            problems.append(_("“%s” is not a customer number of twelve digits", number))
        elif number and self.env["utility.contract"].search(
            [("customer_number", "=", number), ("id", "!=", self.contract_id.id)], limit=1
        ):
            problems.append(_("another contract has customer number %s", number))
        self.write({**values, "number": int(values["number"])})
        return "; ".join(problems)

    # -------------------------------------------------------------- starting

    def _start(self):
        """Make the contracts of these rows as they run already."""
        contracts = self.env["utility.contract"]
        # meters in one order, as everywhere
        for line in self.sorted(lambda line: line.meter_id.id):
            meter = line.meter_id
            meter._lock_row()
            if line.room_id and not meter.room_id:
                meter.room_id = line.room_id
            line.contract_id = contracts.create(
                {
                    "partner_id": line._partner().id,
                    "meter_id": meter.id,
                    "tariff_id": line.tariff_id.id,
                    "class_id": line.tariff_id.class_id.id,
                    "customer_number": line.customer_number or False,
                    "date_open": line.date_open,
                    "state": "active",
                    "compare_pending": True,
                }
            )
            line.state = "waiting"
            self.env["utility.operation"]._log(
                self.env._("Contract taken over"),
                line.contract_id,
                meter=meter,
                after="active",
                note=line.document_id.name,
            )

    def _partner(self):
        """The customer by name and phone, or a new one."""
        partners = self.env["res.partner"]
        name, phone = self.customer.strip(), (self.phone or "").strip()
        if phone:
            found = partners.search(
                [
                    ("name", "=", name),
                    ("phone", "=", phone),
                    ("company_id", "in", (False, self.company_id.id)),
                ],
                limit=1,
            )
            if found:
                return found
        return partners.create({"name": name, "phone": phone or False})
