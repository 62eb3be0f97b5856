"""Bars of weeks and months are of calendar ones, and go by their last trading day.

The clock of the bench: Monday, 2026-11-23, 12:00 UTC. Thursday the 26th is a holiday in New York.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire.server_data import HistoricalBar, HistoricalData
from tests.unit.simulator.kit import Bench, contract, only


def bars(bench: Bench, size: str, duration: str, end: str = "", **fields: object) -> list[HistoricalBar]:
    asked = requests.ReqHistoricalData(
        req_id=7,
        contract=contract(),
        bar_size=size,
        duration=duration,
        end=end,
        **fields,  # type: ignore[arg-type]
    )
    (answer,) = only(HistoricalData, bench.send(asked))
    return list(answer.bars)


def test_weeks_go_by_their_fridays_and_the_newest_by_today() -> None:
    found = [bar.date for bar in bars(Bench(), "1 week", "1 M")]
    assert found == ["20261030", "20261106", "20261113", "20261120", "20261123"]


def test_months_go_by_their_last_weekday() -> None:
    found = [bar.date for bar in bars(Bench(), "1 month", "6 M")]
    assert found == ["20260529", "20260630", "20260731", "20260831", "20260930", "20261030", "20261123"]


@pytest.mark.parametrize("size", ["1 week", "1W"])
def test_a_week_with_a_holiday_at_its_end_goes_by_the_day_before(size: str) -> None:
    bench = Bench(keeps_hours=True)
    bench.now = datetime(2026, 4, 8, 20, tzinfo=UTC)  # Good Friday is the 3rd
    assert [bar.date for bar in bars(bench, size, "2 W")][-3:] == ["20260327", "20260402", "20260408"]


def test_a_week_is_what_its_days_were() -> None:
    bench = Bench()
    (week, *_) = bars(bench, "1 week", "1 W", "20261115 00:00:00 UTC")
    days = bars(bench, "1 day", "7 D", "20261116 00:00:00 UTC")
    assert [bar.date for bar in days] == [f"202611{day:02}" for day in range(9, 16)]
    assert (week.date, week.open) == ("20261113", days[0].open)


def test_weeks_are_dated_whatever_form_was_asked_for() -> None:
    assert bars(Bench(), "1 week", "1 M", format_date=2)[0].date == "20261030"


def test_the_week_that_is_kept_up_to_date_goes_on_with_the_days() -> None:
    bench = Bench()
    asked = requests.ReqHistoricalData(
        req_id=7, contract=contract(), bar_size="1 week", duration="2 W", keep_up_to_date=True
    )
    bench.send(asked)
    bench.skip(timedelta(days=1))
    update = bench.skip(timedelta(seconds=5))[-1]
    assert update.date == "20261124"  # type: ignore[attr-defined]
