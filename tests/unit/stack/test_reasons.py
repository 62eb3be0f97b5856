"""The one line of a log that tells why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradedesk.stack.processes.reasons import LONGEST, last_words

TRACEBACK = """Traceback (most recent call last):
  File "x.py", line 1, in <module>
ModuleNotFoundError: No module named 'x'
[INFO] Shutting down
"""
POSTGRES = """2026-01-01 LOG:  starting
2026-01-01 FATAL:  could not create any TCP/IP sockets
2026-01-01 LOG:  database system is shut down
"""


INITDB = """running bootstrap script ... FATAL:  could not extend file "base/1/1255": No space left on device
child process exited with exit code 1
initdb: removing contents of data directory "x"
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (TRACEBACK, "ModuleNotFoundError: No module named 'x'"),
        (POSTGRES, "2026-01-01 FATAL:  could not create any TCP/IP sockets"),
        (INITDB, INITDB.splitlines()[0]),
        ("one\ntwo\n\n", "two"),
        ("", "it said nothing"),
        ("x" * 1000, "x" * LONGEST),
    ],
)
def test_the_cause_is_shown_rather_than_the_farewell(tmp_path: Path, log: str, reason: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == reason


def test_a_log_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == "it said nothing"
