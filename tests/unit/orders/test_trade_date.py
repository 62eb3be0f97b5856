"""The trading day of a moment, by the instrument's own sessions."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orders.models.trade_date import trade_date

CHICAGO = "US/Central"
#: Sunday and Monday evening to the next afternoon, as futures trade.
SESSIONS = [
    ["2026-11-22T23:00:00+00:00", "2026-11-23T22:00:00+00:00"],
    ["2026-11-23T23:00:00+00:00", "2026-11-24T22:00:00+00:00"],
]


@pytest.mark.parametrize(
    ("day", "hour", "is_of"),
    [(22, 23, 23), (23, 15, 23), (23, 22, 23), (23, 23, 24), (24, 5, 24), (25, 5, 24)],
)
def test_an_evening_session_counts_for_the_day_on_which_it_ends(day: int, hour: int, is_of: int) -> None:
    at = datetime(2026, 11, day, hour, tzinfo=UTC)
    assert trade_date(at, CHICAGO, SESSIONS) == date(2026, 11, is_of)


def test_without_sessions_it_is_the_day_at_the_exchange() -> None:
    evening = datetime(2026, 11, 24, 2, tzinfo=UTC)
    assert trade_date(evening, "US/Eastern", []) == date(2026, 11, 23)
    assert trade_date(evening, "", []) == date(2026, 11, 24)
