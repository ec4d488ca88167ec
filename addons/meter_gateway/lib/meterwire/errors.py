"""What can go wrong on the wire, as types. Every error carries words that a person can read."""


class WireError(Exception):
    """Base of every error that this package raises on purpose.

    ``code`` is a short constant for programs, ``words`` one sentence for people.
    """

    code = "wire"

    def __init__(self, words):
        super().__init__(words)
        self.words = words


class FrameError(WireError):
    """The bytes are a frame, but their content makes no sense."""

    code = "wrong_reply"


class ValueFault(FrameError):
    """A value cannot be written in, or read from, its field."""

    code = "bad_value"


class MeterRefused(WireError):
    """The meter answered with an abnormal reply.

    :param int refusal: the meter's error bits (ERR, or SERR of the recharge functions)
    """

    code = "refused"

    def __init__(self, refusal, words):
        super().__init__(words)
        self.refusal = refusal


class NoReply(WireError):
    """Nothing that answers the question came in time."""

    code = "no_reply"


class WrongReply(WireError):
    """A frame that does not answer the question: another meter's, an older one, a forged one."""

    code = "wrong_reply"


class MacError(WrongReply):
    """The frame's MAC does not fit: another key, another challenge, or a forgery."""


class LinkDown(WireError):
    """The line cannot be opened, or was lost under the exchange."""

    code = "link_down"


class NoLink(LinkDown):
    """The line cannot be opened: nothing was written."""


class KeyMissing(WireError):
    """No usable key: none given for this version, or the place it is kept in is refused."""

    code = "no_key"


class BadJob(WireError):
    """What the caller asks for cannot be sent at all."""

    code = "bad_job"


class NotConfirmed(WireError):
    """The meter accepted a command, or did not even answer it, and its state never followed."""

    code = "not_confirmed"


class DialectError(WireError):
    """The description of a meter model makes no sense; the words name the place."""

    code = "bad_dialect"


class NoEncryptor(WireError):
    """The program that makes a meter's codes is not reached, refuses, or answers nonsense."""

    code = "no_encryptor"
