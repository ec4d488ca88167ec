import logging

from odoo import api, models

from .utility_vend_posting import BUSY, BUSY_RETRIES

_logger = logging.getLogger(__name__)


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _utility_work_off(self, records, work, failed):
        """Work records off in a scheduled action, each in a transaction of its own.

        A killed server goes on with the record it stood at. A record that nobody foresaw holds up
        only itself, and whoever writes on the same rows is waited for.

        :param records: in their order
        :param work: does one record's work; repeats must be harmless
        :param failed: puts a record aside, given the record and the unforeseen error
        """
        self._commit_progress(remaining=len(records))
        for record in records:
            for __ in range(BUSY_RETRIES):
                try:
                    work(record)
                except BUSY:
                    # Only a new transaction sees what the others wrote.
                    self.env.cr.rollback()
                    continue
                except Exception as error:
                    self.env.cr.rollback()
                    _logger.exception("%s could not be worked off", record)
                    failed(record, error)
                break
            if not self._commit_progress(1):
                break
