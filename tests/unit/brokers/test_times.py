"""Times of gateways: any name of a zone, any form, and no execution lost for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from brokers import time_zones
from brokers.ib.times import MOST_TOLD, GatewayTimes
from orders.models.trade_date import trade_date
from tradedesk import env

ARRIVED = datetime(2026, 11, 27, 13, 34, 21, tzinfo=UTC)


class Person:
    """Who is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def alarm(self, subject: str, text: str) -> None:
        self.told.append((subject, text))


def times(person: Person | None = None, zone: str = "") -> GatewayTimes:
    return GatewayTimes("main", time_zones.find(zone), cast(Any, person or Person()))


@pytest.mark.parametrize(
    "text",
    [
        "20261127-13:34:20", "20261127 13:34:20 UTC", "20261127 13:34:20 Universal",
        "20261127 08:34:20 US/Eastern", "20261127 14:34:20 MET", "20261127 14:34:20 CET",
        "20261127 08:34:20 EST", "20261127 22:34:20 JST", "20261127 21:34:20 HKT",
        "20261127 16:34:20 MSK", "20261127 08:34:20 GMT-05:00", "20261127 19:04:20 GMT+5:30",
        "20261127 08:34:20 -0500", "20261127 07:34:20 Central Standard Time", "20261127 13:34:20",
        "20261127 22:34:20 Tokyo Standard Time", "20261127 22:34:20 JST (Japan Standard Time)",
        "20261127  13:34:20", "1795786460",
    ],
)  # fmt: skip
def test_a_time_of_any_form_is_read(text: str) -> None:
    assert times().read(text, ARRIVED) == datetime(2026, 11, 27, 13, 34, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("greeting", "hour"),
    [
        ("20261127 08:34:19 US/Eastern", 13), ("20261127 22:34:19 JST", -1), ("20261127 08:34:19 EST", 13),
        ("20261127 14:34:19 Mitteleuropäische Zeit", 7), ("20261127-13:34:19", 8), ("", 8),
    ],
)  # fmt: skip
def test_a_time_without_a_zone_is_of_the_zone_that_the_gateway_greets_in(greeting: str, hour: int) -> None:
    one = times()
    one.learn(greeting)
    read = one.read("20261127  08:34:20", ARRIVED.replace(hour=23))
    assert read == datetime(2026, 11, 27, 0, 34, 20, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Hong Kong Standard Time", "Asia/Hong_Kong"),
        ("Japan Standard Time", "Asia/Tokyo"),
        ("Eastern Daylight Time", "America/New_York"),
        ("W. Europe Daylight Time", "Europe/Berlin"),
    ],
)
def test_long_names_of_java_and_of_windows_in_summer_are_known(name: str, zone: str) -> None:
    assert str(time_zones.find(name)) == zone


@pytest.mark.parametrize("name", ["utc", "Z", "us/eastern", "EST5EDT", "eastern standard time", "edt", "Utc"])
def test_a_name_is_known_in_small_letters_too(name: str) -> None:
    assert time_zones.find(name) is not None


@pytest.mark.parametrize(
    "name", ["JST", "Central Standard Time", "GMT-05:00", "CST", "BST", "IST", "Nowhere/At all"]
)
def test_a_name_that_no_database_has_is_told_once_with_what_to_set(name: str) -> None:
    person = Person()
    one = times(person)
    for _ in range(3):
        one.read(f"20261127 06:34:20 {name}", ARRIVED)
    ((subject, text),) = person.told
    assert name in subject
    assert "TRADEDESK_TIME_ZONES" in text


@pytest.mark.parametrize("name", ["MET", "CET", "EST", "US/Eastern", "Universal", "UTC"])
def test_a_name_of_the_database_is_nothing_to_tell(name: str) -> None:
    person = Person()
    times(person).read(f"20261127 08:34:20 {name}", ARRIVED)
    assert not person.told


