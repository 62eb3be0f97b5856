"""The gateway's own time zone, and the form in which it writes times.

Real ones write the name that their machine has: an IANA name, a short one of Java, a long one of Windows or
an offset; some write UTC with a dash, some no zone at all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: From here on times carry their zone (server version 174).
ZONED_TIMES = 174
#: Names that machines have and the time zone database has not, or has without summer time.
_MACHINE_NAMES = {
    **{"EST": "America/New_York", "EDT": "America/New_York", "Eastern Standard Time": "America/New_York"},
    **{"CST": "America/Chicago", "CDT": "America/Chicago", "Central Standard Time": "America/Chicago"},
    **{"MST": "America/Denver", "MDT": "America/Denver", "Mountain Standard Time": "America/Denver"},
    **{"PST": "America/Los_Angeles", "PDT": "America/Los_Angeles"},
    "Pacific Standard Time": "America/Los_Angeles",
    **{"BST": "Europe/London", "British Summer Time": "Europe/London", "GMT Standard Time": "Europe/London"},
    **{"CET": "Europe/Berlin", "CEST": "Europe/Berlin", "Central European Standard Time": "Europe/Berlin"},
    "W. Europe Standard Time": "Europe/Berlin",
    **{"MSK": "Europe/Moscow", "IST": "Asia/Kolkata", "India Standard Time": "Asia/Kolkata"},
    **{"HKT": "Asia/Hong_Kong", "SGT": "Asia/Singapore", "China Standard Time": "Asia/Shanghai"},
    **{"JST": "Asia/Tokyo", "Tokyo Standard Time": "Asia/Tokyo", "KST": "Asia/Seoul"},
    **{
        "AEST": "Australia/Sydney",
        "AEDT": "Australia/Sydney",
        "AUS Eastern Standard Time": "Australia/Sydney",
    },
}
_OFFSET = re.compile(r"(?:GMT|UTC)([+-])(\d{1,2}):?(\d{2})?", re.ASCII)


class TimeForm(StrEnum):
    """How times are written: `20261127 22:34:20 JST`, `20261127-13:34:20` (UTC), `20261127  22:34:20`."""

    ZONE = "zone"
    DASH = "dash"
    NONE = "none"


class HomeZone:
    """Where the gateway stands, by the name that it writes; `form` holds for clients of 174 and above.

    A name that nobody knows is given with its place: `Ortszeit=Europe/Berlin`. Raises ValueError.
    """

    def __init__(self, setting: str = "UTC", form: TimeForm = TimeForm.ZONE) -> None:
        self.become(setting, form)

    def become(self, setting: str, form: TimeForm) -> None:
        """Write times so from now on; raises ValueError, and nothing has changed."""
        name, _, place = setting.partition("=")
        self.place: tzinfo = _place(place or name)
        self.name, self.form = name, form

    def write(self, moment: datetime, version: int) -> str:
        """Return a time of today or of the past, in whole seconds, as a client of `version` receives it."""
        form = self.form if version >= ZONED_TIMES else TimeForm.NONE
        return _second(int(moment.timestamp()), self.name, self.place, form)

    def write_zoned(self, moment: datetime) -> str:
        """Return a time where the zone is always written: the greeting, a completed order's end."""
        return _second(int(moment.timestamp()), self.name, self.place, TimeForm.ZONE)

    def date_number(self, moment: datetime) -> int:
        """Return the day here as clients write it: 20261127."""
        return int(f"{moment.astimezone(self.place):%Y%m%d}")

    def midnight(self, now: datetime) -> datetime:
        """Return when the day of `now` began here, in UTC."""
        start = now.astimezone(self.place).replace(hour=0, minute=0, second=0, microsecond=0)
        return start.astimezone(UTC)


@lru_cache(maxsize=1024)
def _second(epoch_seconds: int, name: str, place: tzinfo, form: TimeForm) -> str:
    if form is TimeForm.DASH:
        return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y%m%d-%H:%M:%S}"
    moment = datetime.fromtimestamp(epoch_seconds, place)
    if form is TimeForm.ZONE:
        return f"{moment:%Y%m%d %H:%M:%S} {name}"
    return f"{moment:%Y%m%d  %H:%M:%S}"


def _place(name: str) -> tzinfo:
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign, hours, minutes = offset.groups()
        length = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(length if sign == "+" else -length)
    try:
        return ZoneInfo(_MACHINE_NAMES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"nobody knows the time zone {name!r}: write it as NAME=Area/City") from error
