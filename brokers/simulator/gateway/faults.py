"""Faults that were asked for: what is wrong, and how many times more."""

from __future__ import annotations

import msgspec

#: Every kind, and what it does. `count` is how often (for delay_ms and hang: see there).
KINDS = {
    "no_ack": "work the next `count` placeOrders but swallow their immediate answers",
    "drop_place": "ignore the next `count` placeOrders",
    "reject": "reject the next `count` orders with error 201 and `reason`",
    "disconnect": "close every client connection now",
    "delay_ms": "hold every answer back for `ms` milliseconds, until `ms` is 0 again",
    "hang": "stop reading what clients send for `seconds`",
    "link_lost": "lose the link to IB (1100): orders wait, nothing is told",
    "link_restored": "bring it back (1102, or 1101 with `data_lost`)",
}
_COUNTED = frozenset({"no_ack", "drop_place", "reject"})


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault as the control port takes it."""

    kind: str
    count: int = 1
    reason: str = "The exchange rejected the order."
    ms: int = 0
    seconds: float = 0.0
    data_lost: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.count < 0 or self.ms < 0 or self.seconds < 0:
            raise ValueError("count, ms and seconds must not be negative")


class Faults:
    """The faults that still have something to do."""

    def __init__(self) -> None:
        self._counted: dict[str, Fault] = {}
        self.delay_ms = 0

    def add(self, fault: Fault) -> None:
        """Arm a fault; one of the same kind is replaced, a count of 0 disarms it."""
        if fault.kind == "delay_ms":
            self.delay_ms = fault.ms
        elif fault.kind in _COUNTED:
            self._counted[fault.kind] = fault

    def take(self, kind: str) -> bool:
        """Use a counted fault up by one; False if none is armed."""
        fault = self._counted.get(kind)
        if fault is None or not fault.count:
            return False
        fault.count -= 1
        return True

    def reason(self, kind: str) -> str:
        """Return the text that goes with a fault that was just used."""
        return self._counted[kind].reason

    def clear(self) -> None:
        """Disarm everything."""
        self._counted.clear()
        self.delay_ms = 0

    def active(self) -> list[Fault]:
        """Return what is still armed."""
        delays = [Fault(kind="delay_ms", ms=self.delay_ms)] if self.delay_ms else []
        return [fault for fault in self._counted.values() if fault.count] + delays
