import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..lib.meterwire.errors import KeyMissing
from ..lib.meterwire.recharge import KeyRing
from ..worker import instance
from ..worker.database import RunDatabase
from ..worker.run import WorkerRun

_logger = logging.getLogger(__name__)

GENERATIONS = "meter_worker_generation_seq"
RUN_SECONDS = 35
IDLE_SECONDS = 10
STALE_WITH_WORK = timedelta(seconds=90)
STALE = timedelta(minutes=3)


class MeterWorker(models.Model):
    """One scheduled action and the concentrators whose lines it owns."""

    _name = "meter.worker"
    _description = "Line Worker"
    _order = "id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    cron_id = fields.Many2one("ir.cron", "Scheduled action", readonly=True, ondelete="restrict")
    concentrator_ids = fields.One2many("meter.concentrator", "worker_id", "Concentrators")
    generation = fields.Integer(
        readonly=True,
        copy=False,
        default=0,
        help="Grows with each run of any worker; only the newest run of each may send money.",
    )
    last_seen = fields.Datetime("Last seen", readonly=True, copy=False)
    state_message = fields.Text("State", readonly=True, copy=False)

    def init(self):
        result = super().init()
        self.env.cr.execute(
            SQL(
                "CREATE SEQUENCE IF NOT EXISTS %s OWNED BY meter_worker.generation",
                SQL.identifier(GENERATIONS),
            )
        )
        self.env.cr.execute(
            SQL(
                "SELECT setval(%s, GREATEST(nextval(%s), max(generation))) FROM meter_worker",
                GENERATIONS,
                GENERATIONS,
            )
        )
        return result

    @api.model_create_multi
    def create(self, vals_list):
        workers = super().create(vals_list)
        for worker in workers.filtered(lambda worker: not worker.cron_id):
            worker.cron_id = worker._make_cron()
        return workers

    def _make_cron(self):
        return (
            self.env["ir.cron"]
            .sudo()
            .create(
                {
                    "name": self.env._("Meter gateway: %s", self.name),
                    "model_id": self.env["ir.model"]._get_id(self._name),
                    "state": "code",
                    "code": f"model._cron_run({self.id})",
                    "user_id": self.env.ref("base.user_root").id,
                    "interval_number": 1,
                    "interval_type": "minutes",
                    "priority": 1,
                    "active": True,
                }
            )
        )

    def unlink(self):
        crons = self.cron_id.sudo()
        result = super().unlink()
        crons.unlink()
        return result

    # ---------------------------------------------------------------- actions

    def action_run(self):
        """Wake the scheduled action."""
        for worker in self:
            worker.cron_id.sudo()._trigger()

    def action_bind_instance(self):
        """An administrator says that this database is the original: its lines may be opened."""
        self._check_administrator()
        instance.mark_copy(self.env)
        if words := instance.bind(self.env):
            raise UserError(words)
        self._say_instance("", self.env._("Declared the original"))
        self._all().action_run()

    def action_mark_copy(self):
        """An administrator says that this database is a copy: it opens no line."""
        self._check_administrator()
        instance.mark_copy(self.env)
        self._say_instance(instance.bound(self.env), self.env._("Declared a copy"))

    def _all(self):
        return self.search([("cron_id", "!=", False)])

    def _check_administrator(self):
        if not self.env.user.has_group("utility_prepaid.group_administrator"):
            raise AccessError(self.env._("Only an administrator says what this database is."))

    def _say_instance(self, words, action):
        self._all().sudo().state_message = words
        for worker in self:
            self.env["utility.operation"]._log(action, worker, after=self.env.cr.dbname)

    # -------------------------------------------------------------------- run

    @api.model
    def _cron_run(self, worker_id):
        """Entry of the scheduled action."""
        worker = self.browse(worker_id).exists()
        if not worker.active:
            return
        if worker.concentrator_ids:
            worker._run()
        else:
            worker.last_seen = fields.Datetime.now()

    def _run(self, database=None, seconds=RUN_SECONDS, idle=IDLE_SECONDS):
        """Work for a while: claim, ask, send, prove.

        :param database: `RunDatabase` of the run's own cursor, unless a test brings another
        :param seconds: no new work is taken after this time
        :param idle: without work the run ends after so long
        :return: False when another run owns the lines, or none may be opened
        """
        self.ensure_one()
        database = database or RunDatabase(self.env)
        if not database.lock(self.id):
            _logger.info("Worker %s: another run owns the lines", self.id)
            return False
        try:
            if not self._may_run(database):
                return False
            WorkerRun(self, database).run(seconds, idle)
        finally:
            database.unlock(self.id)
        return True

    def _may_run(self, database):
        words = instance.bound(self.env)
        said = words
        if not words and (off := database.not_durable()):
            # No reason to stop: the meters' own numbers still refuse a second charge. But a power
            # cut could lose a sale whose money was taken, so everybody sees it.
            said = self.env._(
                "PostgreSQL may forget what it saved when the power fails (%s is off). Tell the "
                "administrator.",
                ", ".join(off),
            )
        if said != (self.state_message or ""):
            self.state_message = said
        advice = "\n".join(self._size_words())
        if advice != (self.size_message or ""):
            self.size_message = advice
            _logger.info("Worker %s: %s", self.id, advice or "the server is set up well")
        if words:
            _logger.info("Worker %s: %s", self.id, words)
            self.last_seen = fields.Datetime.now()
        database.commit()
        return not words

    def _take_generation(self, seen=True):
        """A number above all that any run of any worker had before; whoever has an older one may
        not send money. Of any worker, since boxes change hands.

        :param seen: a run begins; False: runs end
        """
        self.env.cr.execute(
            SQL(
                "UPDATE meter_worker SET generation = nextval(%s), last_seen = %s"
                " WHERE id = %s RETURNING generation",
                GENERATIONS,
                fields.Datetime.now() if seen else SQL("last_seen"),
                self.id,
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _keyring(self):
        """The recharge keys of this process, and words when there are none that can be used."""
        try:
            return KeyRing.from_env(), ""
        except KeyMissing as error:
            return KeyRing(), error.words

    # ----------------------------------------------------------------- health

    @api.model
    def _status(self):
        """What the counter shows of the workers.

        :return: {"ok": bool, "message": text}
        """
        now = fields.Datetime.now()
        for worker in self.sudo().search([("concentrator_ids", "!=", False)]):
            if worker.state_message:
                return {"ok": False, "message": worker.state_message}
            silent = now - (worker.last_seen or worker.create_date)
            if silent > STALE or (silent > STALE_WITH_WORK and worker._has_work()):
                return {
                    "ok": False,
                    "message": self.env._(
                        "The meter lines have been at rest for %s minutes: sales are saved and "
                        "charged later. Tell the administrator.",
                        int(silent.total_seconds() // 60),
                    ),
                }
        return {"ok": True, "message": ""}

    def _has_work(self):
        return bool(
            self.env["utility.command"]
            .sudo()
            .search_count(
                [
                    ("meter_id.concentrator_id.worker_id", "in", self.ids),
                    ("state", "in", ("queued", "sent", "unknown")),
                    ("hold_reason", "=", False),
                ],
                limit=1,
            )
        )
