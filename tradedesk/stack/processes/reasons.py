"""Reading a log for the one line that says why a process ended."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_BYTES = 20_000
LONGEST = 300  # characters of a line that are shown
# The last line of a Python traceback, PostgreSQL's and Valkey's own words for what they cannot do.
CAUSE = re.compile(r"^([\w.]+(Error|Exception|Failure)\b|.*(FATAL|\[ERROR\]|Fatal|Failed|[Cc]ould not))")


def last_words(log: Path) -> str:
    """The cause in the end of a log."""
    return cause_in(tail(log))


def cause_in(text: str) -> str:
    """The last line that names a cause, else the last line; a plain remark when there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if CAUSE.match(line)]
    return ((causes or lines or ["it said nothing"])[-1])[:LONGEST]


def tail(log: Path) -> str:
    """The end of a log; empty when there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
