"""One day's numbers in four books: the gateway's ledger, the drop copy, the report and its file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from decimal import Decimal
from typing import Any

from tradedesk.stack.clients import ACCOUNT, Api
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

SYMBOL = "NVDA"  # that no other scenario of this folder trades


def copied(stack: System) -> list[dict[str, Any]]:
    """The whole drop copy, page by page, as who watches reads it."""
    wanted = ("--accounts", "all", "--scopes", "audit", "--approved-by", "approver")
    found, path = [], "/drop-copy?after=0-0&limit=100"
    with Api(stack.urls.http, stack.manage("apitoken", "watcher", *wanted).strip()) as watcher:
        while path:
            page = watcher.get(path).raise_for_status().json()
            found += page["results"]
            path = (page["next"] or "").removeprefix("/api/v1")
    return found


def totals(rows: list[tuple[str, Any, Any, Any]]) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """By side: quantity, value, commission."""
    found: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for side, qty, px, fee in rows:
        one = Decimal(str(qty)), Decimal(str(qty)) * Decimal(str(px)), Decimal(str(fee))
        before = found.get(side, (Decimal(0),) * 3)
        found[side] = (before[0] + one[0], before[1] + one[1], before[2] + one[2])
    return found


def test_ledger_drop_copy_report_and_file_come_to_the_same(stack: System) -> None:
    orders = [
        stack.api.placed(SYMBOL, side=side, order_qty=str(qty))
        for side, qty in (("BUY", 30), ("BUY", 7), ("SELL", 12))
    ]
    assert eventually(lambda: all(stack.api.state(order["id"]) == "COMPLETED" for order in orders), limit=120)
    sides = {order["order_ref"]: order["side"] for order in orders}
    ledger = [row for row in stack.control.executions() if row["order_ref"] in sides]
    by_hand = totals(
        [(sides[row["order_ref"]], row["shares"], row["price"], row["commission"]) for row in ledger]
    )
    mine = {order["id"] for order in orders}
    messages = [message for message in copied(stack) if message["order_id"] in mine]
    told = [message["execution"] for message in messages if message["execution"]]
    assert Counter(one["exec_id"] for one in told) == Counter(row["exec_id"] for row in ledger)
    versions = Counter((message["order_id"], message["version"]) for message in messages)
    assert set(versions.values()) == {1}
    assert all(
        {(order_id, n) for n in range(1, stack.api.order(order_id)["version"] + 1)} <= set(versions)
        for order_id in mine
    )
    query = f"account={ACCOUNT}&date={told[0]['trade_date']}"
    report = stack.api.get(f"/reports/end-of-day?{query}").raise_for_status().json()["sections"]
    traded = [row for row in report["traded"] if row["symbol"] == SYMBOL]
    assert {row["side"]: (Decimal(row["qty"]), Decimal(row["value"])) for row in traded} == {
        side: sums[:2] for side, sums in by_hand.items()
    }
    rows = [row for row in report["fills"] if row["symbol"] == SYMBOL]
    assert totals([(row["side"], row["qty"], row["px"], row["commission"]) for row in rows]) == by_hand
    text = stack.api.get(f"/executions.csv?symbol={SYMBOL}&account={ACCOUNT}").raise_for_status().text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert totals([(r["side"], r["last_qty"], r["last_px"], r["commission"]) for r in lines]) == by_hand
