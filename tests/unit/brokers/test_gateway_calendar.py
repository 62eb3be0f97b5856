"""What a gateway's calendar says of the days to come, holidays among them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brokers.gate.gateway_calendar import Coming, GatewayCalendar
from brokers.gate.market_hours import MarketHours
from brokers.gate.restart_window import RestartWindow
from brokers.gate.weekly_login import WeeklyLogin

NEW_YORK = "NYSE 09:30-16:00 America/New_York"


def calendar(restart: str = "", login: str = "", market: str = NEW_YORK) -> GatewayCalendar:
    return GatewayCalendar(
        restart=RestartWindow.parse(restart),
        login=WeeklyLogin.parse(login),
        market=MarketHours.parse(market),
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_login_that_ends_before_a_holiday_is_needed_on_the_day_after() -> None:
    """Labor Day 2026 is Monday, 7 September."""
    (ends,) = [
        entry
        for entry in calendar(login="Sun 01:00 America/New_York").ahead(at("2026-09-04 12:00"), days=4)
        if entry.what == Coming.LOGIN_ENDS
    ]
    assert ends.at == at("2026-09-06 05:00")
    assert "before Tue 2026-09-08 09:30" in ends.text


@pytest.mark.parametrize(
    ("market", "day", "what"),
    [
        (NEW_YORK, "2026-11-26", Coming.CLOSED),
        (NEW_YORK, "2026-11-27", Coming.EARLY_CLOSE),
        ("XLON 08:00-16:30 Europe/London", "2026-12-28", Coming.CLOSED),
        ("XHKG 09:30-16:00 Asia/Hong_Kong", "2027-02-08", Coming.CLOSED),
        ("XETR 09:00-17:30 Europe/Berlin", "2026-12-25", Coming.CLOSED),
    ],
)
def test_days_without_a_market_are_named(market: str, day: str, what: Coming) -> None:
    found = calendar(market=market).ahead(at(f"{day} 08:00"), days=1)
    assert (f"{found[0].at:%Y-%m-%d}", found[0].what) == (day, what)


def test_a_restart_keeps_its_local_time_when_the_clocks_change() -> None:
    """New York leaves summer time on 1 November 2026."""
    found = calendar(restart="23:40-23:50 America/New_York", market="").ahead(at("2026-10-30 12:00"), days=4)
    assert [f"{entry.at.astimezone(UTC):%d %H:%M}" for entry in found] == [
        "31 03:40",
        "01 03:40",
        "02 04:40",
        "03 04:40",
    ]


def test_a_login_keeps_its_local_time_when_the_clocks_change() -> None:
    login = WeeklyLogin.parse("Sun 03:00 America/New_York")
    assert login is not None
    assert login.next(at("2026-10-30 12:00")) == at("2026-11-01 08:00")
    assert login.next(login.next(at("2026-10-20 12:00"))) == at("2026-11-01 08:00")


@pytest.mark.parametrize(
    ("restart", "warned"),
    [("15:55-16:05 America/New_York", True), ("23:40-23:50 America/New_York", False), ("", False)],
)
def test_a_restart_in_the_markets_hours_is_warned_of(restart: str, warned: bool) -> None:
    assert calendar(restart=restart).restarts_while_open(at("2026-11-28 12:00")) is warned


@pytest.mark.parametrize(
    "text",
    [
        "NYSE",
        "NOWHERE 09:30-16:00 America/New_York",
        "NYSE 16:00-09:30 America/New_York",
        "NYSE 09:30-16:00 Nowhere",
        "NYSE 09:30-16:00 America",
    ],
)
def test_hours_that_nobody_can_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no calendar|closes before|no time zone"):
        MarketHours.parse(text)


def test_a_year_of_every_exchange_can_be_walked() -> None:
    for exchange in ("NYSE", "XETR", "XLON", "XJPX", "XHKG", "XASX"):
        market = MarketHours.parse(f"{exchange} 09:30-16:00 UTC")
        assert market is not None
        moment = at("2026-01-01 00:00")
        while moment < at("2027-01-01 00:00"):
            following = market.next_open(moment)
            assert following > moment
            assert market.is_open(following)
            moment = following
