"""The sealed protocol: build a frame, read what the meter says, judge what it proves.

``docs/recharge-protocol.md`` is the contract. Nothing here is random and nothing is sent: the same
order always gives the same bytes, which is what makes sending it again harmless.
"""

from ..dlt645_2007 import SECURITY, Frame, encode
from ..errors import BadJob, FrameError, MacError, MeterRefused, WrongReply
from ..values import digits_to_wire, int_to_le, is_digits, le_to_int, wire_to_digits
from .base import Ack, Order, Refusal, Status, Verdict

#: kind -> (data identifier, "last kind" of the meter's record)
KINDS = {
    "open": (0x070101FF, 0x01),
    "charge": (0x070102FF, 0x02),
    "preset": (0x070103FF, 0x03),
    "reverse": (0x070108FF, 0x08),
    "clear": (0x070109FF, 0x09),
}
STATUS_DI = 0x078102FF
KIND_OF_DI = {di: kind for kind, (di, _) in KINDS.items()}
LAST_KINDS = {0x00: "none", **{code: kind for kind, (_, code) in KINDS.items()}, 0xFE: "card"}

CHALLENGE_SIZE = 8
REQUEST_SIZE = 29
RECORD_SIZE = 38
_SUPPLY_OFF = 1
_REMOTE = 2

#: bit of SERR -> words, and whether sending the same order again cannot help
_SERR = (
    ("other error", False),
    ("this purchase number was executed before", False),
    ("MAC or cipher wrong", True),
    ("key version unknown to the meter", True),
    ("customer number is not the meter's, or the meter is opened already", True),
    ("purchase number or epoch wrong", False),
    ("over the hoarding limit", True),
    ("layout or length wrong", True),
    ("suspended", True),
    ("not the last purchase, or no longer held", True),
    ("amount out of range", True),
)


def serr_words(code):
    """Words for SERR, the two-byte reason of a refused money function.

    >>> serr_words(0x0042)
    'this purchase number was executed before; over the hoarding limit'
    """
    words = [words for bit, (words, _) in enumerate(_SERR) if code >> bit & 1]
    return "; ".join(words) or f"no known reason ({code:04X})"


def refusal_of(frame):
    """The ``Refusal`` in a C3 frame; meters of others send one byte, whose meaning is theirs."""
    code = le_to_int(frame.data)
    if len(frame.data) != 2:
        return Refusal(code, f"reason {frame.data.hex().upper() or 'not given'}", False)
    final = any(code >> bit & 1 and final for bit, (_, final) in enumerate(_SERR))
    return Refusal(code, serr_words(code), final)


def build(order, address, keys, preamble=4):
    """The whole frame of an order, preamble included; always the same bytes for the same order.

    :param MeterKeys keys: of this meter
    :raises BadJob: no meter could execute it, or the keys are another meter's
    """
    order.check()
    if not is_digits(address) or keys.address != address:
        raise BadJob(f"these keys are not those of meter {address}")
    di = int_to_le(KINDS[order.kind][0], 4)
    plain = (
        int_to_le(order.amount_steps, 4)
        + int_to_le(order.number, 4)
        + digits_to_wire(order.customer)
        + int_to_le(order.epoch, 2)
    )
    head = di + int_to_le(order.reference, 4) + bytes([keys.version]) + keys.encrypt(plain)
    mac = keys.mac(digits_to_wire(address) + head)
    return encode(Frame(address, SECURITY, head + mac), preamble)


def read_order(frame, keys):
    """The order in a frame of ``build``: the reverse, for whoever has the keys.

    :raises MacError: not made with these keys
    :raises BadJob: not a money function, or one that no meter could execute
    """
    kind = KIND_OF_DI.get(frame.di)
    if frame.control != SECURITY or kind is None or len(frame.data) != REQUEST_SIZE:
        raise BadJob("not the frame of a money function")
    head, mac = frame.data[:-4], frame.data[-4:]
    if not keys.mac_fits(digits_to_wire(frame.address) + head, mac):
        raise MacError("the MAC of the order does not fit these keys")
    plain = keys.decrypt(head[9:])
    order = Order(
        kind,
        le_to_int(plain[0:4]),
        wire_to_digits(plain[8:14]),
        le_to_int(head[4:8]),
        le_to_int(plain[4:8]),
        le_to_int(plain[14:16]),
    )
    order.check()
    return order


