"""One question and its answer, without input or output: bytes and times in, a result out.

A frame is the answer only if it comes from the address asked, with the function asked, and the
caller's ``parse`` accepts its content. Whatever else is heard meanwhile (a late reply to an older
question, another meter, our own echo) is noted and never taken. The answer is complete with the
last byte of its frame; silence is waited for only where no answer comes.
"""

from .buffer import FrameBuffer
from .decode import words as frame_words
from .dlt645_2007 import address_matches, decode
from .errors import FrameError, LinkDown, MeterRefused, NoReply, WireError, WrongReply

_MAX_EVIDENCE = 1024
_MAX_NOTES = 4


class Session:
    """One exchange. Feed it ``receive`` and ``silence`` until ``done``.

    :param bytes request: as it is to be written
    :param str address: of the meter asked (``A`` is any digit)
    :param int function: function code asked
    :param parse: called with a ``Frame`` of that address and function; returns the result, or
        raises MeterRefused (which is an answer too), WrongReply or FrameError (which are not)
    :param Timing timing: see ``jobs``
    """

    __slots__ = (
        "_buffer",
        "_fault",
        "_frame",
        "_latest",
        "_notes",
        "address",
        "deadline",
        "done",
        "error",
        "function",
        "outcome",
        "parse",
        "request",
        "rx",
        "timing",
        "unasked",
        "value",
    )

    def __init__(self, request, address, function, parse, timing):
        self.request = request
        self.address = address
        self.function = function
        self.parse = parse
        self.timing = timing
        self.done = False
        #: what ``parse`` returned
        self.value = None
        #: why there is no value
        self.error = None
        self.outcome = ""
        #: bytes heard, at most the first 1024
        self.rx = bytearray()
        #: when to call ``silence``
        self.deadline = 0.0
        #: frames heard that are not the answer: the line may be one answer behind
        self.unasked = 0
        self._buffer = FrameBuffer()
        self._frame = None
        self._fault = None
        self._notes = []
        self._latest = 0.0

    def start(self, now):
        """The request is being written."""
        self.deadline = now + self.timing.first_byte
        self._latest = now + self.timing.total

    def receive(self, chunk, now):
        """Take bytes; true when the exchange is over."""
        if len(self.rx) < _MAX_EVIDENCE:
            self.rx += chunk[: _MAX_EVIDENCE - len(self.rx)]
        self.deadline = min(max(self.deadline, now + self.timing.gap), self._latest)
        frames = self._buffer.feed(chunk)
        return self._take(frames) if frames else self.done

    def silence(self):
        """The deadline has passed; true, since the exchange is over in any case."""
        if not self._take(self._buffer.flush()):
            if self._fault:
                self._end("wrong_reply", error=self._fault)
            elif self._buffer.noise:
                self._end("garbled", error=NoReply("only garbled bytes came"))
            else:
                self._end("silence", error=NoReply("no answer in time"))
        return True

    def lost(self, reason):
        """The link is gone."""
        if not self.done:
            self._end("link_lost", error=LinkDown(reason))

    @property
    def words(self):
        """What happened, for the evidence."""
        text = frame_words(self._frame) if self._frame else ""
        if self.error and not isinstance(self.error, MeterRefused):
            text = f"{text}: {self.error.words}" if text else self.error.words
        return "; ".join([text, *self._notes]) if self._notes else text

    def _take(self, frames):
        for raw in frames:
            if self.done:
                # Bytes behind the answer answer something else.
                self.unasked += 1
                self._note("followed by", decode(raw))
                continue
            frame = decode(raw)
            if not frame.is_reply:
                if raw not in self.request:
                    self._note("heard", frame)
                continue
            if frame.function != self.function or not address_matches(self.address, frame.address):
                self.unasked += 1
                self._note("heard", frame)
                if self._fault is None:
                    self._fault = WrongReply(f"only a frame of {frame.address} came, no answer")
                continue
            self._try(frame)
        return self.done

    def _try(self, frame):
        try:
            value = self.parse(frame)
        except MeterRefused as refused:
            self._frame = frame
            self._end("refused", error=refused)
        except (WrongReply, FrameError) as fault:
            # Perhaps late: the true answer may still come.
            self.unasked += 1
            self._fault = fault
            self._note("not taken", frame)
        except WireError as error:
            self._end("wrong_reply", error=error)
        else:
            self._frame = frame
            self._end("reply", value=value)

    def _end(self, outcome, value=None, error=None):
        self.done = True
        self.outcome = outcome
        self.value = value
        self.error = error
        self.parse = None  # evidence lives longer than the keys that this may hold

    def _note(self, how, frame):
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(f"{how} {frame.address} {frame_words(frame)}")
