from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from ..tools.decimals import dec, round_places
from ..tools.reading_store import RAW

# A reading that is no farther from the cut-off than this stands for it.
NEAR = timedelta(hours=36)
# Use of so many days before the last reading tells how fast a silent meter goes on.
RECENT = timedelta(days=60)


class Left(NamedTuple):
    """What a meter held at a moment, in what it counts, on paper; below zero it was owed.

    :param Decimal units: what was left
    :param at: naive UTC, when the meter said what this is made of; none when nobody knows
    :param bool estimated: the meter said nothing near the moment
    """

    units: Decimal
    at: object
    estimated: bool


class UtilityContract(models.Model):
    """What was left on the meters of contracts at a moment, by what the meters said around it."""

    _inherit = "utility.contract"

    def _left_at(self, moment):
        """What was left on each contract's meter at a moment.

        The nearest word of the meter counts: its balance at a freeze or reading, or after an order.
        Without one within 36 hours the use goes on as it was before, and the answer says so.

        :param moment: naive UTC
        :return: {contract id: Left}
        """
        found = {}
        says = self._says_around(moment)
        for contract in self:
            if (
                contract.date_close
                and contract.company_id._utility_midnight(contract.date_close + timedelta(days=1))
                <= moment
            ):
                found[contract.id] = Left(dec(contract.units_at_close), moment, False)
                continue
            before, after = says.get(contract.id, (None, None))
            if after and (not before or after[0] - moment < moment - before[0]):
                found[contract.id] = Left(after[1], after[0], False)
            elif not before:
                found[contract.id] = Left(Decimal(0), None, True)
            elif moment - before[0] <= NEAR:
                found[contract.id] = Left(before[1], before[0], False)
            else:
                units = contract._go_on(before[0], before[1], moment)
                found[contract.id] = Left(units, before[0], True)
        return found

    def _says_around(self, moment):
        """{contract id: ((at, units) before the moment, (at, units) soon after it)}; or none."""
        orders = self._orders_around(moment)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id, before.at, before.balance::text, before.ratio::text,
                       after.at, after.balance::text, after.ratio::text
                  FROM utility_contract c
             LEFT JOIN LATERAL (
                       SELECT r.at, r.balance, COALESCE(r.ct_ratio, 1) AS ratio
                         FROM %(raw)s r
                        WHERE r.meter_id = c.meter_id AND r.at <= %(moment)s
                          AND r.balance IS NOT NULL
                     ORDER BY r.at DESC LIMIT 1) before ON true
             LEFT JOIN LATERAL (
                       SELECT r.at, r.balance, COALESCE(r.ct_ratio, 1) AS ratio
                         FROM %(raw)s r
                        WHERE r.meter_id = c.meter_id AND r.at > %(moment)s
                          AND r.at <= %(soon)s AND r.balance IS NOT NULL
                     ORDER BY r.at LIMIT 1) after ON true
                 WHERE c.id = ANY(%(ids)s)
                """,
                raw=SQL.identifier(RAW),
                moment=moment,
                soon=moment + NEAR,
                ids=self.ids,
            )
        )
        found = {}
        contracts = {contract.id: contract for contract in self}
        for contract_id, *said in rows:
            money = contracts[contract_id].meter_id.credit == "money"
            before, after = (
                (at, dec(balance) * (1 if money else dec(ratio))) if at else None
                for at, balance, ratio in (said[:3], said[3:])
            )
            last, following = orders.get(contract_id, (None, None))
            if last and (not before or before[0] < last[0]):
                before = last
            if after and following and following <= after[0]:
                # Charged between the moment and that reading: it tells nothing of the moment.
                after = None
            found[contract_id] = (before, after)
        return found

    def _orders_around(self, moment):
        """{contract id: ((at, units) after the last order before the moment, time of the next)}."""
        found = {}
        vends = (
            self.env["utility.vend"]
            .sudo()
            .search(
                [
                    ("contract_id", "in", self.ids),
                    ("delivered_at", "!=", False),
                    ("state", "in", ("delivered", "reversed")),
                    ("delivered_at", "<=", moment + NEAR),
                ],
                order="delivered_at, id",
            )
        )
        for vend in vends:
            last, following = found.get(vend.contract_id.id, (None, None))
            if vend.delivered_at <= moment:
                last = (vend.delivered_at, vend._on_paper(vend.balance_after))
            else:
                following = following or vend.delivered_at
            found[vend.contract_id.id] = (last, following)
        return found

    def _go_on(self, at, left, moment):
        """What is left when a meter that said something last at a time goes on as it did before.

        An estimate never makes a debt: whoever used beyond the credit is billed by a reading.
        """
        seconds = Decimal((moment - at).total_seconds()) / 86400
        estimate = round_places(left - self._daily_use(at) * seconds, 2)
        return max(estimate, min(left, Decimal(0)))

    def _daily_use(self, until):
        """Average use a day before a moment, in what the meter counts, on paper (Decimal)."""
        self.ensure_one()
        if self.meter_id.credit != "money":
            day = self.env["utility.reading.day"].sudo()
            used, first, last = day._read_group(
                [
                    ("meter_id", "=", self.meter_id.id),
                    ("start", ">=", until - RECENT),
                    ("start", "<=", until),
                ],
                aggregates=["used:sum", "first_at:min", "last_at:max"],
            )[0]
            if first and last and last - first >= timedelta(days=1):
                return dec(used) / (Decimal((last - first).total_seconds()) / 86400)
        return self._daily_use_by_orders(until)

    def _daily_use_by_orders(self, until):
        """The same by what was bought and what orders found on the meter."""
        lots = self._lots(until + timedelta(seconds=1))
        vends = (
            self.env["utility.vend"]
            .sudo()
            .search(
                [
                    ("contract_id", "=", self.id),
                    ("state", "in", ("delivered", "reversed")),
                    ("delivered_at", "<=", until),
                ],
                order="delivered_at",
            )
        )
        if len(vends) < 2 or not lots:
            return Decimal(0)
        days = (vends[-1].delivered_at - vends[0].delivered_at).total_seconds() / 86400
        before = vends[0]._on_paper(vends[0].balance_before)
        used = (
            before + sum(lot.units for lot in lots) - vends[-1]._on_paper(vends[-1].balance_after)
        )
        return max(used, Decimal(0)) / Decimal(days) if days >= 1 else Decimal(0)
