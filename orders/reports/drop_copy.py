"""Drop copy: everything that happened to the orders of some accounts, in commit order, for those who watch.

A message is made of what never changes (events, executions' own figures), so that it reads the same whenever
it is asked for again. `sequence` is its place, by which a reader goes on; `version` counts an order's events
without a gap, so that a reader can prove that he has them all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from brokers.formats import decimal_text, time_text
from brokers.models import BrokerAccount
from brokers.postgres import clock
from orders.models import EventKind, Execution, OrderEvent
from orders.models.order import GROUP_ORDERS
from orders.selectors import Cursor, oldest_unsettled_at, settled_events

PAGE = 500
LONGEST_TRANSACTION = timedelta(minutes=10)  # what is recorded in one has the time of its beginning
Message = dict[str, Any]
Told = tuple[Execution, str]  # and its ExecType
#: What an execution is, in FIX's words (150, ExecType): F, G and H.
TRADE, TRADE_CORRECT, TRADE_CANCEL = "TRADE", "TRADE_CORRECT", "TRADE_CANCEL"


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some messages, and the place after all that was looked at for them; `whole`: there may be more."""

    messages: list[Message]
    place: Cursor
    whole: bool


def scope_of(accounts: Collection[str]) -> frozenset[str]:
    """Whose messages a reader of these accounts gets: of all accounts also those of no single one."""
    everything = set(accounts) >= set(BrokerAccount.objects.values_list("pk", flat=True))
    return frozenset([*accounts, GROUP_ORDERS]) if everything else frozenset(accounts)


def page_after(place: Cursor, accounts: Collection[str], limit: int = PAGE) -> Page:
    """The next messages after a place."""
    events = list(_loaded(settled_events(*place))[:limit])
    last = events[-1] if events else None
    return Page(
        messages=messages_of(events, accounts),
        place=Cursor(last.txid, last.pk) if last else place,
        whole=len(events) == limit,
    )


def messages_at(events: Collection[int], accounts: Collection[str]) -> list[Message]:
    """The messages of these events."""
    rows = OrderEvent.objects.filter(pk__in=events).order_by("txid", "id")
    return messages_of(list(_loaded(rows)), accounts)


def messages_of(events: Sequence[OrderEvent], accounts: Collection[str]) -> list[Message]:
    """Those of these events that concern the accounts."""
    executions = _executions_of(events)
    made = (_message(each, executions.get((each.order_id, _exec_id(each)))) for each in events)
    return [message for message in made if (message["account"] or GROUP_ORDERS) in accounts]


def _loaded(events: QuerySet[OrderEvent]) -> QuerySet[OrderEvent]:
    return events.select_related("order__instrument", "order__client")


def _exec_id(event: OrderEvent) -> str:
    return str(event.data.get("exec_id", "")) if event.kind == EventKind.EXECUTION else ""


def _executions_of(events: Sequence[OrderEvent]) -> dict[tuple[UUID, str], Told]:
    """The executions that these events tell, each with what it is."""
    named = {(event.order_id, _exec_id(event)) for event in events if _exec_id(event)}
    if not named:
        return {}
    orders = {order for order, _ in named}
    of_orders = Execution.objects.filter(order__in=orders).order_by()
    rows = list(of_orders.filter(exec_id__in={exec_id for _, exec_id in named}))
    versions = of_orders.filter(exec_root__in={row.exec_root for row in rows} - {""})
    first = {
        (row["account"], row["exec_root"]): row["first"]
        for row in versions.values("account", "exec_root").annotate(first=Min("pk"))
    }
    return {
        (row.order_id, row.exec_id): (
            row,
            _exec_type(row, corrects=first.get((row.account_id, row.exec_root), row.pk) < row.pk),
        )
        for row in rows
    }


def _exec_type(execution: Execution, *, corrects: bool) -> str:
    if not execution.last_qty:
        return TRADE_CANCEL
    return TRADE_CORRECT if corrects else TRADE


def _message(event: OrderEvent, told: Told | None) -> Message:
    order = event.order
    return {
        "sequence": str(Cursor(event.txid, event.pk)),
        "account": told[0].account_id if told else order.account_id,
        "order_id": str(event.order_id),
        "cl_ord_id": order.cl_ord_id,
        "order_ref": order.order_ref,
        "client": order.client.get_username() if order.client else None,
        "strategy": order.strategy or None,
        "symbol": order.instrument.symbol,
        "sec_type": order.instrument.sec_type,
        "currency": order.instrument.currency,
        "side": order.side,
        **event.facts(),
        "execution": _execution(*told) if told else None,
    }


def _execution(one: Execution, exec_type: str) -> Message:
    return {
        "exec_id": one.exec_id,
        "exec_type": exec_type,
        "con_id": one.con_id,
        "symbol": one.symbol,
        "side": one.side,
        "last_qty": decimal_text(one.last_qty),
        "last_px": decimal_text(one.last_px),
        "currency": one.currency,
        "venue": one.venue,
        "transact_time": time_text(one.transact_time),
        "trade_date": one.trade_date.isoformat() if one.trade_date else None,
    }


# --- files per day ----------------------------------------------------------------------------------------
def day_lines(day: date, accounts: Collection[str]) -> Iterator[str]:
    """The file of a day (UTC, by when it was recorded): a message a line, the last one says that it ends.

    `final` there: nothing can come to it any more. A file without its last line was cut off.
    """
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    final, count = _is_over(end), 0
    for page in _pages_between(start, end):
        for message in messages_of(page, accounts):
            count += 1
            yield json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n"
    yield json.dumps({"end_of_day": day.isoformat(), "messages": count, "final": final}) + "\n"


def _is_over(end: datetime) -> bool:
    """Whether the day is past and nothing that was begun on it still runs."""
    waits = oldest_unsettled_at()
    return clock.now() > end + LONGEST_TRANSACTION and (waits is None or waits >= end)


def _pages_between(start: datetime, end: datetime) -> Iterator[list[OrderEvent]]:
    """Pages of the events recorded in a span: a transaction records all of its own at one time."""
    of_day = Q(recorded_at__gte=start, recorded_at__lt=end)
    ends = OrderEvent.objects.filter(of_day).aggregate(first=Min("txid"), last=Max("txid"))
    place = Cursor((ends["first"] or 0) - 1, 0)
    while ends["first"] is not None:
        rows = settled_events(*place).filter(of_day, txid__lte=ends["last"])
        page = list(_loaded(rows)[:PAGE])
        if not page:
            return
        yield page
        place = Cursor(page[-1].txid, page[-1].pk)
