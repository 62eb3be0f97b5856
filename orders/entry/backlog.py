"""What waits for the broker before a new order, and whether the order would be stale when its turn comes.

Comes in: drafted orders, before they are recorded. Goes out: the same with their priority and how much may be
ahead of them; the statement that records them counts what is (`store.orders`), so it costs no round trip. The
refusal tells the expected wait: an order that is given up after ten seconds of waiting was bad news ten
seconds late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.conf import settings

from brokers.models import Instrument
from brokers.postgres import clock
from orders.entry.reading.ticket import Ticket
from orders.instruments.prices import last_prices
from orders.models import Cause, IfBacklog, Order, Priority, State
from orders.risk.market import NO_MARKET, Market
from orders.risk.priority import most_ahead, priority_of, wait_text
from orders.risk.report import CheckResult, result
from orders.sending.unknown_outcome import reject_order
from orders.store.orders import count_waiting

CODE = "BACKLOG_TOO_LONG"


def orders_per_second() -> float:
    """At which pace new orders go to one session."""
    return float(settings.PACING_PER_SECOND - settings.PACING_CANCEL_RESERVE)


def rank(orders: Iterable[Order]) -> None:
    """Give each its priority, and what is ahead of it in this very list; the refused are ahead of nobody."""
    ranked: Counter[tuple[str, int]] = Counter()
    for order in orders:
        if order.state != State.CREATED or order.approval_id:
            continue  # refused already, or it waits for a person first
        order.priority = priority_now(order)
        session = str(order.session_id)
        order.ahead = sum(ranked[session, one] for one in Priority if one <= order.priority)
        if order.if_backlog == IfBacklog.REJECT:
            order.most_ahead = most_ahead(freshness(order), orders_per_second())
        if not order.waits_too_long:
            ranked[session, order.priority] += 1


def priority_now(order: Order) -> Priority:
    """What it goes before, by the market as it is now; groups and slices queue however long that takes."""
    conditional = bool(order.special.get("conditions"))
    return priority_of(order, market_of(order.instrument), conditional=conditional)


def market_of(instrument: Instrument) -> Market:
    """What a limit is compared with; a combination has no market of its own."""
    return NO_MARKET if instrument.legs else last_prices.market(instrument.con_id)


def freshness(order: Order) -> float:
    """For how many seconds it is fresh."""
    return (order.fresh_until - order.received_at).total_seconds()


def refuse_waiting(orders: Sequence[Order]) -> None:
    """Reject in memory those that would be stale before their turn, by what was counted."""
    for order in orders:
        order.most_ahead = None
        found = wait_check(order.ahead, freshness(order), IfBacklog(order.if_backlog))
        order.check_report = [*order.check_report, found.as_json()]
        reject_order(order, found.code, Cause(actor="checks", at=clock.now()))


def backlog_check(ticket: Ticket, instrument: Instrument, session: str) -> CheckResult:
    """The expected wait of an order that nobody has placed: it promises nothing."""
    priority = priority_of(ticket, market_of(instrument), conditional=bool(ticket.conditions))
    return wait_check(count_waiting(session, priority), ticket.fresh_for, ticket.backlog_policy)


def wait_check(ahead: int, max_age: float, policy: IfBacklog) -> CheckResult:
    """The expected wait against the order's freshness, as every report tells it; who queues passes."""
    pace, queues = orders_per_second(), policy == IfBacklog.QUEUE
    return result(
        "expected_wait",
        passed=queues or ahead <= most_ahead(max_age, pace),
        value=wait_text(ahead, pace),
        limit=f"{max_age:g} s" + (", else it queues" if queues else ""),
        code=CODE,
    )
