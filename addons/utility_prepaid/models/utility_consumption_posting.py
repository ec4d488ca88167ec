import logging

from odoo import api, fields, models

from ..tools.decimals import dec
from ..tools.posting import BATCH, BUSY, REFUSED

_logger = logging.getLogger(__name__)


class UtilityConsumption(models.Model):
    """The documents of a consumption run.

    "Tax at sale": one entry, contract liability / revenue. "All on use": an invoice for each
    contract, settled from its advance. What is used beyond the credit has an invoice of its own,
    which the next credit takes back: the meter recovers it in units.
    """

    _inherit = "utility.consumption"

    @api.model
    def _cron_post_consumption(self):
        """Post the runs that accountants released, some contracts in a transaction."""
        cron = self.env["ir.cron"]
        for run in self.search([("state", "=", "posting")], order="month, id"):
            while run.state == "posting":
                left = run._post_some()
                if not cron._commit_progress(BATCH, remaining=left):
                    return
                if left is None:
                    break

    def _post_some(self):
        """Post the next documents of this run.

        :return: how many lines are left, or none when it is held up
        """
        if not self.try_lock_for_update():
            return None
        try:
            with self.env.cr.savepoint():
                return self._post_next()
        except BUSY:
            self.env.cr.rollback()
            return None
        except REFUSED as error:
            _logger.info("Posting of %s waits: %s", self.name, error)
            self._held_up(str(error))
            return None

    def _post_next(self):
        lines = self.env["utility.consumption.line"].search(
            [("consumption_id", "=", self.id), ("booked", "=", False)]
        )
        deferred = lines.filtered(lambda line: line.policy == "tax_at_sale")
        if deferred:
            deferred.write({"booked": True, "move_id": self._post_revenue(deferred).id})
            lines -= deferred
        contracts = lines.contract_id[:BATCH]
        batch = lines.filtered(lambda line: line.contract_id in contracts)
        self._post_use(batch)
        batch.booked = True
        if batch == lines:
            self._finish()
        return len(lines) - len(batch)

    def _finish(self):
        self.write({"state": "posted", "posted_at": fields.Datetime.now(), "posting_error": False})
        self.activity_unlink(["mail.mail_activity_data_todo"])
        self._log("posted")

    def _held_up(self, words):
        first = not self.posting_error
        self.posting_error = words
        if first:
            self._ask_accountant(self.env._("Posting waits"), words)

    def _ask_accountant(self, summary, words):
        """Give an accountant of the company something to do."""
        owner = self.env.ref("utility_prepaid.group_accountant").all_user_ids.filtered(
            lambda user: self.company_id in user.company_ids
        )[:1]
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=words,
            user_id=(owner or self.env.user).id,
        )

    # --------------------------------------------------- tax at sale: revenue

    def _post_revenue(self, lines):
        """One entry: liability of each customer, revenue of each account."""
        company = self.company_id
        name = self._words()
        owed, earned = {}, {}
        for line in lines.filtered("revenue"):
            revenue = dec(line.revenue, 2)
            key = (line.vend_id.deferred_account_id, line.contract_id.partner_id)
            owed[key] = owed.get(key, dec(0, 2)) + revenue
            account = line.vend_id._units_product().with_company(company)._utility_income_account()
            earned[account] = earned.get(account, dec(0, 2)) + revenue
        items = [(account, amount, who, name) for (account, who), amount in owed.items()]
        items += [(account, -amount, None, name) for account, amount in earned.items()]
        if not any(amount for __, amount, __, __ in items):
            return self.env["account.move"]
        document = self.env["utility.ledger"]._entry_document(
            company, self._last_day(), self.name, items
        )
        return self._documents([document])

    # --------------------------------------------------------- all on use

    def _post_use(self, lines):
        """Invoice what contracts used, and settle it from their advances."""
        contracts = lines.grouped("contract_id")
        wanted = [
            (contract, kind, document)
            for contract, own in contracts.items()
            for kind, document in self._use_documents(contract, own)
        ]
        made = {}
        moves = self._documents([document for __, __, document in wanted])
        for (contract, kind, __), move in zip(wanted, moves, strict=True):
            made.setdefault(contract, {})[kind] = move
        none = self.env["account.move"]
        plan = []
        for contract, documents in made.items():
            for line in contracts[contract]:
                line.move_id = documents.get("use" if line.vend_id else "beyond", none)
            plan += self._use_plan(contract, **documents)
        self.env["account.move.line"]._reconcile_plan([items for items in plan if len(items) > 1])

    def _use_documents(self, contract, lines):
        """Documents of one contract: list of (kind, document of `utility.ledger`)."""
        company = self.company_id
        found = []
        lots = lines.filtered("vend_id")
        value = dec(sum(lots.mapped("amount")), 2)
        if value:
            units = dec(sum(lots.filtered("amount").mapped("units")))
            line = {
                "product": lots[0].vend_id._units_product(),
                "name": f"{self._words()}, {contract.meter_id.vending_id}",
                "quantity": abs(units) if contract.meter_id.credit != "money" else dec(1),
                "price": abs(value),
                "amount": abs(value),
            }
            found.append(("use", self._document(contract, line, value)))
        settled = {}
        for line in lots.filtered(lambda line: line.amount and line.vend_id._is_booked()):
            account = line.vend_id.deferred_account_id
            settled[account] = settled.get(account, dec(0, 2)) + dec(line.amount, 2)
        if any(settled.values()):
            name = self._words()
            items = [(account, x, contract.partner_id, name) for account, x in settled.items()]
            total = sum(settled.values())
            items.append((company.utility_account_id, -total, contract.partner_id, name))
            document = self.env["utility.ledger"]._entry_document(
                company, self._last_day(), self.name, items, contract=contract
            )
            found.append(("settlement", document))
        for beyond in lines - lots:
            if beyond.amount:
                value, units = dec(beyond.amount, 2), dec(beyond.units)
                line = {
                    **contract._overdraft_line(abs(units), self._last_day()),
                    "amount": abs(value),
                }
                values, amounts, company = self._document(contract, line, value)
                values["utility_overdraft"] = True
                found.append(("beyond", (values, amounts, company)))
        return found

    def _document(self, contract, line, value):
        """An invoice, or a credit note where more was booked before than was used."""
        return self.env["utility.ledger"]._document(
            "out_invoice" if value > 0 else "out_refund",
            contract,
            [line],
            self._last_day(),
            self.name,
        )

    def _use_plan(self, contract, use=None, settlement=None, beyond=None):
        """What is to be reconciled, as lists of journal items."""
        ledger = self.env["utility.ledger"]
        none = self.env["account.move"]
        plan = [ledger._open((use or none).line_ids | (settlement or none).line_ids)]
        if settlement:
            customers = ledger._customers(settlement.line_ids)
            for advance in settlement.line_ids - customers:
                plan.append(advance | contract._advance_items(advance.account_id))
        if beyond:
            plan.append(ledger._open(beyond.line_ids) | contract._overdraft_items())
        return plan

    def _documents(self, documents):
        """Post documents of this run."""
        for values, __, __ in documents:
            values["utility_consumption_id"] = self.id
        return self.env["utility.ledger"]._documents(documents)

    def _words(self):
        return self.env._("Used in %s", self.month.strftime("%Y-%m"))
