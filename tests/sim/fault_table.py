"""What each fault does to each command of the desk: the table of ``docs/simulator.md``.

It is written by hand, from the rules. Every cell holds on every link that the fault exists on
(``NOT_ON``), unless ``ON_LINK`` says otherwise. In a cell: how the job ends, and how often the
meter has executed the command by then.
"""

from pathlib import Path

_DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"
_HEADING = "### What the desk makes of them\n"

LINKS = ("tcp", "pty", "address", "selector", "gdw3761", "dialin", "mqtt")

_SILENT_BOX = "such a box says nothing by itself"
NOT_ON = {
    ("heartbeat", "tcp"): _SILENT_BOX,
    ("heartbeat", "pty"): "a wire has no heartbeats",
    ("heartbeat", "address"): _SILENT_BOX,
    ("heartbeat", "selector"): _SILENT_BOX,
    ("heartbeat", "gdw3761"): "it has them in frames of their own, and only where it dials in",
    ("heartbeat", "mqtt"): "MQTT keeps its own connection alive, below what the box publishes",
}

#: the broker stays: the desk sees no link go, only that nobody answers
_BOX_GONE = {
    "scheduled read": "no_reply",
    "live read": "no_reply",
    "switch": "done 2",
    "write": "done 2",
    "set clock": "done 4",
}
ON_LINK = {("close_link", "all", "mqtt"): _BOX_GONE}

#: no line for the first attempt alone, and why
ONLY_ALL = {
    "duplicate": "the first reply answers, there is no second attempt",
    "heartbeat": "the same",
    "dead": "a meter that comes back is lost_request",
}
#: no line for all attempts, and why
ONLY_FIRST = {"executed_reply_lost": "an order is sent once, everything else is left alone"}


def _lines():
    section = _DOCUMENT.read_text(encoding="utf-8").split(_HEADING)[1].split("\n#")[0]
    head, _rule, *lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *lines)]
    return cells[0][2:], {(fault, which): row for fault, which, *row in cells[1:]}


COMMANDS, ROWS = _lines()


def expected(fault, which, command, link):
    """(how the job ends, executions allowed; None: it executes nothing) of one cell."""
    cell = ON_LINK.get((fault, which, link), {}).get(command)
    if cell is None:
        cell = ROWS[fault, which][COMMANDS.index(command)]
    end, _space, times = cell.partition(" ")
    if not times:
        return end, None
    least, _dash, most = times.partition("-")
    return end, range(int(least), int(most or least) + 1)
