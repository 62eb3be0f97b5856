"""Each invariant finds the breakage that it is there for, and nothing when both sides agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tradedesk.chaos.evidence import EventRow, Evidence, ExecutionRow, OrderRow
from tradedesk.chaos.invariants import INVARIANTS, broken
from tradedesk.chaos.plan import PlannedOrder
from tradedesk.chaos.sending import Answer
from tradedesk.demo.orders import Outcome, Sample

FILLED, RESTING, STALE = "o1", "o2", "o3"


def answer(order_id: str, status: int = 201) -> Answer:
    sample = Sample(outcome=Outcome.FILLS, body={"cl_ord_id": f"c-{order_id}"})
    planned = PlannedOrder(at=0.0, sample=sample, cancel_after=None)
    return Answer(planned=planned, status=status, order={"id": order_id})


def order(order_id: str, state: str, cum_qty: str = "0", avg_px: str = "0", **more: Any) -> OrderRow:
    facts = {"source": "API", "version": 2, "held_for_desk": False, "reason_code": "", "was_claimed": True}
    facts |= {"order_qty": Decimal(10), "account": "A", "con_id": 1}
    return OrderRow(
        **{"id": order_id, "cl_ord_id": f"c-{order_id}", "order_ref": f"TD{order_id}", "state": state},
        **{"cum_qty": Decimal(cum_qty), "avg_px": Decimal(avg_px)},
        **{**facts, **more},
    )


def chain(row: OrderRow) -> list[EventRow]:
    first = EventRow(
        **{"order_id": row.id, "version": 1, "from_state": "", "to_state": "CREATED"},
        **{"cum_qty": Decimal(0), "avg_px": Decimal(0)},
    )
    amounts = {"cum_qty": row.cum_qty, "avg_px": row.avg_px}
    return [first, EventRow(order_id=row.id, version=2, from_state="CREATED", to_state=row.state, **amounts)]


def ledger_row(order_ref: str, status: str, filled: str) -> dict[str, Any]:
    ids = {"order_id": 7, "perm_id": 70, "place_count": 1, "total_quantity": "10"}
    return {"order_ref": order_ref, "status": status, "filled": filled, **ids}


def agreeing() -> Evidence:
    """A filled, a resting and a stale order; everything as it should be."""
    orders = [order(FILLED, "COMPLETED", "10", "9.5"), order(RESTING, "PENDING"), order(STALE, "FAILED")]
    return Evidence(
        answers=[answer(FILLED), answer(RESTING, 200), answer(STALE)],
        orders={row.id: row for row in orders},
        events=[event for row in orders for event in chain(row)],
        executions=[
            ExecutionRow(
                **{"exec_id": "e1", "order_id": FILLED, "last_qty": Decimal(10)},
                **{"last_px": Decimal("9.5"), "commission": Decimal(1)},
            )
        ],
        positions={1: Decimal(10)},
        waiting=[],
        open_orders={"A": 1},
        working={("A", 1): (Decimal(10), Decimal(0))},
        ledger_orders=[ledger_row("TDo1", "Filled", "10"), ledger_row("TDo2-2", "Submitted", "0")],
        ledger_executions=[
            {"exec_id": "e1", "order_ref": "TDo1", "shares": "10", "price": "9.5", "commission": "1"}
        ],
        ledger_positions={1: Decimal(10)},
    )


def with_order(row: OrderRow) -> Evidence:
    """The evidence with another row for one order, its events still right."""
    evidence = agreeing()
    events = [event for event in evidence.events if event.order_id != row.id] + chain(row)
    return replace(evidence, orders={**evidence.orders, row.id: row}, events=events)


def without_order(order_id: str) -> Evidence:
    evidence = agreeing()
    return replace(evidence, orders={k: v for k, v in evidence.orders.items() if k != order_id})


def at_gateway(*rows: dict[str, Any]) -> Evidence:
    evidence = agreeing()
    return replace(evidence, ledger_orders=[*evidence.ledger_orders, *rows])


def charged(commission: str) -> Evidence:
    evidence = agreeing()
    return replace(
        evidence, ledger_executions=[{**row, "commission": commission} for row in evidence.ledger_executions]
    )


def events_without(version: int) -> Evidence:
    evidence = agreeing()
    events = [e for e in evidence.events if (e.order_id, e.version) != (FILLED, version)]
    return replace(evidence, events=events)


def last_event_says(**other: Any) -> Evidence:
    evidence = agreeing()
    events = list(evidence.events)
    events[1] = replace(events[1], **other)
    return replace(evidence, events=events)


COUNT = "the use of limits equals a recount"
BROKEN: list[tuple[str, Callable[[], Evidence]]] = [
    (COUNT, lambda: replace(agreeing(), open_orders={"A": 2})),
    (COUNT, lambda: replace(agreeing(), open_orders={})),
    (COUNT, lambda: replace(agreeing(), working={("A", 1): (Decimal(9), Decimal(0))})),
    (COUNT, lambda: replace(agreeing(), working={("A", 1): (Decimal(10), Decimal(1))})),
    ("every request is answered", lambda: replace(agreeing(), answers=[answer(FILLED, 0)])),
    ("every request is answered", lambda: replace(agreeing(), answers=[answer(FILLED, 409)])),
    (
        "every request is answered",
        lambda: replace(agreeing(), answers=[replace(answer(FILLED), cancel_status=0)]),
    ),
    ("every order that was taken is final, working or held", lambda: without_order(STALE)),
    (
        "every order that was taken is final, working or held",
        lambda: with_order(order(RESTING, "UNCONFIRMED")),
    ),
    ("no order is twice at the gateway", lambda: at_gateway(ledger_row("TDo2", "Cancelled", "0"))),
    (
        "nothing is at the gateway that we hold never sent",
        lambda: at_gateway(ledger_row("TDo3", "Submitted", "0")),
    ),
    (
        "nothing is at the gateway that we hold never sent",
        lambda: at_gateway(ledger_row("TDo3", "Cancelled", "5")),
    ),
    (
        "nothing is at the gateway that we hold never sent",
        lambda: at_gateway(ledger_row("TDo9", "Cancelled", "0")),
    ),
    (
        "nothing is at the gateway that we hold never sent",
        lambda: with_order(order(RESTING, "PENDING", source="EXTERNAL")),
    ),
    ("states agree", lambda: with_order(order(RESTING, "CANCELED"))),
    ("states agree", lambda: with_order(order(STALE, "PENDING"))),
    ("terms agree", lambda: with_order(order(RESTING, "PENDING", order_qty=Decimal(20)))),
    (
        "every request is answered",
        lambda: replace(agreeing(), answers=[replace(answer(FILLED), replace_status=500)]),
    ),
    ("quantities and prices are equal", lambda: with_order(order(FILLED, "COMPLETED", "9", "9.5"))),
    ("quantities and prices are equal", lambda: with_order(order(FILLED, "COMPLETED", "10", "9.6"))),
    ("executions and commissions are equal", lambda: replace(agreeing(), executions=[])),
    ("executions and commissions are equal", lambda: charged("1.01")),
    ("positions are equal", lambda: replace(agreeing(), positions={})),
    ("positions are equal", lambda: replace(agreeing(), ledger_positions={1: Decimal(11)})),
    ("events replay to their order", lambda: events_without(1)),
    ("events replay to their order", lambda: events_without(2)),
    ("events replay to their order", lambda: last_event_says(from_state="SENT")),
    ("events replay to their order", lambda: last_event_says(to_state="FILLED")),
    ("events replay to their order", lambda: last_event_says(cum_qty=Decimal(9))),
    ("nothing waits in inbox or outbox", lambda: replace(agreeing(), waiting=[{"where": "inbox", "id": 1}])),
]


def test_nothing_is_found_when_both_sides_agree() -> None:
    assert not any(broken(agreeing()).values())


@pytest.mark.parametrize(("name", "make"), BROKEN)
def test_a_breakage_is_found_with_evidence(name: str, make: Callable[[], Evidence]) -> None:
    assert broken(make())[name]


def test_every_invariant_is_shown_to_find_something() -> None:
    assert {name for name, _ in BROKEN} == set(INVARIANTS)


def test_an_order_that_is_held_is_honest_in_any_case() -> None:
    assert not any(broken(with_order(order(RESTING, "UNCONFIRMED", held_for_desk=True))).values())
