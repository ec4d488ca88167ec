"""Programs die in the middle of a closing, of a replacement and of a go-live: all of it goes on by
itself, each meter was cleared once, each sum paid back once."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from books import broken_outside_sales, errors_in_logs, watch
from halts import Halts
from processes import until
from test_two_servers import at_rest
from till import PATIENCE, Refused

COMMAND = "NEW.state = '{1}' AND OLD.state <> '{1}' AND NEW.kind = '{0}'"
STEP = "NEW.state = 'done' AND OLD.state <> 'done' AND NEW.kind = '{}'"
STATE = "NEW.state = '{0}' AND OLD.state <> '{0}'"
COMMANDS, STEPS = "utility_command", "utility_settlement_step"
ROWS, GO_LIVES = "utility_go_live_line", "utility_go_live"
PAID = "NEW.payout = 'paid' AND OLD.payout <> 'paid'"
MOMENTS = {
    # the worker: an answer or a proof is there, and not written down
    "read": (COMMANDS, "UPDATE", COMMAND.format("read", "done")),
    "order": (COMMANDS, "UPDATE", COMMAND.format("clear", "sent")),
    "clear": (COMMANDS, "UPDATE", COMMAND.format("clear", "done")),
    "open": (COMMANDS, "UPDATE", COMMAND.format("open", "done")),
    "transfer": (STEPS, "UPDATE", STEP.format("transfer")),
    "compare": (ROWS, "UPDATE", STATE.format("agrees")),
    # the scheduled action: the documents are made
    "settle": (STEPS, "UPDATE", STEP.format("settle")),
    "move": (STEPS, "UPDATE", STEP.format("move")),
    # people
    "pay": ("utility_settlement", "UPDATE", PAID),
    "import": (ROWS, "INSERT", "NEW.row > 2"),
    "start": (GO_LIVES, "UPDATE", STATE.format("started")),
    "post": (GO_LIVES, "UPDATE", STATE.format("posted")),
}
HEAD = "Meter address,Customer,Opened on,Tariff,Balance,Purchase number,Carried money,Debt"
DOCUMENTS = """
    SELECT m.move_type, m.amount_total::text FROM account_move m
     WHERE m.utility_contract_id = %s ORDER BY m.id
"""
OPEN_ITEMS = """
    SELECT COALESCE(sum(l.amount_residual), 0)::text FROM account_move_line l
      JOIN account_move m ON m.id = l.move_id
     WHERE m.utility_contract_id = %s AND l.account_id = %s
"""
ENDS = """
    SELECT count(*) FILTER (WHERE after = 'done'), count(*) FILTER (WHERE action = 'Settled'),
           count(*) FILTER (WHERE action = 'Settlement paid')
      FROM utility_operation WHERE model = 'utility.settlement' AND res_id = %s
"""
FLOWS = """
    SELECT sum(l.balance)::text FROM account_move_line l JOIN account_move m ON m.id = l.move_id
      JOIN account_account a ON a.id = l.account_id
     WHERE m.journal_id = %s AND a.account_type = 'asset_cash'