@pytest.mark.parametrize("name", ["CST", "BST", "IST", "Nowhere/At all", "../../etc/passwd"])
def test_a_name_that_may_mean_several_places_leaves_the_time_of_arrival(name: str) -> None:
    assert times().read(f"20261127 22:34:20 {name}", ARRIVED) == ARRIVED


@pytest.mark.parametrize("text", ["20261127 22:34:20", "20261127  22:34:20", "20261127 22:34:20 CST"])
def test_the_configured_zone_reads_what_names_none(text: str) -> None:
    person = Person()
    read = times(person, "Asia/Tokyo").read(text, ARRIVED)
    assert (read, person.told) == (datetime(2026, 11, 27, 13, 34, 20, tzinfo=UTC), [])


def test_a_time_in_the_future_is_that_of_arrival() -> None:
    person = Person()
    assert times(person).read("20261127 22:34:20", ARRIVED) == ARRIVED
    assert "TRADEDESK_TIME_ZONES" in person.told[0][1]


@given(text=st.text(max_size=40) | st.from_regex(r"\d{8}[- ]\d{1,2}:\d{2}:\d{2}( \w{1,8})?", fullmatch=True))
def test_no_text_is_too_strange_for_a_time(text: str) -> None:
    assert times().read(text, ARRIVED).tzinfo is UTC


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=1)])
def test_the_hour_that_comes_twice_is_told_apart_by_its_arrival(offset: timedelta) -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 summer time; an hour later it is 01:30 again
    person = Person()
    said = "20261101 01:30:00 US/Eastern"
    assert times(person).read(said, first + offset + timedelta(seconds=2)) == first + offset
    assert "an hour off" in person.told[0][1]


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    """Told again the next morning: where the clock goes back, the second hour has begun."""
    one, morning = times(), datetime(2026, 11, 1, 14, 0, tzinfo=UTC)
    said = ["01:30", "01:50", "01:10", "01:55"]
    read = [one.read(f"20261101 {time}:00 US/Eastern", morning) for time in said]
    assert [f"{moment:%H:%M}" for moment in read] == ["05:30", "05:50", "06:10", "06:55"]


def test_an_hour_that_the_spring_leaves_out_is_read() -> None:
    read = times().read("20260308 02:30:00 US/Eastern", datetime(2026, 3, 8, 12, tzinfo=UTC))
    assert abs(read - datetime(2026, 3, 8, 7, 0, tzinfo=UTC)) <= timedelta(minutes=30)


def test_an_instrument_in_an_unknown_zone_still_has_a_trading_day() -> None:
    assert trade_date(ARRIVED, "Nowhere/At all", []) == ARRIVED.date()


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("", {}),
        ("Asia/Tokyo", {"main": "Asia/Tokyo", "second": "Asia/Tokyo"}),
        ("second=US/Eastern", {"second": "US/Eastern"}),
    ],
)
def test_each_session_may_have_a_time_zone_of_its_own(
    monkeypatch: pytest.MonkeyPatch, text: str, zones: dict[str, str]
) -> None:
    monkeypatch.setenv("TRADEDESK_TIME_ZONES", text)
    assert env.time_zones_of(["main", "second"]) == zones


@pytest.mark.parametrize("text", ["Nowhere", "third=US/Eastern", "=US/Eastern,CST"])
def test_a_wrong_time_zone_stops_the_start_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TRADEDESK_TIME_ZONES", text)
    with pytest.raises(ImproperlyConfigured, match="TRADEDESK_TIME_ZONES"):
        env.time_zones_of(["main", "second"])


def test_ever_new_names_of_zones_are_neither_told_nor_remembered_for_ever() -> None:
    person = Person()
    of_gateway = times(person)
    for number in range(3 * MOST_TOLD):
        of_gateway.read(f"20261127 13:34:20 Nowhere{number}", ARRIVED)
    assert len(person.told) == MOST_TOLD
