"""The page of executions: newest first, by day, with sums by currency and files of what is shown."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from brokers.models import Instrument
from orders.models import Execution, Order, Split
from tests.integration.admin.conftest import fill

LIST = "admin:orders_execution_changelist"


@pytest.fixture
def three_days(boss: Client) -> Client:
    """Four executions, two of them yesterday's; the first is a sale, the last has arrived at 100."""
    fill(4)
    now = timezone.now()
    for number, row in enumerate(Execution.objects.order_by("id")):
        at = now - timedelta(days=1 if number < 2 else 0)
        Execution.objects.filter(pk=row.pk).update(
            exec_id=f"e-{number}", transact_time=at, trade_date=at.date(), venue="NYSE", currency="USD"
        )
    Execution.objects.filter(exec_id="e-0").update(side="SELL", commission="1.25", commission_currency="USD")
    Order.objects.filter(executions__exec_id="e-3").update(arrival_px=Decimal(100))
    return boss


def ids(page: str) -> list[str]:
    return re.findall(r"\be-\d\b", page)


def test_executions_are_newest_first_and_narrowed_by_day_and_side(three_days: Client) -> None:
    page = three_days.get(reverse(LIST)).content.decode()
    assert ids(page)[0] in ("e-3", "e-2")
    assert "10,000.0" in page  # bps against the price at arrival
    yesterday = three_days.get(reverse(LIST), {"day": "yesterday"}).content.decode()
    assert set(ids(yesterday)) == {"e-0", "e-1"}
    assert set(ids(three_days.get(reverse(LIST), {"side": "SELL"}).content.decode())) == {"e-0"}
    assert set(ids(three_days.get(reverse(LIST), {"day": "never"}).content.decode())) == {
        "e-0",
        "e-1",
        "e-2",
        "e-3",
    }


def test_sums_and_files_are_of_what_is_shown(three_days: Client) -> None:
    query = {"day": "yesterday"}
    sums = three_days.get(reverse("desk:executions_sums"), query).content.decode()
    text = re.sub(r"<[^>]+>", "", sums)
    assert "bought 1,000.00 USD" in text
    assert "sold 1,000.00 USD · commission 1.25 USD" in text
    answer = three_days.get(reverse("desk:executions_file", args=["xlsx"]), query)
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    heads, *rows = book["executions"].iter_rows(values_only=True)
    assert {"trade_date", "arrival_px", "slippage", "commission"} <= set(heads)
    assert len(rows) == 2
    lines = three_days.get(reverse("desk:executions_file", args=["csv"]), query)
    assert b"e-0" in b"".join(lines.streaming_content)  # type: ignore[attr-defined]


@pytest.fixture
def over_a_split(boss: Client) -> Order:
    """Bought 5 at 101 and, a share being two since today, 10 at 51; it came at 100."""
    fill(1)
    order, now = Order.objects.get(), timezone.now()
    two_days_ago = now - timedelta(days=2)
    Instrument.objects.filter(pk=order.instrument_id).update(con_id=1, multiplier=1)
    Split.objects.create(
        **{"con_id": 1, "new_con_id": 1, "symbol": "AAPL", "ex_date": now.date()},
        **{"numerator": 2, "denominator": 1},
    )
    Order.objects.filter(pk=order.pk).update(
        **{"side": "BUY", "received_at": two_days_ago, "arrival_px": 100, "time_in_force": "GTC"},
        **{"order_qty": 20, "cum_qty": 20, "avg_px": Decimal("50.75")},
    )
    first = Execution.objects.get()
    days = {"transact_time": two_days_ago, "trade_date": two_days_ago.date(), "currency": "USD"}
    Execution.objects.filter(pk=first.pk).update(last_qty=5, last_px=101, scale=2, exec_id="e-0", **days)
    later = {"exec_id": "e-1", "exec_root": "e-1", "last_qty": 10, "last_px": 51, "currency": "USD"}
    Execution.objects.create(
        **{"order": order, "account_id": first.account_id, "con_id": 1, "side": "BUY", **later},
        **{"transact_time": now, "trade_date": now.date(), "received_at": now},
    )
    return order


def test_prices_are_set_against_arrival_in_the_units_of_their_day(boss: Client, over_a_split: Order) -> None:
    page = boss.get(reverse(LIST)).content.decode()
    slippage = re.findall(r'data-label="slippage, bps"[^>]*>.*?([-\d.,]+)<', page, re.DOTALL)
    assert slippage == ["200.0", "100.0"]
    whole = boss.get(reverse("admin:orders_order_change", args=[over_a_split.pk])).content.decode()
    text = re.sub(r"<[^>]+>", "", whole)
    assert "Against the price at arrival, 50.00: 150.0 bps, 15.00 USD" in text


def test_sums_over_a_split_are_what_was_paid(boss: Client, over_a_split: Order) -> None:
    sums = boss.get(reverse("desk:executions_sums")).content.decode()
    assert "bought 1,015.00 USD" in re.sub(r"<[^>]+>", "", sums)
    answer = boss.get(reverse("desk:executions_file", args=["csv"]))
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[-1] == "USD,2,1015,0,,0,15"
