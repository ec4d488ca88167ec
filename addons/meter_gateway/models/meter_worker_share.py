import logging
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.shares import moves
from ..worker.database import CHANNEL

_logger = logging.getLogger(__name__)

# A worker that was not seen for so long while others were, is missed; and after so long again its
# boxes go to those others. A server that was just started needs a minute to run all of them.
SILENT = timedelta(minutes=3)
MISSED = timedelta(minutes=3)


class MeterWorker(models.Model):
    """Several workers: who drives which box, and who steps in for one that died.

    A box may change hands at any time without an order being executed twice: its old worker's
    generation ends in the same transaction, so that nothing more is armed there; and what was sent
    is asked about by the new one, under the number that the meter knows. Still, by hand only boxes
    without an order on the wire are moved: two programs on one half-duplex line disturb each other.
    """

    _inherit = "meter.worker"

    line_count = fields.Integer("Lines", compute="_compute_line_count")
    missed_at = fields.Datetime(
        "Missed since",
        readonly=True,
        copy=False,
        help="Since when this worker is silent while others work. Its boxes are handed to them.",
    )

    @api.depends("concentrator_ids.line_count")
    def _compute_line_count(self):
        for worker in self:
            worker.line_count = sum(worker.concentrator_ids.mapped("line_count"))

    @api.model
    def _idlest(self):
        """The worker that a new box goes to."""
        return self.search([("cron_id", "!=", False)]).sorted("line_count")[:1]

    # ---------------------------------------------------------------- actions

    def action_add(self):
        """One worker more, and its share of the boxes."""
        self._check_sharer()
        number = self.with_context(active_test=False).search_count([("id", "!=", 0)]) + 1
        self.create({"name": self.env._("Lines %s", number)})
        return self.action_share()

    def action_share(self):
        """Share the boxes out evenly, by number of lines; says what it did."""
        self._check_sharer()
        workers = self.search([("cron_id", "!=", False)])
        if not workers:
            raise UserError(self.env._("There is no worker."))
        boxes = self.env["meter.concentrator"].sudo().search([("worker_id", "!=", False)])
        busy = boxes._with_money_on_the_wire()
        plan = {box.id: (box.worker_id.id, box.line_count, box not in busy) for box in boxes}
        moved = boxes.browse()
        for box_id, worker_id in moves(workers.ids, plan).items():
            moved |= boxes.browse(box_id)
            plan[box_id] = worker_id
        self._hand_over({box: self.browse(plan[box.id]) for box in moved})
        words = [
            self.env._("Moved: %s.", ", ".join(moved.mapped("name")))
            if moved
            else self.env._("Nothing had to be moved.")
        ]
        if busy:
            words.append(
                self.env._(
                    "Left where they are, since an order is on the wire: %s.",
                    ", ".join(busy.mapped("name")),
                )
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": " ".join(words),
                "type": "success",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _check_sharer(self):
        if not self.env.user.has_group("utility_prepaid.group_administrator"):
            raise AccessError(self.env._("Only an administrator shares the lines out."))

    # --------------------------------------------------------------- handover

    def _hand_over(self, boxes):
        """Give boxes to other workers, and end the runs that drive them now.

        :param boxes: {box: its new worker}
        """
        if not boxes:
            return
        losers = self.browse({box.worker_id.id for box in boxes})
        # First of all: an order that is being armed holds the row, and none is armed afterwards.
        losers._end_generation()
        for box, worker in boxes.items():
            self.env["utility.operation"].sudo()._log(
                self.env._("Lines handed over"),
                box.sudo(),
                before=box.sudo().worker_id.name,
                after=worker.sudo().name,
            )
            box.sudo().worker_id = worker
        # The programs that look at it next do so by SQL.
        self.env["meter.concentrator"].flush_model(["worker_id"])
        for worker in losers | self.browse({worker.id for worker in boxes.values()}):
            self.env.cr.execute(SQL("SELECT pg_notify(%s, %s)", CHANNEL, str(worker.id)))
            worker.sudo().cron_id._trigger()

    def _end_generation(self):
        """Whatever runs for these workers may send no more money and ends soon."""
        for worker in self.sorted("id"):
            worker._take_generation(seen=False)
        self.invalidate_recordset(["generation"])

    # --------------------------------------------------------------- watchdog

    @api.model
    def _cron_watch(self):
        """Entry of the watchdog: hand over what a worker has that died while others live."""
        try:
            with self.env.cr.savepoint():
                self._watch()
        except SerializationFailure:
            # Somebody wrote a worker meanwhile: it lives. The next minute looks again.
            _logger.info("Watchdog: a worker changed meanwhile")

    def _watch(self):
        now = fields.Datetime.now()
        workers = self.search([("cron_id", "!=", False)])
        silent = workers.filtered(
            lambda worker: now - (worker.last_seen or worker.create_date) > SILENT
        )
        living = workers - silent
        (living.filtered("missed_at")).missed_at = False
        missed = silent.filtered(lambda worker: living and worker.concentrator_ids)
        (silent - missed).filtered("missed_at").missed_at = False
        missed.filtered(lambda worker: not worker.missed_at).missed_at = now
        for worker in missed.filtered(lambda worker: now - worker.missed_at >= MISSED):
            worker._take_over(living)

    def _take_over(self, living):
        """Give all boxes of a dead worker to the living ones, orders on the wire included: only
        who owns a line may ask what became of them."""
        plan = {
            box.id: (box.worker_id.id, box.line_count, box.worker_id == self)
            for box in (living | self).concentrator_ids
        }
        boxes = self.env["meter.concentrator"].browse
        shares = moves(living.ids, plan)
        _logger.info(
            "Worker %s is silent since %s: its boxes %s go to others",
            self.id, self.last_seen, sorted(shares),
        )  # fmt: skip
        self._hand_over({boxes(box): self.browse(worker) for box, worker in shares.items()})
        self.missed_at = False
