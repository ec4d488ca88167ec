import base64

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.utility_prepaid.models.utility_go_live_compare import ASK_AGAIN_MINUTES

from .common import REPLY, GatewayCommon

HEAD = (
    "Meter address,Customer,Opened on,Tariff,Balance,Purchase number,Customer number,Totaliser,Debt"
)
# What each meter is for in these tests.
CASES = ("good", "used", "number", "balance", "customer", "silent")


@tagged("post_install", "-at_install", "utility")
class TestGoLiveLine(GatewayCommon):
    """The list of an old desk against meters that answer for themselves."""

    @classmethod
    def _start_simulator(cls):
        cls.old = {
            case: cls._meter(f"2026110001{place:02d}", auto_read=False)
            for place, case in enumerate(CASES)
        }
        for meter in cls.old.values():
            cls.meters |= meter
        now = fields.Datetime.now()
        cls.env["utility.meter.state"]._store(cls.old["used"].id, now, total=120.0)
        return super()._start_simulator()

    def setUp(self):
        super().setUp()
        # The old desk: it gave each meter a customer and 50.00, and of that our books know nothing.
        self.numbers = {case: f"{place:012d}" for place, case in enumerate(CASES, 700001)}
        commands = self.env["utility.command"]
        for case, meter in self.old.items():
            books = self.sim.books(meter)
            if books["customer"] != "0" * 12:
                self._queue("clear", meter, 0.0, customer_number=books["customer"])
                self._run()
            commands |= self._queue("open", meter, 50.0, customer_number=self.numbers[case])
        self._run()
        self.assertEqual(set(commands.mapped("state")), {"done"}, commands.mapped("message"))
        for meter in self.old.values():
            meter.sudo().write({"purchase_number": 0, "number_known": False})

    def _row(self, case, **values):
        """A row of the list, as the meter's own books are unless something else is said."""
        meter = self.old[case]
        books = self.sim.books(meter)
        row = {
            "address": meter.address,
            "customer": f"Old tenant {case}",
            "opened": "2024-03-01",
            "tariff": "Homes",
            "balance": books["balance"],
            "number": books["number"],
            "customer_number": self.numbers[case],
            "total": books["total"],
            "debt": "",
            **values,
        }
        return ",".join(map(str, row.values()))

    def _taken_over(self, *rows):
        document = self.env["utility.go.live"].with_user(self.users["manager"])
        file = base64.b64encode("\n".join([HEAD, *rows]).encode())
        document = document.create({"file": file})
        document.action_read_file()
        self.assertEqual(set(document.line_ids.mapped("problem")), {False})
        document.action_start()
        return document

    def _ask(self, document):
        document.action_ask()
        self._run()

    def _line(self, document, case):
        return document.line_ids.filtered(lambda line: line.meter_id == self.old[case])

    def _decide(self, line, role, decision, reason):
        form = self.env["utility.go.live.decide"].with_user(self.users[role])
        form.create({"line_id": line.id, "decision": decision, "reason": reason}).action_confirm()
        self.env.invalidate_all()

    def test_meters_that_differ_are_named_and_the_accepted_ones_open_once(self):
        rows = [
            self._row("good", debt="20.00"),
            # 5.00 were used between the list and the comparison
            self._row("used", balance="55.00", total="115.00"),
            self._row("number", number=3, debt="7.50"),
            self._row("balance", balance="61.00", debt="5.00"),
            self._row("customer", customer_number="000000999999"),
            self._row("silent", debt="9.00"),
        ]
        document = self._taken_over(*rows)
        # The others answer: a while for a busy machine.
        self.box.reply_seconds = 2
        self.sim("fault", address=self.old["silent"].address, kind="dead")
        orders = {case: self._orders(meter) for case, meter in self.old.items()}
        self._ask(document)

        said = {case: self._line(document, case) for case in CASES}
        self.assertEqual(
            {case: (line.state, line.difference) for case, line in said.items()},
            {
                "good": ("agrees", False),
                "used": ("agrees", False),
                "number": ("differs", "Purchase number 3 in the list, 1 on the meter."),
                "balance": ("differs", "Balance 61.00 expected by the list, 50.00 on the meter."),
                "customer": (
                    "differs",
                    "Customer number 000000999999 in the list, 000000700005 on the meter.",
                ),
                "silent": ("waiting", False),
            },
        )
        self.assertEqual(
            {case: self._orders(meter) for case, meter in self.old.items()},
            orders,
            "Nothing was done to any meter",
        )
        for case in ("number", "balance", "customer", "silent"):
            with self.assertRaisesRegex(UserError, "old desk"):
                self._sell("20.00", meter=self.old[case])
        accountant = document.with_user(self.users["accountant"])
        with self._raises(UserError):
            accountant.action_post()
        self.assertFalse(document.line_ids.move_id)

        # each is decided, and only then booked
        self._decide(said["number"], "engineer", "accept", "Seen on its display")
        self._decide(said["customer"], "supervisor", "accept", "The list has a typing error")
        said["balance"].with_user(self.users["manager"]).balance_text = "50.00"
        self._decide(said["silent"], "manager", "aside", "No answer yet")
        accountant.action_post()
        self.env.invalidate_all()
        self.assertEqual(
            {case: line.state for case, line in said.items()},
            {
                "good": "agrees",
                "used": "agrees",
                "number": "accepted",
                "balance": "agrees",
                "customer": "accepted",
                "silent": "waiting",
            },
        )
        opening = document.opening_account_id.name
        self.assertEqual(
            {case: self._items(line.sudo().move_id) for case, line in said.items()},
            {
                "good": self._debt(opening, 20.0),
                "used": [],
                "number": self._debt(opening, 7.5),
                "balance": self._debt(opening, 5.0),
                "customer": [],
                "silent": [],
            },
        )
        with self._raises(UserError):
            accountant.action_post()
        self.assertEqual(self._moves(document), said["good"].move_id | said["number"].move_id
                         | said["balance"].move_id)  # fmt: skip
        self.assertEqual(self.old["number"].purchase_number, 1)
        self.assertEqual(said["customer"].contract_id.customer_number, "000000700005")
        self.assertEqual(said["used"].vend_id.balance_after, 50.0)

        self._the_silent_one_comes_back(said["silent"], opening)
        self._the_meters_take_the_next_order(said["number"], said["customer"])

    def _the_silent_one_comes_back(self, line, opening):
        """It answers the scheduled action, and is booked in a go-live of its own."""
        line = line.sudo()
        later = line.document_id.with_user(self.users["accountant"])
        self.sim("revive")
        self.box.reply_seconds = REPLY
        command = self.env["utility.command"].search(
            [("meter_id", "=", line.meter_id.id), ("kind", "=", "read")]
        )
        self.assertNotIn(command.state, ("queued", "done"), "It was given up")
        line.asked_at = fields.Datetime.subtract(line.asked_at, minutes=ASK_AGAIN_MINUTES)
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_go_live_ask").method_direct_trigger()
        self._run()
        self.assertEqual(line.state, "agrees", line.difference)
        later.action_post()
        self.assertEqual(self._items(line.move_id), self._debt(opening, 9.0))
        self.assertEqual(self._moves(later), line.move_id)

    def _the_meters_take_the_next_order(self, *lines):
        """What was accepted is what the meter goes on from."""
        for line in lines:
            vend = self._sell("20.00", meter=line.meter_id)
            self._run()
            self.assertEqual(vend.state, "delivered", vend.command_id.message)
            self.assertEqual(vend.purchase_number, 2)

    def _debt(self, opening, amount):
        return sorted([(self.customer_account.name, amount), (opening, -amount)])

    def _moves(self, document):
        return self.env["account.move"].search([("ref", "=", document.name)])
