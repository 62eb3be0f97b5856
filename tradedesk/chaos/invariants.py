"""What must be true whatever died: each invariant yields the evidence against itself. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

from brokers.fix import Side
from orders.models import State
from orders.models.states import ALIVE, DEAD, EXECUTED
from tradedesk.chaos.evidence import EventRow, Evidence, OrderRow, Row
from tradedesk.demo.checks import AGREES

CREATED, REPLAYED, REFUSED = 201, 200, 422
ACCEPTED, OVER = 202, 409
Violation = dict[str, Any]
FINAL = (State.COMPLETED, *DEAD)
WORKING = (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED)
NEVER_THERE = (State.CREATED, State.FAILED)
GONE_AT_GATEWAY = ("Cancelled", "Inactive")
PX_STEP = Decimal("1e-9")


def broken(evidence: Evidence) -> dict[str, list[Violation]]:
    """Every invariant by name, with what speaks against it; all lists are empty when all hold."""
    return {name: list(look(evidence)) for name, look in INVARIANTS.items()}


# --- what was answered ------------------------------------------------------------------------------
def every_request_answered(evidence: Evidence) -> Iterator[Violation]:
    """Each order got 201, 200 or 422, each cancel 202 or 409, each replace one of these or 422."""
    for answer in evidence.answers:
        if answer.status not in (CREATED, REPLAYED, REFUSED):
            yield {"cl_ord_id": answer.cl_ord_id, "answered": answer.status}
        if answer.cancel_status not in (None, ACCEPTED, OVER):
            yield {"cl_ord_id": answer.cl_ord_id, "cancel answered": answer.cancel_status}
        if answer.replace_status not in (None, ACCEPTED, OVER, REFUSED):
            yield {"cl_ord_id": answer.cl_ord_id, "replace answered": answer.replace_status}


def every_taken_order_known(evidence: Evidence) -> Iterator[Violation]:
    """Each order that was taken exists and is final, working, or held and says so."""
    for answer in evidence.answers:
        order = evidence.orders.get(answer.order.get("id", ""))
        if answer.taken and order is None:
            yield {"cl_ord_id": answer.cl_ord_id, "order": answer.order.get("id"), "is": "gone"}
        elif order and order.state not in (*FINAL, *WORKING) and not is_held(order):
            yield {**named(order), "is": order.state}


def is_held(order: OrderRow) -> bool:
    """Whether the order is honestly in doubt and waits for the desk."""
    return order.state == State.UNCONFIRMED and order.held_for_desk


# --- once at the gateway ----------------------------------------------------------------------------
def at_most_once(evidence: Evidence) -> Iterator[Violation]:
    """No order was made twice at the gateway, under whatever attempt's reference."""
    for base, rows in by_base(evidence.ledger_orders).items():
        if len(rows) > 1:
            yield {"order_ref": base, "at the gateway": [in_short(row) for row in rows]}


def nothing_unexpected(evidence: Evidence) -> Iterator[Violation]:
    """What we hold never sent is not there, and nothing is there that we do not know as our own."""
    ours = {
        base_of(order.order_ref): order for order in evidence.orders.values() if order.source != "EXTERNAL"
    }
    at_gateway = by_base(evidence.ledger_orders)
    for base, rows in at_gateway.items():
        order = ours.get(base)
        for row in rows:
            if base.startswith(STRANGER):
                continue  # somebody else's: the other invariants compare it
            if order is None:
                yield {"order_ref": base, "is": "unknown to us", "at the gateway": in_short(row)}
            elif is_never_there(order) and is_live_or_filled(row):
                yield {**named(order), "is": order.state, "at the gateway": in_short(row)}
    for order in evidence.orders.values():
        if order.source == "EXTERNAL" and order.order_ref not in at_gateway:
            yield {**named(order), "is": "recorded as somebody else's"}


def is_never_there(order: OrderRow) -> bool:
    """Whether we say that the order never reached the market."""
    return order.state in NEVER_THERE or (order.state == State.REJECTED and not order.was_claimed)


def is_live_or_filled(row: Row) -> bool:
    """Whether the gateway works the order or executed any of it."""
    return row["status"] not in GONE_AT_GATEWAY or Decimal(row["filled"]) > 0


