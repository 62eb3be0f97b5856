"""Executions as files and the cost of trading, by the API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import openpyxl
import pytest
from django.utils import timezone

from orders.models import Execution, Order
from orders.reports import keep
from orders.reports.fills import SUM_COLUMNS
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body

NOW = timezone.now()
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)


def executed(order: Order, number: int, **changes: Any) -> Execution:
    facts: dict[str, Any] = {
        **{
            "order": order,
            "account_id": order.account_id,
            "exec_id": f"{number}.01",
            "exec_root": str(number),
        },
        **{"con_id": 1, "symbol": "AAPL", "currency": "USD", "side": order.side, "venue": "NYSE"},
        **{
            "last_qty": 10,
            "last_px": D("201"),
            "transact_time": NOW,
            "received_at": NOW,
            "trade_date": TODAY,
        },
        **{"commission": D("1"), "commission_currency": "USD"},
    }
    return Execution.objects.create(**{**facts, **changes})


@pytest.fixture
def order(api: Api) -> Order:
    api.post("orders", body(price="205", order_qty="30"))
    return Order.objects.get()


def lines(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_an_execution_shows_trade_date_arrival_slippage_and_commission(api: Api, order: Order) -> None:
    executed(order, 1)
    names = "exec_id,trade_date,trader,arrival_px,slippage,slippage_bps,commission"
    head, row = lines(api.get("executions.csv", fields=names))
    assert ",".join(head) == names
    assert row == ["1.01", TODAY.isoformat(), "algo", "200", "10", "50", "1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"preset": "today"}, ["1.01", "2.01"]),
        ({"preset": "yesterday"}, ["3.01"]),
        (
            {"from": YESTERDAY.isoformat(), "to": TODAY.isoformat()},
            ["1.01", "2.01", "3.01"],
        ),
        ({"preset": "today", "venue": "ARCA"}, ["2.01"]),
        ({"trader": "algo", "side": "SELL"}, []),
        ({"trader": "nobody"}, []),
        ({"account": OTHER}, []),
    ],
)
def test_presets_and_filters_choose_trading_days(
    api: Api, order: Order, query: dict[str, str], found: list[str]
) -> None:
    executed(order, 1)
    executed(order, 2, venue="ARCA", transact_time=NOW - timedelta(hours=30))  # a session over midnight
    executed(order, 3, trade_date=TODAY - timedelta(days=1), transact_time=NOW - timedelta(hours=1))
    rows = lines(api.get("executions.csv", fields="exec_id", **query))
    assert sorted(row[0] for row in rows[1:]) == found


@pytest.mark.parametrize(
    "query",
    [
        {"preset": "today", "from": "2026-11-01"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "x"},
        {"preset": "tomorrow"},
        {"to": "2026-02-30"},
    ],
)
def test_a_span_that_means_nothing_is_refused(api: Api, query: dict[str, str]) -> None:
    for path in ("executions.csv", "executions.xlsx", "tca"):
        assert api.get(path, **query, **({"by": "day"} if path == "tca" else {})).status_code == 400


def test_sums_are_by_currency_and_leave_out_what_was_corrected(api: Api, order: Order) -> None:
    executed(order, 1)
    executed(order, 2, superseded=True)
    executed(order, 3, currency="EUR", commission_currency="EUR", last_px=D("199"))
    rows = lines(api.get("executions.csv", sums="true", fields="exec_id"))
    end = rows[rows.index([]) + 1 :]
    assert end[0] == list(SUM_COLUMNS)
    assert [",".join(row) for row in end[1:]] == ["EUR,1,1990,0,EUR,1,-10", "USD,1,2010,0,USD,1,10"]


def test_the_workbook_has_the_same_rows_and_no_formula(api: Api, order: Order) -> None:
    executed(order, 1, venue="=1+1")
    answer = api.get("executions.xlsx", preset="today", fields="exec_id,venue")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert [cell.value for cell in book["executions"][2]] == ["1.01", "'=1+1"]
    assert book["executions"]["B2"].data_type == "s"
    assert book["sums"]["A2"].value == "USD"


def test_costs_are_answered_and_exported_alike_and_of_own_accounts_only(api: Api, order: Order) -> None:
    executed(order, 1)
    Order.objects.filter(pk=order.pk).update(sent_at=NOW)
    keep.compute([order.pk])
    answer = api.get("tca", by="order").json()
    assert [row["key"] for row in answer["results"]] == [str(order.pk)]
    assert (answer["results"][0]["name"], answer["results"][0]["shortfall"]) == ("a-1", None)
    rows = lines(api.get("tca.csv", by="order"))
    assert [row[0] for row in rows[1:]] == [str(order.pk), "USD"]
    assert api.get("tca", by="symbol", account=OTHER).json()["results"] == []
    assert api.get("tca", by="moon").status_code == 400
    assert api.get("tca").status_code == 400
    assert order.account_id == ACCOUNT
