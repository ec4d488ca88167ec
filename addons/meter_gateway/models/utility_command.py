from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..worker.database import CHANNEL


class UtilityCommand(models.Model):
    """How a command reaches its meter, and what the wire must remember of it."""

    _inherit = "utility.command"

    frame_left_at = fields.Datetime(
        "Frame left at",
        readonly=True,
        help="When the last frame of this order left, as far as it was seen.",
    )
    refusal = fields.Integer(readonly=True, help="Reason code of the meter's last refusal.")
    refusal_final = fields.Boolean(
        readonly=True, help="The meter's refusal will not change by sending the order again."
    )
    acked = fields.Boolean(
        readonly=True, help="The meter answered the last frame as executed; no proof by itself."
    )
    status_before = fields.Json(
        readonly=True, help="What the meter kept before the first frame left, in steps of 0.01."
    )
    asks = fields.Integer(readonly=True, help="Questions after the frame that settled nothing.")
    denied_at = fields.Datetime(
        readonly=True, help="When the meter first said that it does not have this order."
    )
    frame_ids = fields.One2many("meter.frame", "command_id", "Exchanges")

    def _wake(self):
        """Wake the workers of these meters: at commit, not at all when it is rolled back."""
        for worker in self.sudo().meter_id.concentrator_id.worker_id:
            self.env.cr.execute(SQL("SELECT pg_notify(%s, %s)", CHANNEL, str(worker.id)))
            worker.cron_id._trigger()
        return super()._wake()

    def _may_succeed_later(self):
        return super()._may_succeed_later() and not self.refusal_final

    def _arm(self, number, epoch, frame_hash, generation):
        """queued -> sent, only by the newest run of the worker that owns the meter's line.

        Nothing is armed for a stopped site, a meter that is not on its site's pilot list, or books
        that were restored and not compared yet: what was claimed before then waits.

        The worker's row stays locked until the commit: a run that starts meanwhile waits for it,
        and then sees the sent order.
        """
        self._lock()
        if not self.meter_id._is_connected():
            # An engineer's handheld: no run owns this meter.
            return super()._arm(number, epoch, frame_hash, generation)
        self.env["utility.site"].flush_model(["stopped", "pilot"])
        self.env["utility.meter"].flush_model(["restored_at", "pilot"])
        self.env.cr.execute(
            SQL(
                """
                SELECT w.id
                  FROM utility_command c
                  JOIN utility_meter m ON m.id = c.meter_id
                  JOIN meter_concentrator k ON k.id = m.concentrator_id
                  JOIN meter_worker w ON w.id = k.worker_id
             LEFT JOIN utility_site s ON s.id = m.site_id
                 WHERE c.id = %s AND w.generation = %s
                   AND m.restored_at IS NULL
                   AND s.stopped IS NOT TRUE
                   AND (s.pilot IS NOT TRUE OR m.pilot)
                   FOR SHARE OF w
                """,
                self.id,
                generation,
            )
        )
        if not self.env.cr.fetchone():
            return False
        if not super()._arm(number, epoch, frame_hash, generation):
            return False
        self.sudo().write(
            {
                "frame_left_at": False,
                "acked": False,
                "refusal": 0,
                "refusal_final": False,
                "asks": 0,
                "denied_at": False,
            }
        )
        return True

    def action_release(self):
        """An engineer lets a stopped command go on; the worker looks at the meter again."""
        if not self.env.user.has_group("utility_prepaid.group_engineer"):
            raise AccessError(self.env._("Only an engineer lets a stopped command go on."))
        for command in self:
            command._lock()
            if command.state == "queued" and command.hold_reason:
                self.env["utility.operation"]._log(
                    self.env._("Command goes on"),
                    command,
                    meter=command.meter_id,
                    vend=command.vend_id,
                    note=command.hold_reason,
                )
                command.sudo().write({"hold_reason": False, "not_before": False})
                command._wake()

    def _came_late(self, reason):
        """queued -> unknown for an order that was sent before and queued to be sent again.

        The meter moved before the same frame left a second time: the first one may have arrived
        late, so the order is judged by what the meter shows.
        """
        self._lock()
        if self.state == "queued" and self.numbered:
            return self._update_state(("queued",), "unknown", message=reason, hold_reason=False)
        return False

    def _prove(self, values):
        changed = super()._prove(values)
        if changed:
            self.meter_id.sudo()._restore_compare()
        return changed

    def _restored(self, reason):
        """The books were restored from a backup: what may have happened to this order since?

        It may have been sent, and executed, after the backup was made. So it is judged as if it had
        been sent under the next number: the meter either shows it, or denies it and gets it under
        that very number, or shows something else and a person decides.

        :param reason: words for whoever follows the order
        """
        self._lock()
        meter = self.meter_id
        if self.state == "sent":
            self._set_unknown(reason)
        elif self.state == "queued" and not self.numbered:
            if not meter._is_connected() or not meter.number_known:
                # Nothing was sent over a line, or there is no number to judge by: the meter is
                # compared first, by a person.
                return
            now = fields.Datetime.now()
            self.sudo().write(
                {
                    "number": meter.purchase_number + 1,
                    "epoch": meter.epoch,
                    "numbered": True,
                    "attempts": 1,
                    "sent_at": now,
                    "frame_left_at": now,
                }
            )
        self._came_late(reason)
        self.sudo().write({"not_before": False, "asks": 0, "denied_at": False})

    def _ask_later(self, not_before, words=None):
        """Leave a command alone until a time, saying why.

        :param not_before: naive UTC
        :param words: what its follower should read meanwhile
        """
        values = {"not_before": not_before}
        if words and words != self.message:
            values["message"] = words
        self.sudo().write(values)
        if "message" in values:
            self._changed()
