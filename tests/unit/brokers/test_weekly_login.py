"""The moment of the week at which a gateway's login ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brokers.gate.weekly_login import WeeklyLogin

SUNDAY = "Sun 01:00 America/New_York"


def login(text: str = SUNDAY) -> WeeklyLogin:
    found = WeeklyLogin.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 11, 29, 6, 0, tzinfo=UTC), datetime(2026, 11, 29, 6, 0, tzinfo=UTC)),
        (datetime(2026, 11, 29, 5, 59, tzinfo=UTC), datetime(2026, 11, 22, 6, 0, tzinfo=UTC)),
        (datetime(2026, 12, 2, 12, 0, tzinfo=UTC), datetime(2026, 11, 29, 6, 0, tzinfo=UTC)),
        (datetime(2026, 7, 5, 5, 0, tzinfo=UTC), datetime(2026, 7, 5, 5, 0, tzinfo=UTC)),  # summer time
    ],
)
def test_the_last_end_of_a_login_is_told_in_the_gateways_zone(now: datetime, last: datetime) -> None:
    assert login().last(now) == last


@pytest.mark.parametrize(
    "text", ["Sunday 01:00 UTC", "Sun 25:00 UTC", "Sun 01:00 Mars", "Sun 01:00 Asia", "Sun 01:00"]
)
def test_a_wrong_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|time zone|hour"):
        WeeklyLogin.parse(text)


def test_empty_means_none_and_it_is_shown_as_it_is_set() -> None:
    assert WeeklyLogin.parse("") is None
    assert str(login()) == SUNDAY
