"""What the tests of the engine start from: one sale, reads, and what the meter was sent."""

from meter_double import meter_of, sale
from meterwire.jobs import Read
from meterwire.recharge import sealed_frame as recharge

SALE = sale()


def money_frames(double):
    return [frame for frame in double.requests if frame.di in recharge.KIND_OF_DI]


def read(job_id, line="line"):
    return Read(job_id, line, meter_of(), ("total",))
