"""Being asked to stop: Ctrl-C, SIGTERM and a closed terminal mean the same, and only once."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self

ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """A context in which the first request to stop raises KeyboardInterrupt and later ones are ignored.

    The way down is bounded in time and must be walked to its end, or processes would be left behind.
    """

    def __init__(self) -> None:
        self.before: dict[signal.Signals, Any] = {}
        self.asked = False

    def __enter__(self) -> Self:
        self.before = {number: signal.signal(number, self._interrupt) for number in ASKED_TO_STOP}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self.ignore()
        if not in_destructor(frame):
            raise KeyboardInterrupt

    def heed(self) -> None:
        """Raise what could not be raised in a destructor: Python drops it there, with a traceback."""
        if self.asked:
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """From now on, nothing interrupts."""
        for number in ASKED_TO_STOP:
            signal.signal(number, signal.SIG_IGN)


def in_destructor(frame: FrameType | None) -> bool:
    """Whether Python runs a `__del__` here, or what it called."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None
