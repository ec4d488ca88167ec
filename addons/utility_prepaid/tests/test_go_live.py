import base64
import io

from openpyxl import load_workbook

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import UtilityCommon

HEAD = (
    "Meter address,Room,Customer,Phone,Opened on,Tariff,Balance,Purchase number,"
    "Customer number,Totaliser,Carried money,Debt"
)
FIRST = "202611000011,101,Room 101 tenant,13800000001,2024-03-01,Homes,50.00,7,,,0.30,20.00"
SECOND = "202611000012,101,Room 102 tenant,,2025-01-15,Homes,30.00,3,000000777777,1000.00,,"


@freeze_time("2026-05-10 04:00:00")
class GoLiveCommon(UtilityCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls._meter("202611000011"), cls._meter("202611000012")

    def _document(self, rows, role="manager", **values):
        text = "\n".join([HEAD, *rows])
        document = (
            self.env["utility.go.live"]
            .with_user(self.users[role])
            .create({"file": base64.b64encode(text.encode()), "date": "2026-05-10", **values})
        )
        document.action_read_file()
        return document

    def _started(self, rows=(FIRST, SECOND), **values):
        document = self._document(rows, **values)
        document.action_start()
        return document

    def _says(self, meter, number, balance, **values):
        """The meter answers, as the driver of its line stores it."""
        self.env["utility.meter.state"]._store(
            meter.id, fields.Datetime.now(), purchase_number=number, balance=balance, **values
        )
        self.env.invalidate_all()

    def _line(self, document, meter):
        return document.line_ids.filtered(lambda line: line.meter_id == meter)

    def _decide(self, line, role, decision, **values):
        self.env["utility.go.live.decide"].with_user(self.users[role]).create(
            {"line_id": line.id, "decision": decision, "reason": "Seen on site", **values}
        ).action_confirm()
        self.env.invalidate_all()

    def _agreed(self, **values):
        document = self._started(**values)
        self._says(self.first, 7, 50)
        self._says(self.second, 3, 25, total=1005, customer_number="000000777777")
        self.assertEqual(document.line_ids.mapped("state"), ["agrees", "agrees"])
        return document

    def _posted(self, **values):
        document = self._agreed(**values)
        document.with_user(self.users["accountant"]).action_post()
        return document


class GoLiveCases:
    """The opening entries on every chart below."""

    allow_inherited_tests_method = True

    def test_opening_entries(self):
        document = self._posted()
        line = self._line(document, self.first)
        opening = document.opening_account_id
        self.assertEqual(opening.account_type, "equity")
        self.assertEqual(
            self._items(line.move_id),
            sorted(
                [
                    (self.customer_account.name, 20.0),
                    (opening.name, -20.0),
                    (opening.name, 0.3),
                    (self.customer_account.name, -0.3),
                ]
            ),
        )
        self.assertEqual(str(line.move_id.date), "2026-05-10")
        contract = line.contract_id
        self.assertEqual(line.move_id.utility_contract_id, contract)
        self.assertEqual([str(amount) for __, amount in contract._arrears()], ["20.00"])
        self.assertEqual(sum(contract._open_credit_lines().mapped("amount_residual")), -0.3)
        self.assertEqual(contract.remainder, 0.3)
        self.assertFalse(self._line(document, self.second).move_id, "Nothing to take over")
        check = self.env["utility.check"]._run(self.company, self.company._utility_today())
        found = check.finding_ids.filtered(lambda finding: finding.contract_id == contract)
        self.assertEqual(
            [(finding.code, finding.amount) for finding in check.finding_ids],
            [("debt", found.amount)],
            "The daily check knows the debt, and nothing else",
        )
        self.assertEqual(abs(found.amount), 20.0)
        with self.assertRaisesRegex(UserError, "Posted"):
            document.with_user(self.users["accountant"]).action_post()

    def test_credit_on_meters_by_policy(self):
        self.env["utility.policy"].create(
            {
                "company_id": self.company.id,
                "utility": "electricity",
                "policy": "tax_at_sale",
                "date_from": "2026-01-01",
            }
        )
        document = self._posted(unused="policy")
        line = self._line(document, self.second)
        # 25 kWh at 0.5483 are 13.71, tax in it
        tax = self.company.utility_electricity_product_id.taxes_id
        net = round(13.71 / (1 + tax.amount / 100), 2)
        self.assertEqual(
            self._items(line.move_id),
            sorted(
                [
                    (self.company.utility_liability_account_id.name, -net),
                    (document.opening_account_id.name, net),
                ]
            ),
        )
        lots = line.contract_id._lots()
        self.assertEqual(
            [(str(lot.units), str(lot.amount)) for lot in lots], [("25.0000", "13.71")]
        )
        self.assertEqual(line.vend_id.policy, "tax_at_sale")
        self._post()
        self.assertEqual(
            self.env["account.move"].search_count(
                [("utility_contract_id", "=", line.contract_id.id)]
            ),
            1,
            "The scheduled posting does not book it again",
        )


@tagged("post_install", "-at_install")
class TestGoLiveGeneric(GoLiveCases, GoLiveCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()

    def test_rows_are_validated_in_words(self):
        document = self._document(
            [
                FIRST,
                "202611000099,,Room 103 tenant,,2025-01-15,Homes,1,1,,,,",
                "202611000001,,Room 103 tenant,,2025-01-15,Homes,1,1,,,,",
                "202611000012,999,,,2030-01-15,Shops,x,1.5,12a,,0.001,-5",
                "202611000011,,Room 103 tenant,,soon,Homes,1,1,,,,",
            ]
        )
        problems = {line.row: line.problem for line in document.line_ids}
        self.assertIn("several rows", problems[2])
        self.assertIn("no meter “202611000099”", problems[3])
        self.assertIn(f"contract {self.contract.name} is open", problems[4])
        for words in (
            "not in “999”",
            "customer is missing",
            "to come",
            "no tariff “Shops”",
            "“x” is not a number",
            "“1.5” is not a purchase number",
            "“12a” is not a customer number",
            "“0.001” is not an amount",
            "“-5” is not an amount",
        ):
            self.assertIn(words, problems[5])
        self.assertIn("“soon” is not a date", problems[6])
        with self.assertRaisesRegex(UserError, "5 rows are wrong"):
            document.action_start()
        self.assertFalse(document.line_ids.contract_id)
        document.line_ids.filtered(lambda line: line.row in (3, 4, 5, 6)).unlink()
        document.action_check()
        document.action_start()
        self.assertEqual(document.line_ids.contract_id.state, "active")

    def test_a_list_with_the_needed_columns_only(self):
        rows = [
            "Meter address,Customer,Opened on,Tariff,Balance,Purchase number",
            "202611000011,Room 101 tenant,2024-03-01,Homes,50.00,7",
        ]
        document = (
            self.env["utility.go.live"]
            .with_user(self.users["manager"])
            .create({"file": base64.b64encode("\n".join(rows).encode()), "date": "2026-05-10"})
        )
        document.action_read_file()
        self.assertEqual(document.line_ids.problem, False)
        document.line_ids.opened = False
        document.action_check()
        self.assertEqual(document.line_ids.problem, "the day of opening is missing")
        document.line_ids.opened = "2024-03-01"
        document.action_check()
        document.action_start()
        self._says(self.first, 7, 50)
        self.assertEqual(document.line_ids.state, "agrees")

    def test_contracts_run_and_no_meter_is_touched(self):
        document = self._started()
        contracts = document.line_ids.contract_id
        self.assertEqual(contracts.mapped("state"), ["active"] * 2)
        self.assertEqual(
            sorted(map(str, contracts.mapped("date_open"))), ["2024-03-01", "2025-01-15"]
        )
        self.assertEqual(self.second.contract_id.customer_number, "000000777777")
        self.assertEqual(self.first.contract_id.partner_id.phone, "13800000001")
        self.assertFalse(
            self.env["utility.command"].search([("meter_id", "in", (self.first | self.second).ids)])
        )
        with self.assertRaisesRegex(UserError, "old desk"):
            self._sell("20.00", meter=self.first)

    def test_the_meters_are_asked_and_their_answer_is_compared(self):
        document = self._started()
        document.action_ask()
        document.action_ask()
        commands = self.env["utility.command"].search(
            [("meter_id", "in", (self.first | self.second).ids)]
        )
        self.assertEqual(commands.mapped("kind"), ["read", "read"])
        self._says(self.first, 7, 50, customer_number="000000888888")
        self.assertEqual(self._line(document, self.first).state, "agrees")
        self.assertEqual((self.first.purchase_number, self.first.number_known), (7, True))
        self.assertEqual(self.first.contract_id.opening_balance, 0, "It is the customer's")
        self.assertEqual(
            self.first.contract_id.customer_number, "000000888888", "As it stands in the meter"
        )
        vend = self._sell("20.00", meter=self.first)
        self.assertEqual(vend.state, "accepted")
        with self.assertRaisesRegex(UserError, "old desk"):
            self._sell("20.00", meter=self.second)

    def test_a_meter_that_did_not_answer_is_asked_again(self):
        document = self._started()
        line = self._line(document, self.first)
        other = self._line(document, self.second)
        line.with_user(self.users["supervisor"]).action_ask()

        def asked(meter):
            domain = [("meter_id", "=", meter.id), ("kind", "=", "read")]
            return self.env["utility.command"].search(domain, order="id")

        def cron():
            with self.enter_registry_test_mode():
                self.env.ref("utility_prepaid.ir_cron_go_live_ask").method_direct_trigger()
            self.env.invalidate_all()

        # read, but it never told its number
        asked(self.first)._end_without_money("done")
        cron()
        self.assertEqual(len(asked(self.first)), 1, "Give it time")
        with freeze_time("2026-05-10 04:11:00"):
            cron()
            self.assertEqual(len(asked(self.first)), 2)
            self.assertEqual(asked(self.first)[1].state, "queued")
            self._says(self.first, 7, 50)
        self.assertEqual(line.state, "agrees")
        asked(self.first)[1]._end_without_money("done")
        with freeze_time("2026-05-10 05:00:00"):
            cron()
        self.assertEqual(len(asked(self.first)), 2, "It has answered")
        self.assertFalse(asked(other.meter_id), "Nobody has asked it yet")

    def test_a_meter_without_customer_number(self):
        self._started([FIRST])
        self._says(self.first, 7, 50, customer_number="0" * 12)
        contract = self.first.contract_id
        self.assertNotEqual(contract.customer_number, "0" * 12)
        vend = self._sell("20.00", meter=self.first)
        self.assertFalse(vend.command_id.customer_number, "The meter would hold another one")

    def test_an_answer_from_before_the_start_does_not_count(self):
        self._says(self.first, 7, 50)
        with freeze_time("2026-05-10 05:00:00"):
            document = self._started([FIRST])
            document.line_ids.sudo()._compare()
        self.assertEqual(document.line_ids.state, "waiting")

    def test_what_does_not_agree_is_listed_and_accepted_by_a_person(self):
        document = self._started()
        self._says(self.first, 8, 150.5)
        self._says(self.second, 3, 24, total=1005, customer_number="000000777778")
        line = self._line(document, self.first)
        self.assertEqual(document.line_ids.mapped("state"), ["differs", "differs"])
        self.assertIn("Purchase number 7 in the list, 8 on the meter", line.difference)
        self.assertIn("Balance 50.00 expected by the list, 150.50", line.difference)
        words = self._line(document, self.second).difference
        self.assertIn("Customer number 000000777777", words)
        self.assertIn("Balance 25.00 expected by the list, 24.00", words)
        with self.assertRaises(AccessError):
            self._decide(line, "accountant", "accept")
        with self.assertRaisesRegex(UserError, "2 meters"):
            document.with_user(self.users["accountant"]).action_post()
        self._decide(line, "supervisor", "accept")
        self.assertEqual((line.state, line.vend_id.credit), ("accepted", 150.5))
        self.assertEqual(self.first.purchase_number, 8)
        self._sell("20.00", meter=self.first)
        with self.assertRaisesRegex(UserError, "nothing to accept"):
            self._decide(line, "supervisor", "accept")
        self.assertTrue(
            self.env["utility.operation"].search_count(
                [("model", "=", line._name), ("res_id", "=", line.id), ("note", "ilike", "site")]
            )
        )

    def test_a_wrong_figure_of_the_list_is_corrected(self):
        document = self._started([FIRST])
        self._says(self.first, 8, 50)
        line = document.line_ids
        with self.assertRaisesRegex(UserError, "only the figures"):
            line.customer = "Somebody"
        with self.assertRaisesRegex(UserError, "not a purchase number"):
            line.number_text = "-1"
        line.number_text = "8"
        self.assertEqual(line.state, "agrees")
        with self.assertRaisesRegex(UserError, "only the figures"):
            line.debt_text = "0"

    def test_use_since_the_list_without_totaliser(self):
        document = self._started([FIRST], allowed_use=5)
        self._says(self.first, 7, 44.99)
        self.assertEqual(document.line_ids.state, "differs")
        self._says(self.first, 7, 50.01)
        self.assertEqual(document.line_ids.state, "differs", "More than the list is never use")
        self._says(self.first, 7, 45)
        self.assertEqual(document.line_ids.state, "agrees")

    def test_set_aside_typed_and_withdrawn(self):
        document = self._started()
        self._says(self.first, 7, 50)
        late = self._line(document, self.second)
        self._decide(late, "manager", "aside")
        document.with_user(self.users["accountant"]).action_post()
        self.assertEqual(document.state, "posted")
        other = late.document_id
        self.assertEqual((other.state, other.origin_id), ("started", document))
        with self.assertRaisesRegex(UserError, "old desk"):
            self._sell("20.00", meter=self.second)
        self._decide(late, "engineer", "typed", number=3, balance=30, total=1000)
        self.assertEqual(late.state, "agrees")
        third = self._meter("202611000013")
        row = "202611000013,,Room 103 tenant,,2025-01-15,Homes,1,1,,,,"
        more = self._started([row])
        contract = more.line_ids.contract_id
        self._decide(more.line_ids, "manager", "withdraw")
        self.assertFalse(contract.exists())
        self.assertFalse(third.contract_id)

    def test_rights(self):
        for role in ("cashier", "supervisor", "engineer", "reader"):
            with self.assertRaises(AccessError):
                self._document([FIRST], role=role)
        document = self._document([FIRST])
        with self.assertRaisesRegex(UserError, "not changed"):
            document.state = "posted"
        with self.assertRaises(UserError):
            document.line_ids.state = "agrees"
        document.action_start()
        with self.assertRaisesRegex(UserError, "follow what"):
            document.line_ids.contract_id.compare_pending = False
        self._says(self.first, 7, 50)
        with self.assertRaises(AccessError):
            document.action_post()
        document.with_user(self.users["accountant"]).action_post()
        self.assertEqual(document.approved_by, self.users["accountant"])

    def test_empty_spreadsheet_is_one_that_is_read(self):
        document = self._document([FIRST])
        action = document.action_empty_file()
        attachment = self.env["ir.attachment"].browse(
            int(action["url"].split("/")[-1].split("?")[0])
        )
        book = load_workbook(io.BytesIO(base64.b64decode(attachment.datas)))
        book.active.append(
            [202611000012, 101, "Room 102 tenant", None, "2025-01-15", "Homes", 30, 3]
        )
        content = io.BytesIO()
        book.save(content)
        document.file = base64.b64encode(content.getvalue())
        document.action_read_file()
        self.assertEqual(document.line_ids.mapped("state"), ["ready"])
        self.assertEqual(document.line_ids.meter_id, self.second)


@tagged("post_install_l10n", "post_install", "-at_install")
class TestGoLiveChina(GoLiveCases, GoLiveCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
