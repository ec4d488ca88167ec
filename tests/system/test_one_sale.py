"""One sale, end to end: HTTP, payment, real line, proof, invoice; and the time it takes."""

import statistics
import time
from decimal import Decimal

import pytest
from books import broken, watch
from processes import until

# What a sale may take: two seconds, where the server answers a question about it in 40 ms or less.
TWO_SECONDS, ANSWERS = 2.0, 50


def follow(desk, till, vend_id, step, seconds=30):
    """Ask for the sale's status until a step is done, as the counter does."""

    def done():
        status = till.status(vend_id)[0]
        return status if status["steps"][step] else None

    return until(done, seconds, f"sale {vend_id} is {step}", desk.report, every=0.02)


@pytest.mark.parametrize("link", ["tcp", "serial"])
def test_one_sale(make_desk, say, link):
    desk = make_desk(meters=4, link=link)
    simulator = desk.start_simulator()
    desk.start_server().wait_ready()
    desk.open_contracts()
    posted = watch(desk)
    till = desk.till("cashier1")
    card = till.counter("card", desk.meters[0]["id"])
    assert card["sellable"], card["refusal"]
    quote = till.counter("quote", desk.meters[0]["id"], "100.00")
    assert quote["ok"] and quote["units"] == "182.38", quote
    times, answers = [], []
    for meter in desk.meters:
        sold = till.sell(meter, "100.00")
        begin = time.monotonic()
        status = follow(desk, till, sold["id"], "proved")
        times.append(time.monotonic() - begin)
        begin = time.monotonic()
        till.status(sold["id"])
        answers.append(time.monotonic() - begin)
        assert status["purchase_number"] == 2
        assert (status["balance_before"], status["balance_after"]) == ("0.00", "182.38")
    say(
        f"{link}: sell's return to proved: "
        f"median {statistics.median(times) * 1000:.0f} ms, worst {max(times) * 1000:.0f} ms"
    )
    status = follow(desk, till, sold["id"], "posted")
    assert all(status["steps"].values()), status["steps"]
    books = simulator.books()
    for meter in desk.meters:
        theirs = books[meter["address"]]
        assert (theirs["number"], theirs["cumulative"], theirs["balance"]) == (
            2,
            "182.38",
            "182.38",
        )
        kinds = [order["kind"] for order in theirs["orders"]]
        assert kinds == ["open", "charge"]
    until(
        lambda: desk.value("SELECT count(*) FROM utility_vend WHERE posted_at IS NULL") == 0,
        30,
        "all sales are posted",
        desk.report,
    )
    move = desk.sql(
        "SELECT move.state, move.payment_state, move.amount_total, v.amount"
        "  FROM utility_vend v JOIN account_move move ON move.id = v.move_id WHERE v.id = %s",
        (sold["id"],),
    )[0]
    # 182.38 kWh at 0.5483; the cent that is left is too little for one step and stays credit.
    assert move == ("posted", "paid", Decimal("100.00"), Decimal("100.00"))
    posted.look()
    assert broken(desk, posted) == []
    assert statistics.median(times) < max(TWO_SECONDS, ANSWERS * statistics.median(answers))