# --- equal books ------------------------------------------------------------------------------------
def states_agree(evidence: Evidence) -> Iterator[Violation]:
    """Working there is working here, over there is over here."""
    rows = by_base(evidence.ledger_orders)
    for order in evidence.orders.values():
        found = rows.get(base_of(order.order_ref), [])
        if is_held(order):
            continue
        for row in found:
            if order.state not in AGREES.get(row["status"], ()):
                yield {**named(order), "is": order.state, "at the gateway": in_short(row)}
        if not found and order.state in (*WORKING, *EXECUTED):
            yield {**named(order), "is": order.state, "at the gateway": "nothing"}


def terms_agree(evidence: Evidence) -> Iterator[Violation]:
    """What works at the gateway works with our quantity."""
    rows = by_base(evidence.ledger_orders)
    for order in evidence.orders.values():
        for row in rows.get(base_of(order.order_ref), []):
            working = order.state in WORKING and not is_held(order) and row["status"] not in GONE_AT_GATEWAY
            theirs = Decimal(row["total_quantity"])
            if working and theirs != order.order_qty:
                yield {**named(order), "quantity": str(order.order_qty), "at the gateway": str(theirs)}


def executions_equal(evidence: Evidence) -> Iterator[Violation]:
    """Ids, orders, quantities, prices and commissions of all executions."""
    refs = {order.id: base_of(order.order_ref) for order in evidence.orders.values()}
    ours = {
        e.exec_id: (refs.get(e.order_id), e.last_qty, e.last_px, e.commission) for e in evidence.executions
    }
    theirs = {e["exec_id"]: their_execution(e) for e in evidence.ledger_executions}
    for exec_id in sorted({*ours, *theirs}):
        if ours.get(exec_id) != theirs.get(exec_id):
            yield {"exec_id": exec_id, "ours": words(ours.get(exec_id)), "theirs": words(theirs.get(exec_id))}


def their_execution(row: Row) -> tuple[str, Decimal, Decimal, Decimal]:
    """The gateway's word on an execution, in the shape of ours."""
    return (
        base_of_row(row),
        Decimal(row["shares"]),
        Decimal(row["price"]),
        Decimal(row["commission"]),
    )


def quantities_equal(evidence: Evidence) -> Iterator[Violation]:
    """cum_qty and avg_px of each order are those of the gateway's executions."""
    done: defaultdict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for row in evidence.ledger_executions:
        done[base_of_row(row)].append((Decimal(row["shares"]), Decimal(row["price"])))
    for order in evidence.orders.values():
        cum_qty, avg_px = total(done[base_of(order.order_ref)])
        if order.cum_qty != cum_qty or abs(order.avg_px - avg_px) > PX_STEP:
            yield {
                **named(order),
                "ours": f"{order.cum_qty:f} at {order.avg_px:f}",
                "theirs": f"{cum_qty:f} at {avg_px:f}",
            }


