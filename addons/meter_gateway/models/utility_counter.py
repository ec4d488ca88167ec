from odoo import api, models


class UtilityCounter(models.AbstractModel):
    _inherit = "utility.counter"

    @api.model
    def _worker_status(self):
        status = self.env["meter.worker"]._status()
        stopped = self.env["utility.site"].search(
            [("stopped", "=", True), ("company_id", "=", self.env.company.id)], order="code"
        )
        # The lines work all the same: other sites are sold to, and every meter can be read.
        words = [status["message"], *(site._stop_words() for site in stopped)]
        return {**status, "message": "\n".join(filter(None, words))}

    def _acts(self, meter):
        found = super()._acts(meter)
        catalogue = self.env["meter.command.type"].search(
            [("allowed", "=", True), ("kind", "!=", "raw")]
        )
        if catalogue._possible(meter):
            found.append(("remote", self.env._("Remote operations")))
        return found

    def _act_action(self, meter, name):
        if name == "remote":
            return meter.action_remote_operation()
        return super()._act_action(meter, name)
