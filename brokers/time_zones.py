"""Time zones by any name that a Windows or Java machine writes; plain Python.

The names of the tz database are exact. Beyond them a machine may write an abbreviation (JST), an offset
(GMT-05:00), a Windows name (Central Standard Time). What may mean two places (CST, IST, BST) means none here.
"""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

#: Abbreviations that one part of the world uses; the tz database has none of them as a name.
ABBREVIATIONS = {
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore",
    "MSK": "Europe/Moscow",
    "CEST": "Europe/Berlin",
    "EEST": "Europe/Athens",
    "WEST": "Europe/Lisbon",
    "EDT": "America/New_York",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PDT": "America/Los_Angeles",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
    "SAST": "Africa/Johannesburg",
    "BRT": "America/Sao_Paulo",
    "MEZ": "Europe/Berlin",
    "MESZ": "Europe/Berlin",
    "IDT": "Asia/Jerusalem",
    "PKT": "Asia/Karachi",
    "ICT": "Asia/Bangkok",
    "WIB": "Asia/Jakarta",
    "AWST": "Australia/Perth",
    "ACST": "Australia/Adelaide",
    "ACDT": "Australia/Adelaide",
    "AKST": "America/Anchorage",
    "AKDT": "America/Anchorage",
    "Z": "UTC",
    # Java in English, where Windows has no such name.
    "Hong Kong Standard Time": "Asia/Hong_Kong",
    "Japan Standard Time": "Asia/Tokyo",
    "Central European Summer Time": "Europe/Berlin",
    # Windows in German.
    "Mitteleuropäische Zeit": "Europe/Berlin",
    "Mitteleuropäische Sommerzeit": "Europe/Berlin",
}
#: Java's custom ids: the sign is that of the offset, unlike in the tz database's Etc/GMT+5.
OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII)
#: "JST (Japan Standard Time)": older programs say both.
EXPLAINED = re.compile(r"(.*?)\s*\(.*\)")


@lru_cache(maxsize=256)
def standard(name: str) -> ZoneInfo | None:
    """The zone of this name in the tz database; None when it has none."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # not found; no name at all; a folder
        return None


def named(name: str) -> ZoneInfo:
    """The zone of this name in the tz database; raises ValueError."""
    if zone := standard(name):
        return zone
    raise ValueError(f"there is no time zone {name!r}")


@lru_cache(maxsize=256)
def find(name: str) -> tzinfo | None:
    """The zone that a machine means by this name; None when it means none, or may mean several."""
    explained = EXPLAINED.fullmatch(name)
    name = (explained[1] if explained else name).strip()
    return standard(name) or standard(_in_any_letters().get(name.casefold(), "")) or _offset(name)


@cache
def _in_any_letters() -> dict[str, str]:
    """Every name that means one zone, in small letters."""
    summer = {name.replace(" Standard ", " Daylight "): zone for name, zone in win_tz.items()}
    named = {**summer, **{name: name for name in available_timezones()}, **win_tz, **ABBREVIATIONS}
    return {name.casefold(): zone for name, zone in named.items()}


def _offset(name: str) -> tzinfo | None:
    found = OFFSET.fullmatch(name)
    minutes = int(found[2]) * 60 + int(found[3] or 0) if found else 0
    if not found or minutes >= 24 * 60:
        return None
    return timezone(timedelta(minutes=minutes if found[1] == "+" else -minutes))
