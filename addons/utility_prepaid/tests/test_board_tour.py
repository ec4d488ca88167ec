from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import UtilityCommon
from .common_browser import PATIENCE, BrowserCase


@tagged("post_install", "-at_install", "utility_tour")
class TestBoardTour(UtilityCommon, BrowserCase):
    """The building board in a browser, by keys, with a cashier's rights."""

    def test_board(self):
        self.env["utility.room"].create(
            {"name": "102", "code": "102", "floor_id": self.room.floor_id.id}
        )
        self.env["utility.meter.state"]._store(self.meter.id, fields.Datetime.now(), balance="20")
        today = self.company._utility_today()
        self.env.cr.execute(
            "INSERT INTO utility_reading_day (start, date, meter_id, company_id, used)"
            " VALUES (%s, %s, %s, %s, 10)",
            (today, today - timedelta(days=1), self.meter.id, self.company.id),
        )
        self.start_tour(
            "/odoo/utility-board", "utility_board", login="desk_cashier", timeout=PATIENCE
        )
