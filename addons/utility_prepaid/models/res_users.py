import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import NO_ACCESS

PIN_TRIES = 5
PIN_MINUTES = 15


class ResUsers(models.Model):
    """The PIN by which a supervisor approves at somebody else's counter."""

    _inherit = "res.users"

    utility_pin = fields.Char(
        "PIN at the utility counter",
        compute="_compute_utility_pin",
        inverse="_inverse_utility_pin",
        copy=False,
        help="Six to twelve digits, by which you approve at somebody else's counter.",
    )
    utility_pin_hash = fields.Char(copy=False, groups=NO_ACCESS)
    utility_pin_failures = fields.Integer(copy=False, groups=NO_ACCESS)
    utility_pin_locked_until = fields.Datetime(copy=False, groups=NO_ACCESS)

    @property
    def SELF_READABLE_FIELDS(self):
        return [*super().SELF_READABLE_FIELDS, "utility_pin"]

    @property
    def SELF_WRITEABLE_FIELDS(self):
        return [*super().SELF_WRITEABLE_FIELDS, "utility_pin"]

    @api.depends_context("uid")
    def _compute_utility_pin(self):
        # what was set is never shown
        self.utility_pin = ""

    def _inverse_utility_pin(self):
        for user in self:
            pin = user.utility_pin
            if not pin:
                continue
            if user not in self.env["utility.approval"]._approvers(user.company_id):
                raise UserError(self.env._("Only supervisors and managers have a PIN."))
            if not re.fullmatch(r"[0-9]{6,12}", pin):
                raise UserError(self.env._("The PIN has six to twelve digits."))
            user.sudo().write(
                {
                    "utility_pin_hash": self._crypt_context().hash(pin),
                    "utility_pin_failures": 0,
                    "utility_pin_locked_until": False,
                }
            )
            self.env["utility.operation"]._log(self.env._("PIN set"), user)

    def _check_utility_pin(self, pin):
        """Whether somebody at the counter knows this user's PIN; wrong ones are counted.

        The count must be committed: whoever calls this answers in words and does not raise.

        :return: words why not, or an empty text
        """
        self.ensure_one()
        user = self.sudo()
        user.lock_for_update()
        now = fields.Datetime.now()
        if user.utility_pin_locked_until and user.utility_pin_locked_until > now:
            return self.env._("Too many wrong PINs: locked for some minutes.")
        known = user.utility_pin_hash
        if known and self._crypt_context().verify(pin or "", known):
            user.utility_pin_failures = 0
            return ""
        failures = user.utility_pin_failures + 1
        locked = failures >= PIN_TRIES
        user.write(
            {
                "utility_pin_failures": 0 if locked else failures,
                "utility_pin_locked_until": locked
                and fields.Datetime.add(now, minutes=PIN_MINUTES),
            }
        )
        self.env["utility.operation"]._log(
            self.env._("Wrong PIN"),
            user,
            after=str(failures),
            note=self.env._("Locked for %s minutes.", PIN_MINUTES) if locked else "",
        )
        return self.env._("The PIN is wrong.")
