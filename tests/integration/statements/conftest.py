"""Statements of one day as a Flex query writes them, with our books of that day beside them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from orders.models import Break, BreakKind, Execution, Order
from orders.reconciliation.statements.reading import Outcome, read_statement
from tests.integration.orders.conftest import order

__all__ = ["order"]
Rows = list[tuple[str, dict[str, Any]]]
ACCOUNT, DAY, AAPL = "DU1234567", date(2026, 11, 20), 265598


def element(tag: str, values: dict[str, Any], inside: str = "") -> str:
    attributes = "".join(f" {name}={quoteattr(str(value))}" for name, value in values.items())
    return f"<{tag}{attributes}>{inside}</{tag}>"


def trade(**said: Any) -> dict[str, Any]:
    """A purchase of 10 AAPL at 200 with a commission of 1, as an activity statement has it."""
    return {
        "accountId": ACCOUNT,
        "assetCategory": "STK",
        "symbol": "AAPL",
        "conid": AAPL,
        "currency": "USD",
        "transactionType": "ExchTrade",
        "tradeID": "700",
        "transactionID": "900",
        "ibExecID": "0000e1.01.01",
        "quantity": 10,
        "tradePrice": "200",
        "ibCommission": "-1",
        "ibCommissionCurrency": "USD",
        "tradeDate": "20261120",
        "dateTime": "20261120;093512",
        "notes": "P",
        "levelOfDetail": "EXECUTION",
        "buySell": "BUY",
    } | said


def flex(
    sections: dict[str, Rows] | Iterable[tuple[str, Rows]],
    *,
    made: str = "20261121;050000",
    kind: str = "AF",
    **said: Any,
) -> bytes:
    """A file with one statement of ACCOUNT and DAY."""
    inside = "".join(
        element(name, {}, "".join(element(tag, values) for tag, values in rows))
        for name, rows in (sections.items() if isinstance(sections, dict) else sections)
    )
    day = f"{DAY:%Y%m%d}"
    head = {"accountId": ACCOUNT, "fromDate": day, "toDate": day, "whenGenerated": made} | said
    statements = element("FlexStatements", {"count": 1}, element("FlexStatement", head, inside))
    return element("FlexQueryResponse", {"queryName": "daily", "type": kind}, statements).encode()


def read(file: bytes, name: str = "daily.xml") -> list[Outcome]:
    return read_statement(io.BytesIO(file), name=name, by="desk:ops")


def trades(*rows: dict[str, Any], **said: Any) -> list[Outcome]:
    return read(flex({"Trades": [("Trade", row) for row in rows]}, **said))


def open_breaks() -> list[str]:
    rows = Break.objects.filter(kind=BreakKind.STATEMENT, closed_at=None).order_by("key")
    return [" ".join(row.key.split(" ")[1:2] + row.key.split(" ")[3:]) for row in rows]


@pytest.fixture
def executed(order: Order) -> Callable[..., Execution]:
    """Book an execution of the order: 10 AAPL at 200 with a commission of 1, unless it says otherwise."""

    def book(**facts: Any) -> Execution:
        at = datetime(2026, 11, 20, 14, 35, 12, tzinfo=UTC)
        exec_id = facts.pop("exec_id", "0000e1.01.01")
        given = {
            "account_id": ACCOUNT,
            "exec_root": exec_id.rpartition(".")[0],
            "con_id": AAPL,
            "symbol": "AAPL",
            "sec_type": "STK",
            "currency": "USD",
            "side": "BUY",
            "last_qty": Decimal(10),
            "last_px": Decimal(200),
            "transact_time": at,
            "trade_date": DAY,
            "received_at": at,
            "commission": Decimal(1),
            "commission_currency": "USD",
        }
        return Execution.objects.create(order=order, exec_id=exec_id, **(given | facts))

    return book
