from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.check import FLOWS, STOCKS, ZERO

NO_END = fields.Datetime.to_datetime("9999-01-01")


class UtilityCheckPosition(models.AbstractModel):
    """Money in, credit proved and ledger of a company, all up to the end of a day.

    Two sums hold, whatever happened. For every place (site, utility, method):

    money in - money out + by another method
    = credit sold - taken back + fees + carried + other documents + differences in money;

    and for every site and utility:

    open credit on the customers' account = carried credit + differences in the ledger.

    What is known of single sales is compared sale by sale, the rest (settlements, opening entries,
    debts, who pays them, and credit that meters got without money) contract by contract, and what
    belongs to neither is not the desk's.
    """

    _name = "utility.check.position"
    _description = "Position of the Desk"

    @api.model
    def _at(self, company, date):
        """Where the company stands at the end of a local day, today's as far as it went.

        :param company: `res.company` with a customers' account
        :param date: local date
        :return: ({place: {figure: Decimal}}, list of Finding)
        """
        end = self._day_end(company, date)
        base = self.env["utility.check.base"]
        self._gather(company, date, end, base._parts_sql(company, date, end))
        self._make_table("check_paid", SQL("%s UNION ALL %s", self._paid_sql(), base._paid_sql()))
        self._make_table("check_sold", SQL("%s UNION ALL %s", self._sold_sql(), base._sold_sql()))
        places = defaultdict(lambda: dict.fromkeys((*FLOWS, *STOCKS), ZERO))
        self._add_items(places)
        self._add_drawn(places)
        self._add_vends(places)
        findings = [
            *self._vend_findings(),
            *self._contract_findings(company, places, date),
            *self._alone_findings(),
        ]
        findings += self._unexplained(company, date, places, findings)
        return dict(places), findings

    @api.model
    def _day_end(self, company, date):
        """First moment (naive UTC) that is no longer of a local day; none for the day under way."""
        if date >= company._utility_today():
            return NO_END
        zone = pytz.timezone(company.utility_tz or "UTC")
        return self.env["utility.reading"]._midnight(zone, date + timedelta(days=1))

    def _rows(self, query):
        """Rows as dictionaries. Numbers are asked for as texts: Odoo's cursor makes floats."""
        rows = self.env.execute_query_dict(query)
        for row in rows:
            for name in row:
                if name.startswith("sum_"):
                    row[name] = Decimal(row[name] or 0)
        return rows

    # ----------------------------------------------------------------- figures

    def _add_items(self, places):
        """Money by the method it came and went by, what was posted, and what stands open."""
        query = SQL(
            """
            SELECT COALESCE(i.site_id, r.site_id, m.site_id) AS site_id,
                   COALESCE(i.utility, c.utility) AS utility, i.journal_id,
                   -- a sale's money stands under its own method, a contract's under none
                   CASE WHEN i.of_sale THEN i.own_id
                        WHEN i.contract_id IS NULL THEN i.journal_id END AS own_id,
                   sum(i.money_in)::text AS sum_in, sum(i.money_out)::text AS sum_out,
                   (sum(i.booked) FILTER (WHERE i.of_sale))::text AS sum_posted,
                   sum(i.money_in - i.money_out - i.booked)::text AS sum_open
              FROM check_paid i
         LEFT JOIN utility_contract c ON c.id = i.contract_id
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN utility_meter m ON m.id = c.meter_id
             GROUP BY 1, 2, 3, 4
            """
        )
        for row in self._rows(query):
            site, utility = row["site_id"], row["utility"]
            net = row["sum_in"] - row["sum_out"]
            actual = places[site, utility, row["journal_id"]]
            actual["money_in"] += row["sum_in"]
            actual["money_out"] += row["sum_out"]
            actual["other_method"] -= net
            own = places[site, utility, row["own_id"]]
            own["other_method"] += net
            own["posted"] += row["sum_posted"]
            places[site, utility, None]["open_credit"] += row["sum_open"]

    def _add_drawn(self, places):
        """Sales that drew on money which stood to their contract's credit."""
        query = SQL(
            """
            SELECT v.site_id, v.utility, v.journal_id, COALESCE(r.site_id, m.site_id) AS own_site,
                   c.utility AS own_utility, sum(v.drawn)::text AS sum_drawn
              FROM check_sold v
              JOIN utility_contract c ON c.id = v.contract_id
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN utility_meter m ON m.id = c.meter_id
             WHERE v.drawn <> 0 GROUP BY 1, 2, 3, 4, 5
            """
        )
        for row in self._rows(query):
            place = places[row["site_id"], row["utility"], row["journal_id"]]
            place["other_method"] += row["sum_drawn"]
            contract = places[row["own_site"], row["own_utility"], None]
            contract["other_method"] -= row["sum_drawn"]

    def _add_vends(self, places):
        """What meters proved, in money, by the method that the sale was paid with."""
        query = SQL(
            """
            SELECT site_id, utility, journal_id, sum(sold)::text AS sum_sold,
                   sum(back)::text AS sum_back, sum(fees)::text AS sum_fees,
                   sum(carried)::text AS sum_carried, sum(arrears - lent)::text AS sum_contract
              FROM check_sold GROUP BY 1, 2, 3
            """
        )
        for row in self._rows(query):
            site, utility = row["site_id"], row["utility"]
            place, books = places[site, utility, row["journal_id"]], places[site, utility, None]
            place["credit_sold"] += row["sum_sold"]
            place["credit_back"] += row["sum_back"]
            place["fees"] += row["sum_fees"]
            place["carried"] += row["sum_carried"]
            # Older debts that were paid with it, and credit without money, are the contract's.
            place["documents"] += row["sum_contract"]
            books["carried_credit"] += row["sum_carried"]
