"""Two cashiers, one meter, the same moment: one sale, and words for the other."""

import threading
from functools import partial

from books import broken, errors_in_logs, watch
from processes import until
from till import Refused


def at_once(*acts):
    """Run the acts in threads that start together.

    :return: their results, a refusal as the exception
    """
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place, act):
        start.wait()
        try:
            results[place] = act()
        except Refused as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_cashiers(make_desk):
    desk = make_desk(meters=6)
    simulator = desk.start_simulator()
    desk.start_server().wait_ready()
    desk.open_contracts()
    posted = watch(desk)
    tills = [desk.till("cashier1"), desk.till("cashier2")]
    for till in tills:
        till.counter("get_config")
    # Without meters every order stays open, so the slower cashier must meet it.
    simulator.end()
    sold = []
    for meter in desk.meters[:3]:
        results = at_once(*(partial(till.sell, meter, "30.00") for till in tills))
        refused = [str(result) for result in results if isinstance(result, Refused)]
        assert len(refused) == 1, results
        assert "is still on its way to this meter" in refused[0]
        sold += [result for result in results if not isinstance(result, Refused)]
    for meter in desk.meters[3:]:
        twice = partial(tills[0].sell, meter, "10.00", mark=f"one-sale-two-clicks-{meter['id']}")
        first, second = at_once(twice, twice)
        assert first["id"] == second["id"], "the same sale sent twice is one sale"
        sold.append(first)
    desk.start_simulator()
    ids = [sale["id"] for sale in sold]
    until(
        lambda: all(status["steps"]["posted"] for status in tills[0].status(*ids)),
        90,
        "all is proved and posted",
        desk.report,
    )
    assert broken(desk, posted) == []
    assert errors_in_logs(desk) == []
