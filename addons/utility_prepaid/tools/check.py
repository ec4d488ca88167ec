"""What the daily check of money, meters and ledger speaks of."""

from decimal import Decimal
from typing import NamedTuple

ZERO = Decimal(0)
# Figures of a place that grow by what a day brings.
FLOWS = (
    "money_in", "money_out", "other_method", "credit_sold", "credit_back", "fees", "carried",
    "documents", "posted",
)  # fmt: skip
# Figures of a site and utility as they stand at the end of a day.
STOCKS = ("open_credit", "carried_credit")


class Finding(NamedTuple):
    """One named difference at the end of a day.

    :param code: class, a key of CLASSES
    :param key: what it is about; the same thing keeps its key while its class changes
    :param amount: what is at stake, signed: above zero the desk has too much
    :param money: its part of money taken less credit proved; zero for what explains nothing there
    :param ledger: its part of the open credit on the customers' account
    :param place: (site id, utility, journal id)
    :param since: when it began, naive UTC or a local date; None when that is not known
    :param values: fields of `utility.check.difference` that lead to its records
    """

    code: str
    key: str
    amount: Decimal
    money: Decimal
    ledger: Decimal
    place: tuple
    since: object = None
    values: dict = {}


# class -> who owns it, until somebody else is named
CLASSES = {
    "not_proved": "supervisor",
    "not_charged": "supervisor",
    "disputed": "supervisor",
    "not_paid_out": "supervisor",
    "paid_out": "supervisor",
    "payment_differs": "accountant",
    "not_posted": "accountant",
    "wrong_amount": "accountant",
    "no_proof": "accountant",
    "debt": "accountant",
    "credit": "accountant",
    "payment_alone": "accountant",
    "entry_alone": "accountant",
    "remainder": "accountant",
    "meter_ahead": "engineer",
    "charged_not_paid": "engineer",
    "meter_behind": "engineer",
    "session": "supervisor",
    "unexplained": "accountant",
}
# Classes seen at the meters, contracts and drawers as they are now: a past day has none.
CONTROLS = ("remainder", "meter_ahead", "charged_not_paid", "meter_behind", "session")


def gaps(places, findings):
    """What figures and findings leave unexplained, by place.

    :param places: {(site id, utility, journal id): {figure: Decimal}}
    :param findings: sequence of Finding
    :return: ({place: money without a name}, {(site id, utility): ledger without a name}), of what
        is not zero

    >>> figures = dict.fromkeys((*FLOWS, *STOCKS), ZERO)
    >>> place = (1, "water", 7)
    >>> sold = {**figures, "money_in": Decimal(100), "credit_sold": Decimal(60)}
    >>> books = {**figures, "open_credit": Decimal(40)}
    >>> places = {place: sold, (1, "water", None): books}
    >>> gaps(places, [])
    ({(1, 'water', 7): Decimal('40')}, {(1, 'water'): Decimal('40')})
    >>> forty = Decimal(40)
    >>> gaps(places, [Finding("not_proved", "sale:1", forty, forty, forty, place)])
    ({}, {})
    """
    money, ledger = {}, {}
    for place, figure in places.items():
        taken = figure["money_in"] - figure["money_out"] + figure["other_method"]
        proved = figure["credit_sold"] - figure["credit_back"] + figure["fees"]
        money[place] = taken - proved - figure["carried"] - figure["documents"]
        books = figure["open_credit"] - figure["carried_credit"]
        ledger[place[:2]] = ledger.get(place[:2], ZERO) + books
    for finding in findings:
        money[finding.place] = money.get(finding.place, ZERO) - finding.money
        site = finding.place[:2]
        ledger[site] = ledger.get(site, ZERO) - finding.ledger
    return (
        {place: amount for place, amount in money.items() if amount},
        {site: amount for site, amount in ledger.items() if amount},
    )
