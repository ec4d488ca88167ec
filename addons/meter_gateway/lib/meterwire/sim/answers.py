"""What a request did to a meter, and what a protocol is."""

from typing import Any, NamedTuple


class Answer:
    """The reply to a request, and what must be committed before its first byte leaves.

    :param control: control byte of the reply
    :param data: as in the standard, without the 33
    :param changed: the books changed and must be on the disk first
    :param record: :class:`~.books.Record` of an executed money function
    """

    __slots__ = ("changed", "control", "data", "record")

    def __init__(self, control, data=b"", changed=False, record=None):
        self.control, self.data, self.changed, self.record = control, data, changed, record


class Protocol(NamedTuple):
    """How the meters of one standard talk.

    ``hears(meter, request)``: ``own``, ``wild``, ``broadcast`` or None; ``moment(meter, request)``:
    what is asked, for the faults; ``answer(meter, request, how)``: Answer or None;
    ``build(meter, request, answer, preamble, wire=None)``: bytes.
    """

    hears: Any
    moment: Any
    answer: Any
    build: Any
