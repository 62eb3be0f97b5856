"""How many messages a second a client may send, and what happens to those above (ib-api section 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.texts.refusals import Refusal

RATE = 50
#: The session ends with this many seconds in which there were too many messages.
MAX_VIOLATIONS = 3
_SECOND = timedelta(seconds=1)


class PacingMode(StrEnum):
    """A setting of real gateways: reject what is too much, or read it later. OFF is ours."""

    OFF = "off"
    REJECT = "reject"
    DELAY = "delay"


class Pacing:
    """Counts every message before it is read."""

    def __init__(self, clock: Callable[[], datetime], mode: PacingMode, rate: int = RATE) -> None:
        self._clock = clock
        self.mode, self.rate = mode, rate
        self._own = mode, rate

    @property
    def is_changed(self) -> bool:
        """Whether a fault has set another rule."""
        return (self.mode, self.rate) != self._own

    def set(self, mode: PacingMode, rate: int) -> None:
        """Work by another rule."""
        self.mode, self.rate = mode, rate

    def restore(self) -> None:
        """Work by the rule that the gateway was started with."""
        self.mode, self.rate = self._own

    def may_read(self, link: Link) -> bool:
        """Whether the next message may be read now, or has to wait for its second."""
        if self.mode is not PacingMode.DELAY:
            return True
        self._begin_second(link)
        return link.pace.received < self.rate

    def refuses(self, link: Link) -> bool:
        """Count a message; True if it is too much: an error was sent and the message must not be served."""
        if self.mode is PacingMode.OFF:
            return False
        self._begin_second(link)
        pace = link.pace
        pace.received += 1
        if self.mode is PacingMode.DELAY or pace.received <= self.rate:
            return False
        if pace.received == self.rate + 1:
            pace.violations += 1
        link.error(-1, *_too_many(self.rate, pace.received, pace.violations))
        if pace.violations >= MAX_VIOLATIONS:
            link.close(f"more than {self.rate} messages a second in {MAX_VIOLATIONS} seconds")
        return True

    def _begin_second(self, link: Link) -> None:
        now = self._clock()
        if link.pace.since is None or now - link.pace.since >= _SECOND:
            link.pace.since, link.pace.received = now, 0


def _too_many(most: int, received: int, violations: int) -> Refusal:
    """More messages a second than allowed (100)."""
    return Refusal(
        100,
        f"Max rate of messages per second has been exceeded:max={most} rec={received} ({violations})",
    )
