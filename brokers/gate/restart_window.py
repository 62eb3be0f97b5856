"""The gateway's daily restart: orders sent in that minute vanish, so none is sent around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from brokers import time_zones


@dataclass(frozen=True)
class RestartWindow:
    """A span of each day in a time zone; it may cross midnight. `begin` is in it, `end` is not."""

    begin: time
    end: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> RestartWindow | None:
        """From "23:40-23:50 America/New_York"; None for an empty text. Raises ValueError."""
        if not text.strip():
            return None
        found = re.fullmatch(r"\s*(\d\d:\d\d)-(\d\d:\d\d)\s+(\S+)\s*", text)
        if not found:
            raise ValueError(f"expected HH:MM-HH:MM Zone, not {text!r}")
        zone = time_zones.named(found[3])
        begin, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
        if begin == end:
            raise ValueError("the window is empty")
        return cls(begin, end, zone)

    def covers(self, at: datetime) -> bool:
        """Whether this moment is in the window."""
        local = at.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end

    def next_begin(self, now: datetime) -> datetime:
        """When it begins next, after now."""
        local = now.astimezone(self.zone)
        begin = datetime.combine(local.date(), self.begin, tzinfo=self.zone)
        return (
            begin
            if begin > local
            else datetime.combine(local.date() + timedelta(days=1), self.begin, tzinfo=self.zone)
        )

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M} {self.zone.key}"
