"""With a calendar, the past knows nights, weekends and holidays.

The clock of the bench: Monday, 2026-11-23, 12:00 UTC, before New York opens. Thursday the 26th is a holiday.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire import server_data as responses
from tests.unit.simulator.kit import Bench, contract, only

EURO = contract("EUR", sec_type="CASH", exchange="IDEALPRO")


def history(duration: str, bar_size: str, **fields: object) -> requests.ReqHistoricalData:
    terms = {"req_id": 1, "contract": contract(), "duration": duration, "bar_size": bar_size} | fields
    return requests.ReqHistoricalData(**terms)  # type: ignore[arg-type]


def bars(bench: Bench, *args: str, **fields: object) -> list[responses.HistoricalBar]:
    (answer,) = only(responses.HistoricalData, bench.send(history(*args, **fields)))
    return list(answer.bars)


@pytest.fixture
def keeping() -> Bench:
    return Bench(keeps_hours=True)


def local(row: responses.HistoricalBar) -> str:
    return row.date.removesuffix(" US/Eastern")


def test_with_a_calendar_there_are_no_bars_of_nights_and_weekends(keeping: Bench) -> None:
    rows = bars(keeping, "2 D", "30 mins")
    assert len(rows) == 26
    assert (local(rows[0]), local(rows[-1])) == ("20261119 09:30:00", "20261120 15:30:00")


def test_extended_hours_are_sent_to_who_asks_for_them(keeping: Bench) -> None:
    rows = bars(keeping, "2 D", "1 hour", use_rth=False)
    assert (local(rows[0]), local(rows[-1])) == ("20261120 04:00:00", "20261123 06:00:00")
    assert len(rows) == 16 + 3


def test_days_are_trading_days(keeping: Bench) -> None:
    keeping.skip(timedelta(days=5))
    rows = bars(keeping, "5 D", "1 day", end="20261128-12:00:00")
    assert [row.date for row in rows] == ["20261120", "20261123", "20261124", "20261125", "20261127"]


def test_the_first_hour_of_a_day_begins_at_its_opening(keeping: Bench) -> None:
    rows = bars(keeping, "1 D", "1 hour")
    assert [local(row)[9:] for row in rows[:2]] == ["09:30:00", "10:00:00"]


def test_a_currency_pair_has_its_own_week(keeping: Bench) -> None:
    rows = bars(keeping, "2 D", "1 day", contract=EURO, what_to_show="MIDPOINT")
    assert [row.date for row in rows] == ["20261120", "20261123"]


def test_a_schedule_names_the_sessions_of_trading_days(keeping: Bench) -> None:
    (answer,) = only(
        responses.HistoricalSchedule, keeping.send(history("2 D", "1 day", what_to_show="SCHEDULE"))
    )
    assert [(s.start, s.end, s.reference_date) for s in answer.sessions] == [
        ("20261119-09:30:00", "20261119-16:00:00", "20261119"),
        ("20261120-09:30:00", "20261120-16:00:00", "20261120"),
    ]