"""


def both(state):
    return [(state, None), (state, None)]


class Office:
    """A desk with a tenant who leaves, one whose meter is broken, and two rooms of an old desk.

    :param make_desk: the fixture
    """

    def __init__(self, make_desk):
        self.desk = desk = make_desk(meters=5, bare=3)
        self.leaving, self.broken, self.spare, *self.old = desk.meters
        self.halts = Halts(desk, MOMENTS)
        simulator = desk.start_simulator(seed=11)
        for number, meter in enumerate(self.old, 1):
            simulator("card", address=meter["address"], amount=f"{number}0.00")
        desk.start_server().wait_ready()
        desk.open_contracts()
        self.posted = watch(desk)
        self.cashier, self.supervisor = desk.till("cashier1"), desk.till("supervisor")
        self.manager, self.accountant = desk.till("manager"), desk.till("accountant")
        for meter in (self.leaving, self.broken):
            self.cashier.sell(meter, "100.00")
        until(lambda: at_rest(desk), 60, "the sales are posted", desk.report)
        for meter in (self.leaving, self.broken):
            simulator("spend", address=meter["address"], amount="100.00")

    def die(self, who, then=(), meanwhile=None):
        """kill -9, and all is started again.

        :param who: server or postgresql, without which Odoo's threads do not live either
        :param then: moments at which it is stopped next
        :param meanwhile: called before a server runs again
        """
        desk = self.desk
        if who == "postgresql":
            desk.cluster.crash()
        for server in desk.running():
            server.kill()
        self.halts.disarm()
        if who == "postgresql":
            desk.cluster.start()
        self.halts.arm(*then)
        if meanwhile:
            meanwhile()
        desk.start_server().wait_ready()

    def ten_minutes_pass(self):
        """So long a meter of the old desk that was asked is left in peace."""
        self.desk.sql("UPDATE utility_go_live_line SET asked_at = asked_at - interval '10 minutes'")
        self.desk.sql(
            "UPDATE ir_cron SET nextcall = now() at time zone 'utc' FROM ir_act_server a"
            " WHERE a.id = ir_cron.ir_actions_server_id AND a.code = 'model._cron_ask()'"
        )

    # ------------------------------------------------------------------- people

    def close(self):
        reply = self.supervisor.counter("close_contract", self.leaving["id"], "Moves out")
        self.closing = reply["id"]

    def pay(self):
        return self.cashier.counter("pay_settlement", self.closing, self.desk.journals["cash"])

    def replace(self):
        values = {
            "contract_id": self.broken["contract"],
            "act": "replace",
            "new_meter_id": self.spare["id"],
            "reason": "Display broken",
        }
        act = self.supervisor.insist("utility.contract.act", "create", [values])
        done = self.supervisor.insist("utility.contract.act", "action_confirm", act)
        self.replacement = done["res_id"]

    def list_of_old_desk(self):
        rows = [
            f"{meter['address']},Old tenant {number},2024-03-01,Homes,{number}0.00,1,,{number}.50"
            for number, meter in enumerate(self.old, 1)
        ]
        file = base64.b64encode("\n".join([HEAD, *rows]).encode()).decode()
        values = {"file": file, "date": "2026-01-31"}
        self.document = self.manager.insist("utility.go.live", "create", [values])[0]

    def go_live(self, who, action):
        return who.insist("utility.go.live", action, [self.document])

    # ------------------------------------------------------------------ looking

    def is_done(self, settlement):
        state = self.desk.value("SELECT state FROM utility_settlement WHERE id = %s", (settlement,))
        return state == "done"

    def is_compared(self):
        return self.states() == both("agrees")

    def states(self):
        """Where each row of the list stands, with its words."""
        return self.desk.sql(
            "SELECT state, COALESCE(problem, difference) FROM utility_go_live_line"
            " WHERE document_id = %s",
            (self.document,),
        )

    def documents(self, contract):
        return self.desk.sql(DOCUMENTS, (contract,))

    def open_items(self, contract):
        return self.desk.value(OPEN_ITEMS, (contract, self.desk.account))

    def check(self):
        """The meters and the books, to the cent, as if nobody had died."""
        desk = self.desk
        theirs = desk.simulator.books()
        kinds = {
            meter["address"]: [order["kind"] for order in theirs[meter["address"]]["orders"]]
            for meter in desk.meters
        }
        assert kinds == {
            self.leaving["address"]: ["open", "charge", "clear"],
            self.broken["address"]: ["open", "charge", "clear"],
            self.spare["address"]: ["open", "charge"],
            **{meter["address"]: ["card"] for meter in self.old},
        }
        assert {meter["balance"] for meter in (theirs[m["address"]] for m in desk.meters[:2])} == {
            "0.00"
        }
        assert theirs[self.spare["address"]]["balance"] == "82.38"
        # 82.38 kWh at 0.5483 are given back, and paid once.
        assert self.documents(self.leaving["contract"]) == [
            ("entry", "100.00"), ("out_invoice", "100.00"),
            ("out_refund", "45.17"), ("entry", "45.17"),
        ]  # fmt: skip
        assert self.documents(self.broken["contract"]) == [
            ("entry", "100.00"), ("out_invoice", "100.00"),
        ]  # fmt: skip
        assert self.open_items(self.leaving["contract"]) == "0.00"
        assert self.open_items(self.broken["contract"]) == "0.00"
        assert desk.value(FLOWS, (desk.journals["cash"],)) == "154.83"
        assert desk.sql(ENDS, (self.closing,)) == [(1, 1, 1)]
        assert desk.sql(ENDS, (self.replacement,)) == [(1, 0, 0)]
        assert desk.sql(
            "SELECT kind, state, count(*) FROM utility_vend GROUP BY 1, 2 ORDER BY 1"
        ) == [
            ("adjustment", "delivered", 2),
            ("sale", "delivered", 2),
            ("transfer", "delivered", 1),
        ]
        rows = desk.sql(
            "SELECT contract_id, row FROM utility_go_live_line WHERE document_id = %s ORDER BY row",
            (self.document,),
        )
        assert [
            (self.documents(contract), self.open_items(contract)) for contract, _row in rows
        ] == [
            ([("entry", "1.50")], "1.50"),
            ([("entry", "2.50")], "2.50"),
        ]
        assert desk.value("SELECT count(*) FROM utility_contract") == 4
        assert desk.unsettled() == []
        assert broken_outside_sales(desk, self.posted) == []
        assert errors_in_logs(desk) == []


def test_killed_on_the_way(make_desk):
    office = Office(make_desk)
    desk, halts = office.desk, office.halts
    office.list_of_old_desk()
    with ThreadPoolExecutor() as people:
        halts.arm("read", "import")
        office.close()
        importing = people.submit(office.go_live, office.manager, "action_read_file")
        halts.reached("read")
        halts.reached("import")
        assert office.states() == []
        office.die("server", then=("clear", "start"))

        importing.result()
        assert office.states() == both("ready")
        starting = people.submit(office.go_live, office.manager, "action_start")
        halts.reached("clear")
        halts.reached("start")
        office.die("postgresql", then=("settle", "compare"))

        starting.result()
        assert office.states() == both("waiting")
        halts.reached("settle")
        office.go_live(office.manager, "action_ask")
        halts.reached("compare")
        office.die("server", then=("pay", "post", "open"), meanwhile=office.ten_minutes_pass)

        until(lambda: office.is_done(office.closing), PATIENCE, "the closing is done", desk.report)
        until(office.is_compared, PATIENCE, "the old meters are compared", desk.report)
        paying = people.submit(office.pay)
        posting = people.submit(office.go_live, office.accountant, "action_post")
        office.replace()
        for moment in ("pay", "post", "open"):
            halts.reached(moment)
        assert len(office.documents(office.leaving["contract"])) == 3
        office.die("postgresql", then=("transfer",))

        assert paying.result()["payout"] == "paid"
        posting.result()
        halts.reached("transfer")
        # A second click of a cashier who saw no answer.
        with pytest.raises(Refused, match="nothing to pay"):
            office.pay()
        office.die("server")
    until(
        lambda: office.is_done(office.replacement), PATIENCE, "the meter is replaced", desk.report
    )
    until(lambda: at_rest(desk), PATIENCE, "everything is settled", desk.report)
    office.check()


@pytest.mark.soak
@pytest.mark.parametrize("who", ["server", "postgresql"])
def test_killed_at_every_moment(make_desk, who):
    """One death for each moment: orders before they leave, too, and the move of a contract."""
    office = Office(make_desk)
    desk, halts = office.desk, office.halts
    office.list_of_old_desk()
    with ThreadPoolExecutor() as people:

        def dies_at(moment, act, *arguments, meanwhile=None):
            halts.arm(moment)
            acting = people.submit(act, *arguments)
            halts.reached(moment)
            office.die(who, meanwhile=meanwhile)
            return acting.result()

        def dies_again(*moments):
            for number, moment in enumerate(moments, 1):
                halts.reached(moment)
                office.die(who, then=moments[number : number + 1])

        halts.arm("read")
        office.close()
        dies_again("read", "order", "clear", "settle")
        until(lambda: office.is_done(office.closing), PATIENCE, "the closing is done", desk.report)
        dies_at("pay", office.pay)
        halts.arm("read")
        office.replace()
        dies_again("read", "order", "clear", "move", "read", "open", "transfer")
        until(lambda: office.is_done(office.replacement), PATIENCE, "it is replaced", desk.report)
        dies_at("import", office.go_live, office.manager, "action_read_file")
        dies_at("start", office.go_live, office.manager, "action_start")
        dies_at(
            "compare", office.go_live, office.manager, "action_ask",
            meanwhile=office.ten_minutes_pass,
        )  # fmt: skip
        until(office.is_compared, PATIENCE, "the old meters are compared", desk.report)
        dies_at("post", office.go_live, office.accountant, "action_post")
    until(lambda: at_rest(desk), PATIENCE, "everything is settled", desk.report)
    office.check()
