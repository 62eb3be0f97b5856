"""The profiler inside a process of the measured system: writes down every call of product code.

`python -m tradedesk.bench.path.recorder SCRIPT ...` and `... -m MODULE ...` run a program under it.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tradedesk.bench.path.rooms import product_file

CALLS_FILE = "TRADEDESK_BENCH_CALLS"  # where a process writes; its pid is appended
WRITE_EVERY = 0.1  # seconds
INBOX_TABLE = "brokers_inboxmessage"

Describe = Callable[[FrameType], str]


def statement_on_inbox(frame: FrameType) -> str:
    """The verb of a statement that writes to the inbox; empty for all others."""
    query = frame.f_locals.get("query")
    text = query.decode("utf-8", "replace") if isinstance(query, bytes) else str(query)
    return text.split()[0].upper() if INBOX_TABLE in text else ""


#: Functions of libraries at which a leg begins or ends: (end of the file, function): (kind, what to record).
BORDERS: dict[tuple[str, str], tuple[str, Describe]] = {
    ("ib_async/connection.py", "sendMsg"): ("sent", lambda frame: repr(frame.f_locals["msg"])),
    ("psycopg/connection.py", "commit"): ("commit", lambda frame: "-"),
    ("psycopg/cursor.py", "execute"): ("inbox", statement_on_inbox),
}


class Recorder:
    """Records of (kind, thread, monotonic ns, text); all processes of a machine have the same clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._records: deque[tuple[str, int, int, str]] = deque()
        # By id, because comparing code objects compares all they hold. The code is kept, so the id stays its.
        self._known: dict[int, tuple[CodeType, str, tuple[str, Describe] | None]] = {}
        threading.Thread(target=self._write_forever, name="bench-calls", daemon=True).start()

    def record(self, kind: str, text: str) -> None:
        """Write down that something happened on this thread."""
        self._records.append((kind, threading.get_ident(), time.monotonic_ns(), text))

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """What `sys.setprofile` calls; a generator that goes on is entered again."""
        if event not in ("call", "return"):
            return
        code = frame.f_code
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = (code, name_of(code), border_of(code))
        _, name, border = known
        if name:
            self.record(event, name)
        elif border and event == "call" and (text := border[1](frame)):
            self.record(border[0], text)

    def _write_forever(self) -> None:
        with self._file.open("a") as file:
            while True:
                time.sleep(WRITE_EVERY)
                while self._records:
                    kind, thread, at, text = self._records.popleft()
                    file.write(f"{kind}\t{thread}\t{at}\t{text}\n")
                file.flush()


def name_of(code: CodeType) -> str:
    """File, line and name of a product function; comprehensions, lambdas and modules are none."""
    file = "" if code.co_name.startswith("<") else product_file(code.co_filename)
    return f"{file}:{code.co_firstlineno} {code.co_qualname}" if file else ""


def border_of(code: CodeType) -> tuple[str, Describe] | None:
    """What is recorded when this function of a library is called."""
    return next(
        (
            recorded
            for (file, name), recorded in BORDERS.items()
            if code.co_name == name and code.co_filename.endswith(file)
        ),
        None,
    )


@cache
def recorder() -> Recorder:
    """This process's recorder; threads that Python starts from now on are recorded, and this one."""
    made = Recorder(Path(f"{os.environ[CALLS_FILE]}.{os.getpid()}"))
    threading.setprofile(made.profile)
    sys.setprofile(made.profile)
    return made


def main() -> None:
    """Run the program that the arguments name."""
    del sys.argv[0]
    recorder()
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
