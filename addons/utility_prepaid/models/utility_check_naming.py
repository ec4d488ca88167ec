from odoo import models
from odoo.tools import SQL

from ..tools.check import ZERO, Finding, gaps
from ..tools.decimals import dec

# States of an order that is proved not carried out.
NOT_CHARGED = ("failed", "cancelled", "expired")


class UtilityCheckPosition(models.AbstractModel):
    """The differences between money, proofs and ledger, each with its name."""

    _inherit = "utility.check.position"

    def _vend_findings(self):
        """Sales whose money, proof and documents do not go together."""
        query = SQL(
            """
            SELECT v.id, v.kind, v.state, v.site_id, v.utility, v.journal_id, v.contract_id,
                   v.meter_id, v.partner_id, v.accepted_at, v.delivered_at, v.proved,
                   c.state AS command_state, (v.money + v.drawn - v.due)::text AS sum_payment,
                   (v.due - v.settled)::text AS sum_state, v.posted::text AS sum_posted,
                   (v.billable - v.posted)::text AS sum_ledger
              FROM check_vend v
         LEFT JOIN utility_command c ON c.id = v.command_id
             WHERE v.money + v.drawn <> v.due OR v.due <> v.settled OR v.billable <> v.posted
             ORDER BY v.id
            """
        )
        for row in self._rows(query):
            place = (row["site_id"], row["utility"], row["journal_id"])
            values = {
                "vend_id": row["id"],
                **{name: row[name] for name in ("contract_id", "meter_id", "partner_id")},
            }
            if payment := row["sum_payment"]:
                yield Finding(
                    "payment_differs", f"payment:{row['id']}", payment, payment, payment, place,
                    row["accepted_at"], values,
                )  # fmt: skip
            if amount := row["sum_state"]:
                yield Finding(
                    self._money_class(row), f"sale:{row['id']}", amount, amount, amount, place,
                    row["delivered_at" if row["proved"] else "accepted_at"], values,
                )  # fmt: skip
            if amount := row["sum_ledger"]:
                yield Finding(
                    self._ledger_class(row), f"posting:{row['id']}", amount, ZERO, amount, place,
                    row["delivered_at"] or row["accepted_at"], values,
                )  # fmt: skip

    def _money_class(self, row):
        """Why the money of a sale is not what its meter's proof stands for."""
        if row["kind"] == "reversal":
            return "not_paid_out" if row["proved"] else "paid_out"
        if "disputed" in (row["state"], row["command_state"]):
            return "disputed"
        if row["state"] == "accepted" and row["command_state"] in NOT_CHARGED:
            return "not_charged"
        return "not_proved"

    def _ledger_class(self, row):
        if not row["proved"]:
            return "no_proof"
        return "wrong_amount" if row["sum_posted"] else "not_posted"

    def _contract_findings(self, company, places, date):
        """What customers owe, or are owed, beside their sales."""
        query = SQL(
            """
            SELECT c.id, c.meter_id, c.partner_id, c.utility, i.since,
                   COALESCE(r.site_id, m.site_id) AS site_id,
                   c.state = 'closed' AND c.date_close <= %s AS closed,
                   i.money::text AS sum_money, i.documents::text AS sum_documents,
                   v.given::text AS sum_given, v.arrears::text AS sum_arrears,
                   v.carried::text AS sum_carried, v.drawn::text AS sum_drawn,
                   b.unspent::text AS sum_unspent
              FROM utility_contract c
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN utility_meter m ON m.id = c.meter_id
         LEFT JOIN (SELECT contract_id, min(since) AS since,
                           sum(money_in - money_out) AS money, sum(booked) AS documents
                      FROM check_paid WHERE NOT of_sale AND contract_id IS NOT NULL
                     GROUP BY contract_id) i ON i.contract_id = c.id
         LEFT JOIN (SELECT contract_id, sum(given) AS given, sum(arrears) AS arrears,
                           sum(carried) AS carried, sum(drawn) AS drawn
                      FROM check_sold GROUP BY contract_id) v ON v.contract_id = c.id
         LEFT JOIN (SELECT contract_id, sum(unspent) AS unspent
                      FROM (SELECT contract_id, unspent FROM utility_payment_return
                             WHERE state = 'posted' AND date <= %s
                             UNION ALL
                            SELECT l.contract_id, -l.carried FROM utility_go_live_line l
                              JOIN account_move m ON m.id = l.move_id
                             WHERE m.date <= %s
                             UNION ALL
                            -- what a replacement left too little of for the new meter
                            SELECT s.contract_id, -s.rest_amount FROM utility_settlement s
                         LEFT JOIN account_payment p ON p.id = s.payment_id
                             WHERE s.rest_amount > 0 AND s.settled_at < %s
                               AND (p.id IS NULL OR p.date > %s)) beside_sales
                     GROUP BY contract_id) b ON b.contract_id = c.id
             WHERE i.contract_id IS NOT NULL OR v.contract_id IS NOT NULL
             ORDER BY c.id
            """,
            date,
            date,
            date,
            self._day_end(company, date),
            date,
        )
        for row in self._rows(query):
            beside = row["sum_documents"] + row["sum_given"] - row["sum_arrears"]
            debt = beside + row["sum_drawn"] - row["sum_money"]
            # What was carried ends with the contract, or with the payment that it was left of; some
            # was carried over from an old desk, or from an old meter.
            released = row["sum_carried" if row["closed"] else "sum_unspent"]
            place = (row["site_id"], row["utility"], None)
            places[place]["documents"] += beside
            places[place]["carried"] -= released
            places[place]["carried_credit"] -= released
            if amount := released - debt:
                yield Finding(
                    "debt" if amount < 0 else "credit", f"contract:{row['id']}", amount, amount,
                    amount, place, row["since"],
                    {
                        "contract_id": row["id"],
                        "meter_id": row["meter_id"],
                        "partner_id": row["partner_id"],
                    },
                )  # fmt: skip

    def _alone_findings(self):
        """Items of the customers' account that belong to no sale and no contract."""
        query = SQL(
            """
            SELECT journal_id, partner_id, min(since) AS since,
                   sum(money_in - money_out - booked)::text AS sum_credit
              FROM check_paid WHERE NOT of_sale AND contract_id IS NULL
             GROUP BY 1, 2 HAVING sum(money_in - money_out - booked) <> 0 ORDER BY 1, 2
            """
        )
        for row in self._rows(query):
            journal, partner, amount = row["journal_id"], row["partner_id"], row["sum_credit"]
            yield Finding(
                "payment_alone" if journal else "entry_alone",
                f"alone:{journal or 0}:{partner or 0}",
                amount,
                amount if journal else ZERO,
                amount,
                (None, None, journal),
                row["since"],
                {"partner_id": partner, "journal_id": journal},
            )

    def _unexplained(self, company, date, places, findings):
        """What has no name, and what the figures lack of the account itself, read once more."""
        money, ledger = gaps(places, findings)
        items = self.env["account.move.line"].sudo()
        domain = [
            ("account_id", "=", company.utility_account_id.id),
            ("company_id", "=", company.id),
            ("parent_state", "=", "posted"),
            ("date", "<=", date),
        ]
        ((balance,),) = items._read_group(domain, aggregates=["balance:sum"])
        listed = sum((place["open_credit"] for place in places.values()), ZERO)
        nowhere = -dec(balance, 2) - listed
        ledger[None, None] = ledger.get((None, None), ZERO) + nowhere
        for place, amount in money.items():
            yield Finding(
                "unexplained",
                "unexplained:money:{}:{}:{}".format(*place),
                amount,
                amount,
                ZERO,
                place,
            )
        for site, amount in ledger.items():
            if amount:
                key = "unexplained:ledger:{}:{}".format(*site)
                yield Finding("unexplained", key, amount, ZERO, amount, (*site, None))
