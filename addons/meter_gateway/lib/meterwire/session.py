"""One question and its answer, without input or output: bytes and times in, a result out.

A frame is the answer only if it comes from the address asked, with the function asked, and the
question's ``parse`` accepts its content. Whatever else is heard meanwhile (a late reply to an older
question, another meter, our own echo) is noted and never taken. The answer is complete with the
last byte of its frame; silence is waited for only where no answer comes.
"""

from .decode import words as frame_words
from .errors import FrameError, LinkDown, MeterRefused, NoReply, WireError, WrongReply

_MAX_EVIDENCE = 1024
_MAX_NOTES = 4


class Session:
    """One exchange. Feed it ``receive`` and ``silence`` until ``done``.

    :param Question question: see ``question``
    :param Timing timing: see ``jobs``
    :param envelope: around the frame on this line, see ``envelope``; None: nothing
    :param list notes: what the evidence should say besides
    """

    __slots__ = (
        "_buffer",
        "_codec",
        "_fault",
        "_frame",
        "_latest",
        "_notes",
        "_reader",
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

    def __init__(self, question, timing, envelope=None, notes=None):
        codec, request, self.address, self.function, self.parse = question[:5]
        self._codec = codec
        #: bytes as they are to be written
        self.request = request if envelope is None else envelope.wrap(request)
        self._reader = None if envelope is None else envelope.reader()
        self.timing = timing
        self.done = False
        #: what ``parse`` returned
        self.value = None
        #: why there is no value
        self.error = None
        self.outcome = ""
        #: bytes heard, at most the first 1024
        self.rx = b""
        #: when to call ``silence``
        self.deadline = 0.0
        #: frames heard that are not the answer: the line may be one answer behind
        self.unasked = 0
        self._buffer = codec.Buffer()
        self._frame = None
        self._fault = None
        self._notes = notes or None
        self._latest = 0.0

    def start(self, now):
        """The request is being written."""
        self.deadline = now + self.timing.first_byte
        self._latest = now + self.timing.total

    def sent(self):
        """The request was written, and nobody answers it."""
        self._end("sent")

    def receive(self, chunk, now):
        """Take bytes; true when the exchange is over."""
        room = _MAX_EVIDENCE - len(self.rx)
        if room > 0:
            self.rx += chunk[:room]
        self.deadline = min(max(self.deadline, now + self.timing.gap), self._latest)
        if self._reader is not None:
            chunk = self._reader.feed(chunk)
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
        if self.outcome == "sent":
            text = "to everybody on the line"
        if self.error and not isinstance(self.error, MeterRefused):
            text = f"{text}: {self.error.words}" if text else self.error.words
        return "; ".join([text, *self._notes]) if self._notes else text

    def _take(self, frames):
        codec = self._codec
        for raw in frames:
            frame = codec.decode(raw)
            if self.done:
                # Bytes behind the answer answer something else.
                self.unasked += 1
                self._note("followed by", frame)
                continue
            if not frame.is_reply:
                if raw not in self.request:
                    self._note("heard", frame)
                continue
            if frame.function != self.function or not codec.address_matches(
                self.address, frame.address
            ):
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
        if self._notes is None:
            self._notes = []
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(f"{how} {frame.address} {frame_words(frame)}")
