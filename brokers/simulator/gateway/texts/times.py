"""Times and durations as clients write them, and as the answers do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from brokers.simulator.gateway.texts.refusals import Refusal, Refused, validation

DAY = 86_400
WEEK, MONTH = 7 * DAY, 30 * DAY
_UNITS = {"S": 1, "D": DAY, "W": WEEK, "M": MONTH, "Y": 365 * DAY}
_IN_YEARS = "Historical data requests for durations longer than {} must be made in years."
_LEAST_SECONDS = 30
#: How many of a unit may be asked for, and what is said to more.
_LONGEST = {
    "S": (DAY, f"Historical data request for greater than {DAY} seconds rejected."),
    "D": (365, _IN_YEARS.format("365 days")),
    "W": (52, _IN_YEARS.format("52 weeks")),
    "M": (12, _IN_YEARS.format("12 months")),
    "Y": (100, "Historical data requested duration is invalid."),
}
_DURATION_FORM = (
    "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y)."
)
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": DAY, "week": WEEK, "month": MONTH}
_ZONED_TIMES = 174
#: Every bar size that may be asked for, in seconds; those of weeks and months stand for calendar ones.
BAR_SIZES = {
    **{f"{count} secs": count for count in (1, 5, 10, 15, 30)},
    **{f"{count} min{'s' if count > 1 else ''}": count * 60 for count in (1, 2, 3, 5, 10, 15, 20, 30)},
    **{f"{count} hour{'s' if count > 1 else ''}": count * 3600 for count in (1, 2, 3, 4, 8)},
    "1 day": DAY,
    "1 week": WEEK,
    "1 month": MONTH,
}
#: Other spellings that gateways take.
_SPELLINGS = {"1 sec": "1 secs", "1 W": "1 week", "1W": "1 week", "1 M": "1 month", "1M": "1 month"}
#: `20261123 15:30:00 US/Eastern`, `20261123-20:30:00` (UTC), `20261123`, `15:30:00` (today).
_MOMENT = re.compile(
    r"(?:([0-9]{8})(?:[ -]+|$))?([0-9]{1,2}:[0-9]{2}:[0-9]{2})?(?: *([A-Za-z]\S*))?", re.ASCII
)
#: Short names that gateways write; as zones of their own they would know no summer.
_SHORT_ZONES = {"EST": "US/Eastern", "EDT": "US/Eastern", "PST": "US/Pacific"}
#: The gateway's own zone: that of times without one.
HOME = UTC
_BAD_TIME = Refusal(
    10314,
    "End Date/Time: The date, time, or time-zone entered is invalid. "
    "The correct format is yyyymmdd hh:mm:ss xx/xxxx",
)


def parse_moment(text: str, now: datetime | None, home: tzinfo | None = None) -> datetime:
    """Return the moment that a text means; `now` says which day a time without a date is on.

    A dash between date and time means UTC; no zone means `home`, or that of `now`. Raises ValueError if the
    text is none.
    """
    home = home or (now and now.tzinfo) or HOME
    found = _MOMENT.fullmatch(text.strip())
    date, time, name = found.groups() if found else (None, None, None)
    where = _named_zone(name) if name else UTC if "-" in text else home
    if time and not date and now:
        date = f"{now.astimezone(where):%Y%m%d}"
    if not date:
        raise ValueError(f"no time: {text!r}")
    moment = datetime.strptime(f"{date} {time or '00:00:00'}", "%Y%m%d %H:%M:%S").replace(tzinfo=where)
    if not 1970 <= moment.year <= 2100:
        raise ValueError(f"no time of ours: {text!r}")
    return moment


def _named_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(_SHORT_ZONES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone: {name!r}") from error


def read_time(text: str, zone: tzinfo = HOME) -> int:
    """Return the epoch seconds of a date with or without a time; raises Refused (10314)."""
    try:
        return int(parse_moment(text, None, zone).timestamp())
    except ValueError:
        raise Refused(_BAD_TIME) from None


def read_duration(text: str) -> int:
    """Return the seconds of `3600 S`, `2 D`, `1 Y`; a number alone is seconds. Raises Refused (321)."""
    if not text.strip():
        raise Refused(validation("Historical data request duration not specified."))
    count, _, letter = text.strip().partition(" ")
    unit = letter.upper() if letter or not count.isdecimal() else "S"
    if not (count.isascii() and count.isdecimal()) or unit not in _UNITS:
        raise Refused(validation(_DURATION_FORM))
    if len(count) > 9 or int(count) < (_LEAST_SECONDS if unit == "S" else 1):
        raise Refused(validation("Historical data requested duration is invalid."))
    most, otherwise = _LONGEST[unit]
    if int(count) > most:
        raise Refused(validation(otherwise))
    return int(count) * _UNITS[unit]


def read_bar_size(text: str) -> int:
    """Return the seconds of a bar size; raises Refused (321)."""
    seconds = BAR_SIZES.get(_SPELLINGS.get(text.strip(), text.strip()))
    if seconds is None:
        legal = ", ".join(BAR_SIZES)
        raise Refused(validation(f"Historical data bar size setting is invalid. Legal ones are: {legal}"))
    return seconds


def read_period(text: str) -> int:
    """Return the seconds of `3 days`; raises Refused (321)."""
    count, _, unit = text.strip().partition(" ")
    seconds = _PERIODS.get(unit.rstrip("s"))
    if not count.isdecimal() or seconds is None or len(count) > 4:
        raise Refused(validation(f"Invalid time period '{text}'"))
    return int(count) * seconds


def bar_date(moment: int, seconds: int, zone_name: str, version: int, *, as_epoch: bool) -> str:
    """Return how a bar's time is written: a date for days and longer, else local time or epoch seconds."""
    if seconds >= DAY:
        return f"{datetime.fromtimestamp(moment, UTC):%Y%m%d}"
    return str(moment) if as_epoch else local_time(moment, zone_name, version)


def local_time(moment: int, zone_name: str, version: int) -> str:
    """Return a time in the instrument's zone, which is named from server version 174 on."""
    local = datetime.fromtimestamp(moment, zone(zone_name))
    return f"{local:%Y%m%d %H:%M:%S} {zone_name}" if version >= _ZONED_TIMES else f"{local:%Y%m%d  %H:%M:%S}"


def utc_time(moment: int) -> str:
    """Return `yyyymmdd-hh:mm:ss`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y%m%d-%H:%M:%S}"


def zone(name: str) -> tzinfo:
    """Return a time zone by the name that contract details give."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return UTC
