"""What the tests of the engine start from: one sale, reads, and what the meter was sent."""

from meter_double import ADDRESS
from meterwire import dlt645_2007 as dlt
from meterwire.jobs import Money, Read
from meterwire.recharge import order as recharge

SALE = Money("sale", "line", ADDRESS, 1, "3des")


def money_frames(meter):
    return [frame for frame in meter.requests if frame.di in recharge.KIND_OF_DI]


def read(job_id, line="line"):
    return Read(job_id, line, ADDRESS, (dlt.TOTAL,))
