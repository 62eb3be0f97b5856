"""Trades of a statement against our executions: by id, by leg, by order reference; sums of all versions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from orders.models import Break, Execution, Order, Statement, StatementRow
from orders.reconciliation.statements import trades as comparison
from tests.integration.statements.conftest import flex, open_breaks, read, trade, trades

Booked = Callable[..., Execution]


def test_a_trade_that_both_books_have_is_no_break(executed: Booked) -> None:
    executed()
    (outcome,) = trades(trade())
    assert (outcome.rows, outcome.differences, open_breaks()) == (1, [], [])


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"quantity": 9}, "has another quantity"),
        ({"quantity": -10, "buySell": "SELL"}, "is on the other side"),
        ({"tradePrice": "200.01"}, "has another price"),
        ({"ibCommission": "-1.02"}, "has another commission"),
        ({"ibCommissionCurrency": "EUR"}, "has its commission in another currency"),
    ],
)
def test_a_trade_that_differs_is_a_break_with_both_sides(
    executed: Booked, said: dict[str, Any], text: str
) -> None:
    executed()
    (outcome,) = trades(trade(**said))
    row = Break.objects.get()
    assert [text in found for found in outcome.differences] == [True]
    assert (row.ours["exec_id"], row.broker["exec_id"]) == ("0000e1.01.01", "0000e1.01.01")


@pytest.mark.parametrize(
    "said", [{"tradePrice": "200.0000001"}, {"ibCommission": "-1.0034122"}, {"ibExecID": "0000e1.01.02"}]
)
def test_more_decimals_and_a_later_version_are_the_same_trade(executed: Booked, said: dict[str, Any]) -> None:
    executed()
    trades(trade(**said))
    assert open_breaks() == []


def test_a_trade_that_we_lack_names_why_the_broker_traded(order: Order) -> None:
    (outcome,) = trades(trade(notes="LF"))
    assert open_breaks() == ["TRADE 0000e1.01.01"]
    assert "is not in our books (a forced sale by the broker)" in outcome.differences[0]


def test_an_execution_that_the_statement_lacks_is_a_break(executed: Booked) -> None:
    executed()
    trades()
    assert open_breaks() == ["ABSENT 0000e1.01.01"]


def test_a_confirmation_made_during_the_day_proves_no_absence(executed: Booked) -> None:
    executed()
    read(flex({"TradeConfirms": []}, kind="TCF"))
    assert open_breaks() == []


def test_a_confirmation_is_read_under_its_own_names(executed: Booked) -> None:
    executed()
    row = trade(execID="0000e1.01.01", price="200", commission="-1", commissionCurrency="USD", code="P")
    for name in ("ibExecID", "tradePrice", "ibCommission", "ibCommissionCurrency", "notes"):
        del row[name]
    read(flex({"TradeConfirms": [("TradeConfirm", row)]}, kind="TCF"))
    assert (open_breaks(), StatementRow.objects.get().commission) == ([], Decimal(1))


def corrected() -> list[dict[str, Any]]:
    """An execution of 2 that the broker cancels and books again as 1 and 1; in all the commission stays."""
    first = {"quantity": 2, "tradePrice": "0.73", "ibCommission": "-1.3666"}
    cancel = {
        "transactionType": "TradeCancel",
        "notes": "Ca",
        "quantity": -2,
        "tradeID": "",
        "origTradeID": "700",
        "ibExecID": "",
        "ibCommission": "0",
        "transactionID": "901",
        "tradePrice": "0.73",
    }
    again = {"quantity": 1, "tradePrice": "0.73", "ibCommission": "0.3333", "transactionID": "902"}
    other = again | {"transactionID": "903", "tradeID": "701", "ibCommission": "-0.3333"}
    return [
        trade(**first),
        trade(**cancel),
        trade(**again, ibExecID="0000e1.01.02"),
        trade(**other, ibExecID="0000e2.01.01"),
    ]


def test_a_corrected_trade_is_the_sum_of_its_rows(executed: Booked) -> None:
    executed(last_qty=Decimal(2), last_px=Decimal("0.73"), superseded=True)
    executed(
        exec_id="0000e1.01.02", last_qty=Decimal(1), last_px=Decimal("0.73"), commission=Decimal("1.0333")
    )
    executed(
        exec_id="0000e2.01.01", last_qty=Decimal(1), last_px=Decimal("0.73"), commission=Decimal("0.3333")
    )
    trades(*corrected())
    assert open_breaks() == []


def test_a_trade_that_the_broker_took_back_must_not_count_here(executed: Booked) -> None:
    executed(last_qty=Decimal(2), last_px=Decimal("0.73"), commission=Decimal("1.3666"))
    (outcome,) = trades(*corrected()[:2])
    assert "was canceled by the broker and still counts here" in outcome.differences[0]


def test_a_cancel_of_an_unknown_trade_is_told(order: Order) -> None:
    trades(corrected()[1])
    assert open_breaks() == ["TRADE 901"]


def test_a_leg_has_one_part_more_in_our_books(executed: Booked) -> None:
    executed(exec_id="0000e1.77.02.01")
    trades(trade(ibExecID="0000e1.77.01"))
    assert open_breaks() == []


def test_a_trade_under_another_id_is_found_by_its_order_reference(executed: Booked, order: Order) -> None:
    executed(exec_id="manual-1")
    trades(trade(orderReference=order.order_ref))
    assert open_breaks() == []


def test_expiry_and_exercise_are_no_executions_of_ours(order: Order) -> None:
    trades(trade(transactionType="BookTrade", ibExecID="", notes="Ep", tradePrice="0", quantity=-5))
    assert (open_breaks(), StatementRow.objects.get().what) == ([], "MOVEMENT")


def test_sums_orders_and_lots_are_not_counted_as_trades(executed: Booked) -> None:
    executed()
    more = [("Order", trade(levelOfDetail="ORDER")), ("Lot", trade(levelOfDetail="CLOSED_LOT"))]
    read(flex({"Trades": [("Trade", trade()), *more, ("Trade", trade(levelOfDetail="ORDER"))]}))
    assert (StatementRow.objects.count(), open_breaks()) == (1, [])


def test_a_newer_statement_that_agrees_closes_the_break(executed: Booked) -> None:
    executed()
    trades(trade(quantity=9))
    trades(trade(), made="20261121;060000")
    row = Break.objects.get(key__contains="TRADE")
    assert (row.closed_by, Statement.objects.filter(replaced=False).count()) == ("system", 1)


def test_a_statement_of_another_day_leaves_breaks_alone(executed: Booked) -> None:
    executed()
    trades(trade(quantity=9))
    trades(fromDate="20261119", toDate="20261119")
    assert open_breaks() == ["TRADE 0000e1.01.01"]


def test_differences_are_told_as_far_as_a_person_reads_them_and_counted_then(
    executed: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MOST_TOLD", 2)
    for number in range(4):
        executed(exec_id=f"0000f{number}.01.01")
    trades(*[trade(transactionID=str(n), ibExecID=f"0000e{n}.01.01") for n in range(5)])
    assert [name for name in open_breaks() if name.endswith("more")] == ["ABSENT more", "TRADE more"]
    assert len(open_breaks()) == 2 * 3
    assert Break.objects.get(key__endswith="TRADE 20261120 more").broker == {"more": "3"}


def test_a_book_that_we_never_had_costs_no_query_for_each_trade(
    order: Order, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(comparison, "MOST_TOLD", 1)
    rows = [trade(transactionID=str(n), ibExecID=f"0000e{n}.01.01") for n in range(50)]
    with django_assert_max_num_queries(45):
        trades(*rows)
    assert open_breaks() == ["TRADE 0000e0.01.01", "TRADE more"]
