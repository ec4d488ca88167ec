from odoo import api, fields, models
from odoo.tools import SQL


class UtilityMeter(models.Model):
    """After a restored backup: whether the books of a meter still are what the meter says.

    ``restored_at`` bars the meter. It goes by itself when the meter tells, later than that, the
    purchase number that the books have; else a person decides.
    """

    _inherit = "utility.meter"

    restored_at = fields.Datetime(
        "Books restored",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The books of this meter come from a backup and were not compared with the meter yet.",
    )
    restore_note = fields.Char("Found out", readonly=True, copy=False)
    restore_state = fields.Selection(
        [
            ("waiting", "Not asked yet"),
            ("ahead", "Ahead of the books"),
            ("behind", "Behind the books"),
            ("unknown", "Books without a number"),
        ],
        "Comparison",
        compute="_compute_restore_state",
    )

    @api.depends(
        "restored_at", "purchase_number", "epoch", "number_known",
        "state_ids.purchase_number", "state_ids.epoch", "state_ids.number_seen_at",
    )  # fmt: skip
    def _compute_restore_state(self):
        for meter in self:
            said = meter.state_ids
            if not meter.restored_at:
                meter.restore_state = False
            elif not said.number_seen_at or said.number_seen_at < meter.restored_at:
                meter.restore_state = "waiting"
            elif not meter.number_known:
                meter.restore_state = "unknown"
            else:
                shown = (said.epoch, said.purchase_number)
                ahead = shown > (meter.epoch, meter.purchase_number)
                meter.restore_state = "ahead" if ahead else "behind"

    def _restore_words(self):
        labels = dict(self._fields["restore_state"]._description_selection(self.env))
        return labels.get(self.restore_state, "")

    def _restore_compare(self):
        """Let those meters go on whose number, told after the restoring, is the books' number."""
        if not self.ids:
            return
        self.flush_recordset(["purchase_number", "epoch", "number_known", "restored_at"])
        self.env["utility.meter.state"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE utility_meter m
                   SET restored_at = NULL, restore_note = NULL
                  FROM utility_meter_state s
                 WHERE s.meter_id = m.id
                   AND m.id = ANY(%s)
                   AND m.number_known
                   AND s.number_seen_at >= m.restored_at
                   AND (s.purchase_number, s.epoch) = (m.purchase_number, m.epoch)
                """,
                self.ids,
            )
        )
        if self.env.cr.rowcount:
            self.invalidate_recordset(["restored_at", "restore_note", "restore_state"])

    def _restore_release(self, note):
        """A person says that the books of these meters are right again.

        :param note: what the person found out
        """
        for meter in self.filtered("restored_at"):
            self.env["utility.operation"]._log(
                self.env._("Compared after a restored backup"),
                meter,
                meter=meter,
                before=meter._restore_words(),
                after=meter._books_words(),
                note=note,
            )
        self.sudo().write({"restored_at": False, "restore_note": False})
        self.concentrator_id.sudo().worker_id.action_run()

    def _accept_number(self):
        result = super()._accept_number()
        # What the engineer accepted is what the meter said: compared, when it was said since.
        self.sudo()._restore_compare()
        return result

    def _ask_number(self):
        connected = self.filtered(lambda meter: meter._is_connected())
        if connected:
            self.env.ref("meter_gateway.command_type_purchase_number")._enqueue(connected)
        return super(UtilityMeter, self - connected)._ask_number()

    def action_restore_ask(self):
        """Ask these meters once more for their purchase number."""
        self.env.ref("meter_gateway.command_type_purchase_number")._enqueue(self)
        return True

    def action_restore_decide(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Decide"),
            "res_model": "meter.restore.decision",
            "view_mode": "form",
            "target": "new",
            "context": {"default_meter_ids": self.ids},
        }
