from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

# Ids are the references by which meters know orders: those given after the backup was made are
# inside meters, and must not be given again.
SPARE_IDS = 1_000_000
BATCH = 1000


class MeterRestore(models.TransientModel):
    """An administrator says that this database was restored from an older backup.

    What happened after the backup is in the meters and not in the books. So everything is stopped,
    every money order that may have left since is asked about, every purchase number is read, and
    each meter stays barred until it says what the books say, or a person has decided.
    """

    _name = "meter.restore"
    _description = "Restored Backup"

    backup_at = fields.Datetime("Backup made at", required=True)
    reason = fields.Char(required=True)
    sure = fields.Boolean("Nothing is sold, switched or set until it was compared")

    def action_confirm(self):
        """Stop, ask, list.

        :raises AccessError: not an administrator
        :raises UserError: not confirmed
        """
        self.ensure_one()
        if not self.env.user.has_group("utility_prepaid.group_administrator"):
            raise AccessError(self.env._("Only an administrator says that a backup was restored."))
        if not self.sure:
            raise UserError(self.env._("Confirm that you know what this stops."))
        words = self.env._(
            "Books restored from a backup of %(time)s UTC: %(reason)s",
            time=fields.Datetime.to_string(self.backup_at),
            reason=self.reason,
        )
        tool = self.sudo()
        sites = tool.env["utility.site"].with_context(active_test=False)
        sites.search([("stopped", "=", False)])._stop(words)
        tool._skip_ids()
        meters = tool._bar_meters()
        tool._settle_commands(words)
        tool._read_numbers(meters)
        self.env["utility.operation"]._log(
            self.env._("Backup restored"), self.env.company, after=str(len(meters)), note=words
        )
        return self.env["ir.actions.act_window"]._for_xml_id(
            "meter_gateway.meter_restore_list_action"
        )

    def _skip_ids(self):
        sequence = SQL("pg_get_serial_sequence('utility_command', 'id')")
        self.env.cr.execute(
            SQL("SELECT setval(%s, nextval(%s) + %s)", sequence, sequence, SPARE_IDS)
        )

    def _bar_meters(self):
        """Bar every prepaid meter, archived ones too, and return those that a line reaches."""
        meters = self.env["utility.meter"].with_context(active_test=False)
        meters = meters.search([("prepaid", "=", True)])
        meters.write({"restored_at": fields.Datetime.now(), "restore_note": False})
        return meters.filtered(lambda meter: meter._is_connected())

    def _settle_commands(self, words):
        commands = self.env["utility.command"].search(
            [("state", "in", ("queued", "sent"))], order="meter_id, id"
        )
        for command in commands:
            if command.money:
                command._restored(words)
            elif command.state == "queued":
                # What somebody wanted done before the backup is stale by now, and may be done.
                command._update_state(("queued",), "expired", message=words)

    def _read_numbers(self, meters):
        """Ask every meter; without a time limit, since many lines may be slow or down."""
        command = self.env.ref("meter_gateway.command_type_purchase_number")
        for at in range(0, len(meters), BATCH):
            command._queue_reads(meters[at : at + BATCH])
