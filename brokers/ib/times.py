"""Times as gateways write them: in UTC with a dash, in a named zone, in the gateway's own, or as seconds.

The name is whatever the machine or the login window calls its zone (facts: rib #5, Jib.jl #6, ib_async #188).
A name that means nothing to us is no reason to lose an execution: its time of arrival is taken, and a person
is told once what to set.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from brokers import time_zones
from brokers.port import Listener

#: `20261127 22:34:20 JST`, `20261127-13:34:20` (UTC), `20261127  22:34:20` (the gateway's own zone).
MOMENT = re.compile(r"(\d{8})(-| +)(\d{1,2}:\d{2}:\d{2})(?:\.\d+)?(?: +(\S.*?))?", re.ASCII)
#: Nothing is executed later than now, but clocks differ.
AHEAD = timedelta(minutes=15)
#: The gateway's clock and ours may differ by so much when one of two readings is chosen.
SLACK = timedelta(minutes=5)
MOST_TOLD = 100  # different troubles; who makes up ever new names is told of no more
TELL = "Set TRADEDESK_TIME_ZONES, such as {session}=America/New_York, to the time zone of the gateway."


class GatewayTimes:
    """Reads one gateway's times; `zone` is its own as configured, None when it is not."""

    def __init__(self, session: str, zone: tzinfo | None, listener: Listener) -> None:
        self.session = session
        self.zone = zone
        self.listener = listener
        #: What the gateway calls its own zone: its greeting says so.
        self.home = ""
        self._told: set[str] = set()
        self._last_in_double_hour: datetime | None = None

    def learn(self, greeting: str) -> None:
        """Take the gateway's own zone from the time that it greets with."""
        found = MOMENT.fullmatch(greeting.strip())
        self.home = (found[4] or "") if found else ""

    def read(self, text: str, arrived: datetime) -> datetime:
        """The moment in UTC; the time of arrival for what cannot be read."""
        found = MOMENT.fullmatch(text.strip())
        if found is None:
            return self._seconds(text, arrived)
        date, gap, time, name = found.groups()
        try:
            local = datetime.fromisoformat(f"{date}T{time:0>8}")
        except ValueError:
            return self._arrival(text, arrived)
        if gap == "-" and not name:
            return local.replace(tzinfo=UTC)
        zone = self._zone(name or "", arrived)
        return self._place(local, zone, arrived) if zone else arrived

    def _seconds(self, text: str, arrived: datetime) -> datetime:
        if text.isascii() and text.isdigit() and len(text) in (9, 10):
            return datetime.fromtimestamp(int(text), UTC)
        return self._arrival(text, arrived)

    def _arrival(self, text: str, arrived: datetime) -> datetime:
        self._tell_once(
            "a time", f"says times of no form that is known ({text[:40]!r}): taken as they arrive"
        )
        return arrived

    def _zone(self, name: str, arrived: datetime) -> tzinfo | None:
        """The zone that is meant; None when nobody can tell."""
        if exact := time_zones.standard(name):
            return exact
        if self.zone or not name:
            return self.zone or time_zones.find(self.home) or UTC
        zone = time_zones.find(name)
        taken = f"read as {zone}" if zone else "the time of arrival is taken"
        self._tell_once(name, f"stamps executions with {name!r}, which is no name of a time zone: {taken}")
        return zone

    def _place(self, local: datetime, zone: tzinfo, arrived: datetime) -> datetime:
        first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        # In spring the clock leaps: then the second reading is the earlier one, and no hour is told twice.
        moment = self._of_double_hour(first, second, arrived) if first < second else first
        if moment > arrived + AHEAD and not self.zone:
            self._tell_once("its clock", "executes in the future: the time of arrival is taken")
            return arrived
        return moment

    def _of_double_hour(self, first: datetime, second: datetime, arrived: datetime) -> datetime:
        """In autumn one hour is told twice: told apart by when it arrives, and by what came before it."""
        text = "stamps an hour that comes twice tonight: executions of it may be an hour off"
        self._tell_once(f"double hour {first:%Y-%m-%d}", text)
        last = self._last_in_double_hour
        is_first = arrived + SLACK < second or (arrived - second > SLACK and (last is None or first >= last))
        self._last_in_double_hour = moment = first if is_first else second
        return moment

    def _tell_once(self, subject: str, what: str) -> None:
        if subject not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(subject)
            words = f"The gateway of session {self.session} {what}. "
            self.listener.alarm(f"time zone: {subject}", words + TELL.format(session=self.session))
