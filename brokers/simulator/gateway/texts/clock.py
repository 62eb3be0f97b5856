"""The gateway's own clock, which need not be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class GatewayClock:
    """The machine's time, `offset` seconds ahead."""

    def __init__(self, machine: Callable[[], datetime]) -> None:
        self._machine = machine
        self.offset = 0.0

    def __call__(self) -> datetime:
        return self._machine() + timedelta(seconds=self.offset)
