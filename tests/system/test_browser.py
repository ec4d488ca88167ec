"""A cashier's keyboard in a real browser: sell, print, reverse, print again, over a real line."""

from books import broken, watch
from browser import Browser
from processes import until

TOUR, COUNTER = "utility_counter_full", "/odoo/utility-counter"


def test_counter_in_a_browser(make_desk):
    desk = make_desk(meters=2)
    desk.start_simulator()
    server = desk.start_server().wait_ready()
    desk.open_contracts()
    posted = watch(desk)
    cashier = desk.till("cashier1")
    assert cashier.counter("get_config")["worker"]["ok"]
    browser = Browser(desk.folder)
    try:
        browser.open(f"{server.url}{COUNTER}?debug=tests", cashier.session_cookie())
        browser.tour(TOUR, COUNTER, 180, desk.report)
    finally:
        browser.close()
    vends = desk.sql(
        "SELECT kind, state, amount::text, print_count, reason FROM utility_vend ORDER BY id"
    )
    assert [row[:3] for row in vends] == [
        ("sale", "reversed", "100.00"),
        ("reversal", "delivered", "100.00"),
    ]
    assert vends[0][3] == 2, "printed, and printed again as copy 1"
    until(
        lambda: not desk.value("SELECT count(*) FROM utility_vend WHERE posted_at IS NULL"),
        30,
        "both are posted",
        desk.report,
    )
    books = desk.simulator.books()[desk.meters[0]["address"]]
    assert [order["kind"] for order in books["orders"]] == ["open", "charge", "reverse"]
    assert (books["cumulative"], books["balance"]) == ("0.00", "0.00")
    assert broken(desk, posted) == []
