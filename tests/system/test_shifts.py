"""Shifts: opened, sold in, counted and closed at the same moment, and killed in between."""

import threading
import time
import uuid
from functools import partial

from books import errors_in_logs
from processes import until
from test_two_cashiers import at_once
from till import Refused, Till

SALE = "12.34"
BOOKS = """
    SELECT s.cash_expected, s.cash_difference, s.state,
           (SELECT COALESCE(sum(CASE payment_type WHEN 'inbound' THEN amount ELSE -amount END), 0)
              FROM account_payment WHERE utility_session_id = s.id),
           (SELECT COALESCE(sum(v.amount), 0) FROM utility_vend v
              JOIN account_payment p ON p.id = v.payment_id WHERE p.utility_session_id = s.id)
      FROM utility_cash_session s WHERE s.id = %s
"""


def shift(desk, till, counted="0"):
    return till.counter("session_open", str(uuid.uuid4()), desk.journals["cash"], counted)


def begin(make_desk, meters):
    desk = make_desk(meters=meters)
    desk.sql("UPDATE res_company SET utility_session_required = true RETURNING id")
    desk.start_simulator()
    desk.start_server().wait_ready()
    desk.open_contracts()
    return desk


def settled(desk, till, sales):
    ids = [sale["id"] for sale in sales]
    until(
        lambda: all(status["steps"]["posted"] for status in till.status(*ids)),
        90,
        "all is proved and posted",
        desk.report,
    )


def no_deadlock(desk):
    for server in desk.servers:
        assert "deadlock detected" not in server.log.read_text()
    assert errors_in_logs(desk) == []


def test_opened_sold_and_counted_at_once(make_desk):
    desk = begin(make_desk, meters=6)
    tills = [desk.till("cashier1"), desk.till("cashier2")]
    for till in tills:
        till.counter("session_status")
    # one drawer, two cashiers
    opened = at_once(*(partial(shift, desk, till) for till in tills))
    refused = [str(result) for result in opened if isinstance(result, Refused)]
    assert len(refused) == 1, opened
    assert "drawer" in refused[0].lower()
    place = next(n for n, result in enumerate(opened) if not isinstance(result, Refused))
    session, login = opened[place]["id"], tills[place].login
    # the same cashier at several screens sells, and begins to count, at the same moment
    screens = [Till(desk, login) for __ in desk.meters]
    counting = Till(desk, login)
    for screen in (*screens, counting):
        screen.counter("session_status")

    def count_later():
        # when the first sales are through, and others wait for them
        time.sleep(0.15)
        return counting.counter("session_start_counting", session)

    *results, __ = at_once(
        *(
            partial(screen.sell, meter, SALE)
            for screen, meter in zip(screens, desk.meters, strict=True)
        ),
        count_later,
    )
    sold = [result for result in results if not isinstance(result, Refused)]
    for result in results:
        assert not isinstance(result, Refused) or "is being counted" in str(result)
    settled(desk, counting, sold)
    total = f"{len(sold) * 1234 // 100}.{len(sold) * 1234 % 100:02d}"
    counting.counter("session_count", str(uuid.uuid4()), session, total)
    expected, difference, __, paid, of_sales = desk.sql(BOOKS, (session,))[0]
    assert f"{expected:.2f}" == f"{paid:.2f}" == f"{of_sales:.2f}" == total
    assert difference == 0, "no sale slipped in after the count began"
    # two clicks on close
    close = partial(counting.counter, "session_close", session, "0", desk.journals["bank"])
    again = partial(screens[0].counter, "session_close", session, "0", desk.journals["bank"])
    assert [result["state"] for result in at_once(close, again)] == ["closed", "closed"]
    moves = desk.sql("SELECT kind, amount FROM utility_cash_move WHERE session_id = %s", (session,))
    assert [(kind, f"{amount:.2f}") for kind, amount in moves] == (
        [("deposit", f"-{total}")] if sold else []
    )
    no_deadlock(desk)


def test_killed_while_closing(make_desk):
    desk = begin(make_desk, meters=2)
    till = desk.till("cashier1")
    session = shift(desk, till)["id"]
    settled(desk, till, [till.sell(meter, SALE) for meter in desk.meters])
    mark = str(uuid.uuid4())
    acts = (
        ("session_start_counting", session),
        ("session_count", mark, session, "24.00"),
        ("session_close", session, "4.00", desk.journals["bank"]),
    )
    for delay, act in zip((0.01, 0.06, 0.12), acts, strict=True):
        # the server dies while, before or after it answers; the cashier presses again
        server = desk.running()[0]
        killer = threading.Timer(delay, server.kill)
        killer.start()
        starter = threading.Timer(delay + 1, desk.start_server)
        starter.start()
        till.counter(*act)
        killer.join()
        starter.join()
        desk.running()[0].wait_ready()
    assert till.counter(*acts[-1])["state"] == "closed"
    moves = desk.sql(
        "SELECT kind, amount FROM utility_cash_move WHERE session_id = %s ORDER BY kind", (session,)
    )
    assert [(kind, f"{amount:.2f}") for kind, amount in moves] == [
        ("closing_difference", "-0.68"),
        ("deposit", "-20.00"),
    ]
    ended = desk.value(
        "SELECT count(*) FROM utility_operation WHERE model = 'utility.cash.session'"
        " AND res_id = %s AND after = 'closed'",
        (session,),
    )
    assert ended == 1
    no_deadlock(desk)