def total(fills: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """(quantity, average price) of (quantity, price) pairs."""
    rows = list(fills)
    cum_qty = sum((qty for qty, _ in rows), Decimal(0))
    value = sum((qty * px for qty, px in rows), Decimal(0))
    return cum_qty, value / cum_qty if cum_qty else Decimal(0)


def positions_equal(evidence: Evidence) -> Iterator[Violation]:
    """The positions that we show are those of the gateway."""
    ours, theirs = evidence.positions, evidence.ledger_positions
    for con_id in sorted({*ours, *theirs}):
        if ours.get(con_id, 0) != theirs.get(con_id, 0):
            yield {"con_id": con_id, "ours": str(ours.get(con_id, 0)), "theirs": str(theirs.get(con_id, 0))}


# --- our own records --------------------------------------------------------------------------------
def events_replay(evidence: Evidence) -> Iterator[Violation]:
    """Each chain of events is without gaps and ends at the order's row."""
    chains = {
        order_id: list(events)
        for order_id, events in groupby(evidence.events, key=lambda event: event.order_id)
    }
    for order in evidence.orders.values():
        for fault in faults_of_chain(order, chains.get(order.id, [])):
            yield {**named(order), "events": fault}


def faults_of_chain(order: OrderRow, chain: list[EventRow]) -> Iterator[str]:
    """What is wrong with the events of one order."""
    if [event.version for event in chain] != list(range(1, order.version + 1)):
        yield f"versions {[event.version for event in chain]}, the order has {order.version}"
        return
    state = ""
    for event in chain:
        if event.from_state != state:
            yield f"version {event.version} comes from {event.from_state or 'nothing'}, not from {state}"
        state = event.to_state
    last = chain[-1]
    if (last.to_state, last.cum_qty, last.avg_px) != (order.state, order.cum_qty, order.avg_px):
        yield (
            f"the last one says {last.to_state} {last.cum_qty:f} at {last.avg_px:f},"
            f" the order {order.state} {order.cum_qty:f} at {order.avg_px:f}"
        )


def nothing_waits(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is left in the inbox or the outbox."""
    yield from evidence.waiting


def use_equals_recount(evidence: Evidence) -> Iterator[Violation]:
    """What the limits count as open and working is what events and executions come to."""
    executed: dict[str, Decimal] = defaultdict(Decimal)
    for execution in evidence.executions:
        executed[execution.order_id] += execution.last_qty
    last = {event.order_id: event.to_state for event in evidence.events}
    opened: dict[str, int] = defaultdict(int)
    working: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
    for order in evidence.orders.values():
        if last.get(order.id) in ALIVE and order.account:
            opened[order.account] += 1
            bought, sold = working.get((order.account, order.con_id), (Decimal(0), Decimal(0)))
            leaves = order.order_qty - executed[order.id]
            both = (bought + leaves, sold) if order.side == Side.BUY else (bought, sold + leaves)
            working[order.account, order.con_id] = both
    for account in sorted({*opened, *evidence.open_orders}):
        counted, again = evidence.open_orders.get(account, 0), opened.get(account, 0)
        if counted != again:
            yield {"account": account, "open orders counted": counted, "by events": again}
    for key in sorted({*working, *evidence.working}):
        if evidence.working.get(key) != working.get(key):
            told = {"counted": words(evidence.working.get(key)), "by executions": words(working.get(key))}
            yield {"account": key[0], "con_id": key[1], **told}


INVARIANTS: dict[str, Callable[[Evidence], Iterator[Violation]]] = {
    "every request is answered": every_request_answered,
    "every order that was taken is final, working or held": every_taken_order_known,
    "no order is twice at the gateway": at_most_once,
    "nothing is at the gateway that we hold never sent": nothing_unexpected,
    "states agree": states_agree,
    "terms agree": terms_agree,
    "quantities and prices are equal": quantities_equal,
    "executions and commissions are equal": executions_equal,
    "positions are equal": positions_equal,
    "events replay to their order": events_replay,
    "nothing waits in inbox or outbox": nothing_waits,
    "the use of limits equals a recount": use_equals_recount,
}


# --- words ------------------------------------------------------------------------------------------
STRANGER = "EXT-main-"  # our name for the orders of others, by permId


def base_of(order_ref: str) -> str:
    """The part of a reference that all attempts share."""
    return order_ref if order_ref.startswith(STRANGER) else order_ref.split("-")[0]


def base_of_row(row: Row) -> str:
    """The same of a row of the ledger; one of a stranger has no reference, and is known by its permId."""
    return base_of(row["order_ref"]) or f"{STRANGER}{row['perm_id']}"


def by_base(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of the ledger by the order that they are of."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[base_of_row(row)].append(row)
    return found


def named(order: OrderRow) -> Violation:
    """How evidence names an order."""
    return {"order": order.id, "cl_ord_id": order.cl_ord_id, "order_ref": order.order_ref}


def in_short(row: Row) -> str:
    """An order of the ledger in one line."""
    names = ("order_ref", "order_id", "perm_id", "status", "filled", "place_count")
    return ", ".join(f"{name} {row[name]}" for name in names)


def words(values: tuple[object, ...] | None) -> str:
    """Values in one line."""
    return " ".join(map(str, values)) if values else "nothing"
