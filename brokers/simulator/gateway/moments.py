"""Times as clients write them: `20261123 15:30:00 US/Eastern`, `20261123-20:30:00` (UTC), `15:30:00`."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: The gateway's own zone: that of times without one.
HOME = UTC


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment; raises ValueError if the text is none."""
    words = text.strip().replace("-", " ").split(" ")
    words = [word for word in words if word]
    if words and ":" in words[0]:
        words.insert(0, f"{now.astimezone(HOME):%Y%m%d}")
    if len(words) == 1:
        words.append("00:00:00")
    zone = _zone(words[2]) if len(words) > 2 else HOME
    if len(words) > 3 or len(words) < 2:
        raise ValueError(f"no time: {text!r}")
    moment = datetime.strptime(" ".join(words[:2]), "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    if not 2000 <= moment.year <= 2100:
        raise ValueError(f"no time of ours: {text!r}")
    return moment


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo({"EST": "US/Eastern", "EDT": "US/Eastern", "PST": "US/Pacific"}.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone: {name!r}") from error
