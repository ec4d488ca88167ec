"""What a conversation with a meter is made of.

A conversation is a generator that does no input or output. It yields one of the steps below and
gets the step's result sent in, or the typed error thrown in; what it returns is its result. So the
same conversation runs on a line (``turn``), in a test, or under any other clock.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Question(NamedTuple):
    """One request and what makes a reply to it. Its result is what ``parse`` returned.

    Thrown in instead: MeterRefused, NoReply, WrongReply, FrameError, LinkDown.

    :param codec: module that reads the reply: ``dlt645_2007``, ``dlt645_1997``, ``cjt188``
    :param bytes request: one whole frame, preamble included
    :param str address: of the meter asked (``A`` is any digit)
    :param function: function code asked; None: to everybody on the line, and nobody answers
    :param parse: called with a reply of that address and function; raises MeterRefused (which is
        an answer too), WrongReply or FrameError (which are not, and the true one may still come)
    :param int attempts: how often it is put until it is answered; 0: as often as the line's
        settings say; 1: never again
    :param bool leaving: it moves money: from its first byte on the job counts as sent, and it is
        put once, whatever ``attempts`` says
    """

    codec: ModuleType
    request: bytes
    address: str
    function: int | None
    parse: Callable
    attempts: int = 0
    leaving: bool = False


class Pause(NamedTuple):
    """Leave the line to others and go on after so many seconds.

    ``Pause(0)`` goes on at once unless a more urgent job waits. A job that moves money keeps its
    line meanwhile.
    """

    seconds: float


class Call(NamedTuple):
    """Ask another program, by a call that blocks; the line waits, other lines do not.

    :param function: called without arguments in a thread of its own; its result or its WireError
        comes back. It must end by itself within some seconds.
    """

    function: Callable


GIVE_WAY = Pause(0)
