from odoo import api, models


class UtilityTariffPart(models.AbstractModel):
    """What a tariff is made of: every change of it is a line of the operations history."""

    _name = "utility.tariff.part"
    _description = "Part of a Tariff"

    def _tariff(self):
        """The `utility.tariff` that this is a part of."""
        raise NotImplementedError

    def _summary(self):
        """What the history says of this part, a short text."""
        raise NotImplementedError

    @api.model_create_multi
    def create(self, vals_list):
        parts = super().create(vals_list)
        for part in parts:
            part._log_change(None, part._summary())
        return parts

    def write(self, vals):
        before = {part: part._summary() for part in self}
        result = super().write(vals)
        for part, summary in before.items():
            if part._summary() != summary:
                part._log_change(summary, part._summary())
        return result

    def unlink(self):
        for part in self:
            part._log_change(part._summary(), None)
        return super().unlink()

    def _log_change(self, before, after):
        self.env["utility.operation"]._log(
            self.env._("Price changed"), self._tariff(), before=before, after=after
        )
