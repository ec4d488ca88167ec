from datetime import timedelta

from odoo import models

# A meter that missed so many readings in a row is stale, but not before the hour.
MISSED = 3
STALE_AT_LEAST = timedelta(hours=1)


class UtilityMeter(models.Model):
    _inherit = "utility.meter"

    def _board_alarms(self, state, now):
        """What is wrong with the meter at a glance; other addons add theirs.

        :param state: its `utility.meter.state`, or nothing when it was never heard
        :param datetime now: naive UTC
        :return: list of words
        """
        self.ensure_one()
        _ = self.env._
        if not state:
            return [_("Never read")]
        minutes = self._reading_minutes()
        stale = max(timedelta(minutes=MISSED * minutes), STALE_AT_LEAST)
        found = [
            (state.supply == "off", _("Supply is off")),
            (state.control == "remote", _("Left under remote control")),
            (state.battery_low, _("Battery low")),
            (self.prepaid and self.number_differs, _("Purchase number differs")),
            (minutes and now - state.seen_at > stale, _("Not read lately")),
        ]
        return [words for is_so, words in found if is_so]
