from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_retry_count = fields.Integer(
        "Orders sent again by themselves",
        default=3,
        help="How often a paid sale is sent again after the meter proved that it was not charged.",
    )
    utility_retry_minutes = fields.Integer(
        "First pause in minutes", default=5, help="Each further pause is twice as long."
    )
    utility_retry_hours = fields.Integer(
        "Hours until a person decides",
        default=4,
        help="A paid sale that is not on the meter by then is handed to a supervisor.",
    )

    _utility_retry_positive = models.Constraint(
        "CHECK(utility_retry_count >= 0 AND utility_retry_minutes > 0 AND utility_retry_hours > 0)",
        "Pause and hours must be above zero, the count zero or more.",
    )

    def _utility_person(self, role, but=None):
        """Who answers for something that waits for a person.

        Someone whose role it is comes before someone who has it among others.

        :param role: group of the utility desk, such as "supervisor"
        :param but: user who should not, as long as there is another
        :return: `res.users`; whoever acts at the moment when nobody has the role
        """
        self.ensure_one()
        group = self.env.ref(f"utility_prepaid.group_{role}").sudo()
        people = group.all_user_ids.filtered(
            lambda user: user.active and self in user.company_ids and not user._is_superuser()
        ).sorted(lambda user: (user not in group.user_ids, user.id))
        others = people - but if but else people
        return (others or people)[:1] or self.env.user