def status_query(address, keys, challenge, preamble=4):
    """The frame that asks a meter what it keeps.

    :param bytes challenge: 8 random bytes, new for every query
    """
    if len(challenge) != CHALLENGE_SIZE or not is_digits(address):
        raise BadJob("a status query needs 12 digits of address and 8 bytes of challenge")
    data = int_to_le(STATUS_DI, 4) + bytes(4) + bytes([keys.version]) + challenge
    return encode(Frame(address, SECURITY, data), preamble)


def _reply_of(frame, address):
    if not frame.is_reply or frame.function != SECURITY or frame.address != address:
        raise WrongReply(f"a frame of {frame.address} with control {frame.control:02X} is no reply")


def parse_answer(frame, address, kind, number):
    """The reply to a money function: ``Ack`` or ``Refusal``.

    :param int number: the purchase number that was sent
    :raises WrongReply: not the reply to this function
    """
    _reply_of(frame, address)
    if frame.is_abnormal:
        return refusal_of(frame)
    if frame.di != KINDS[kind][0] or len(frame.data) != 12:
        raise WrongReply(f"not a reply to {kind}")
    ack = Ack(le_to_int(frame.data[4:8]), le_to_int(frame.data[8:12], signed=True))
    if ack.number != (0 if kind == "clear" else number):
        raise WrongReply(f"a reply about purchase number {ack.number}, not {number}")
    return ack


def parse_status(frame, address, keys, challenge):
    """What the meter keeps, from the reply to ``status_query`` with the same challenge.

    :raises MeterRefused: the meter refuses to answer; ``refusal`` is SERR
    :raises MacError: another key, or the reply to another query
    :raises WrongReply: not a status reply of this meter
    :raises FrameError: MAC right, content senseless
    """
    _reply_of(frame, address)
    if frame.is_abnormal:
        refused = refusal_of(frame)
        raise MeterRefused(refused.code, f"the meter refused: {refused.words}")
    if frame.di != STATUS_DI or len(frame.data) != 4 + RECORD_SIZE + 4:
        raise WrongReply("not a status reply")
    record, mac = frame.data[4:-4], frame.data[-4:]
    covered = digits_to_wire(address) + frame.data[:4] + bytes([keys.version]) + challenge + record
    if not keys.mac_fits(covered, mac):
        raise MacError("the MAC of the status reply is wrong: another key, or an older reply")
    return read_record(record)


def read_record(record):
    """The 38 bytes of a status record, without any check of who sent them.

    :raises FrameError: content senseless
    """
    customer = wire_to_digits(record[31:37])
    kind = LAST_KINDS.get(record[6])
    if kind is None or not customer.isdigit():
        raise FrameError(f"last kind {record[6]:02X} or customer {customer} makes no sense")
    return Status(
        number=le_to_int(record[0:4]),
        epoch=le_to_int(record[4:6]),
        last_kind=kind,
        last_reference=le_to_int(record[7:11]),
        last_amount=le_to_int(record[11:15]),
        balance_before=le_to_int(record[15:19], signed=True),
        balance_after=le_to_int(record[19:23], signed=True),
        balance=le_to_int(record[23:27], signed=True),
        cumulative=le_to_int(record[27:31]),
        customer=customer,
        supply_off=bool(record[37] & _SUPPLY_OFF),
        remote=bool(record[37] & _REMOTE),
    )


def judge(order, status):
    """What ``status``, asked after ``order`` was sent, proves about it.

    The balance is never looked at: a meter goes on consuming. ``not_executed`` holds for this
    moment only; it is final once no copy of the frame can still arrive.
    """
    if (status.epoch, status.number) == (order.epoch, order.number - 1):
        return Verdict(
            "not_executed",
            f"the meter still has purchase number {status.number} of epoch {status.epoch}",
        )
    if order.kind == "clear":
        epoch, number, amount, customer = (order.epoch + 1) & 0xFFFF, 0, None, None
    else:
        epoch, number = order.epoch, order.number
        amount, customer = order.amount_steps, order.customer
    if (status.epoch, status.number) != (epoch, number):
        return Verdict(
            "disputed",
            f"the meter has purchase number {status.number} of epoch {status.epoch}, "
            f"this order leads to number {number} of epoch {epoch}",
        )
    found = [
        f"{name} {theirs} instead of {ours}"
        for name, theirs, ours in (
            ("kind", status.last_kind, order.kind),
            ("reference", status.last_reference, order.reference),
            ("amount", status.last_amount, amount),
            ("customer", status.customer, customer),
        )
        if ours is not None and theirs != ours
    ]
    if found:
        return Verdict("disputed", "the number was used for something else: " + ", ".join(found))
    return Verdict("proved", f"the meter shows this {order.kind} under purchase number {number}")
