"""A look at the broker late on a long day holds little more of each order that is over than its report."""

from __future__ import annotations

import tracemalloc
from itertools import count
from typing import cast
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.inbox.applier import Applier
from brokers.messages import OrderIdentity, Snapshot
from brokers.rows import Rows
from orders.booking.flags import SessionFlags
from orders.models import Execution, Order, OrderEvent, OrderRequest, RequestKind, RequestState, State
from orders.models.references import order_ids, order_ref_of
from orders.reconciliation import comparison
from orders.reconciliation.news import news_of
from orders.reconciliation.snapshots import SnapshotBooking
from orders.reconciliation.steps import Steps
from orders.sending import replaces
from orders.sending.answers import mark_unanswered
from orders.sending.replaces import AT_ONCE
from tests.integration.orders.test_any_order import Story
from tests.integration.orders.test_snapshots import LONG_AGO, completed, desk

__all__ = ["desk"]
#: Bytes for each order of the day; all of its rows at once were 8,000.
OF_AN_ORDER = 500
#: Bytes for each when their reports are not kept, which are some 1,500.
UNPACKED = 600
PERM_IDS = count(10_000)


def filled_orders(story: Story, how_many: int) -> Snapshot:
    """So many orders that are filled here as at the broker, and the look that shows them."""
    orders, rows, reports, executions = [], [], [], []
    facts = dict(Order.objects.filter(pk=story.order.pk).values().get())
    for _ in range(how_many):
        order_id = order_ids.make("algo", uuid4().hex)
        own = {"id": order_id, "order_ref": order_ref_of(order_id), "cl_ord_id": uuid4().hex}
        over = {"state": State.FILLED, "cum_qty": 100, "first_fill_at": LONG_AGO, "perm_id": next(PERM_IDS)}
        orders.append(Order(**{**facts, **own, **over}))
        story.order, story.run = orders[-1], uuid4().hex
        story.identity = OrderIdentity(order_ref=own["order_ref"], perm_id=orders[-1].perm_id)
        told = story.execution("01.01", 100, 229)
        reports.append(completed(story, 100))
        executions.append(told)
        rows.append(
            Execution(
                order_id=order_id, account_id="DU1234567", exec_id=told.exec_id, exec_root=told.exec_root,
                side="BUY", last_qty=100, last_px=229, transact_time=told.transact_time, received_at=LONG_AGO,
            )
        )  # fmt: skip
    Order.objects.bulk_create(orders)
    Execution.objects.bulk_create(rows)
    now = timezone.now()
    return Snapshot(
        accounts=("DU1234567",), snapshot_id=uuid4().hex, started_at=now, finished_at=now,
        connection_started_at=LONG_AGO, full=True, orders=tuple(reports), executions=tuple(executions),
        positions=(), account_values=(),
    )  # fmt: skip


def peak_of_comparing(snapshot: Snapshot) -> int:
    tracemalloc.start()
    try:
        news = news_of("main", snapshot)
        assert comparison.executions("main", snapshot) == []
        assert not news.reports
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peak_of_finding_news(snapshot: Snapshot) -> int:
    """As the broker's answer comes, packed."""
    packed = msgspec.structs.replace(snapshot, orders=Rows(snapshot.orders))
    booking = SnapshotBooking("main", packed, SessionFlags(), cast(Applier, None), Steps("main"))
    tracemalloc.start()
    try:
        booking.apply_news()
        booking.apply_missing(1)
        assert (booking.news, booking.missing) == ([], [])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.soak
def test_orders_of_a_look_are_unpacked_a_few_at_a_time(desk: User) -> None:
    story = Story(desk)
    few = peak_of_finding_news(filled_orders(story, 1_000))
    many = peak_of_finding_news(filled_orders(story, 2_000))
    assert (many - few) / 1_000 < UNPACKED, (many - few) / 1_000


def test_a_burst_without_answers_is_put_in_doubt_a_few_at_a_time(desk: User) -> None:
    """All at once they were 10 kB each, which the process kept."""
    sent_orders(Story(desk), count := AT_ONCE + 100)
    with CaptureQueriesContext(connection) as queries:
        assert mark_unanswered("main", why="no answer") == count
    locks = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert (len(locks), all(f"LIMIT {AT_ONCE}" in sql for sql in locks)) == (3, True)
    doubtful = Order.objects.filter(state=State.UNCONFIRMED)
    assert (doubtful.count(), OrderEvent.objects.filter(order__in=doubtful).count()) == (count, count)


@pytest.mark.parametrize("change", ["doubt", "expire"])
def test_replaces_of_a_whole_burst_are_changed_a_few_at_a_time(desk: User, change: str) -> None:
    sent_orders(Story(desk), count := AT_ONCE + 100)
    state = RequestState.SENT if change == "doubt" else RequestState.REQUESTED
    asked = {"kind": RequestKind.REPLACE, "state": state, "requested_at": LONG_AGO}
    OrderRequest.objects.bulk_create(
        OrderRequest(
            order=order, cl_ord_id=str(uuid4()), ack_deadline=LONG_AGO, fresh_until=LONG_AGO, **asked
        )
        for order in Order.objects.filter(state=State.SENT)
    )
    with CaptureQueriesContext(connection) as queries:
        changed = (
            replaces.mark_unanswered("main", why="no answer")
            if change == "doubt"
            else replaces.expire_stale("main")
        )
    locks = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert (changed, len(locks)) == (count, 2)
    assert not OrderRequest.objects.filter(state=state).exists()


def sent_orders(story: Story, how_many: int) -> None:
    """So many orders that were sent long ago and not answered."""
    facts = dict(Order.objects.filter(pk=story.order.pk).values().get())
    names = [order_ids.make("algo", uuid4().hex) for _ in range(how_many)]
    sent = {"state": State.SENT, "claimed_at": LONG_AGO, "ack_deadline": LONG_AGO}
    own = [{"id": name, "order_ref": order_ref_of(name), "cl_ord_id": uuid4().hex} for name in names]
    Order.objects.bulk_create(Order(**{**facts, **one, **sent}) for one in own)


@pytest.mark.soak
def test_a_look_holds_little_of_each_order_of_a_long_day(desk: User) -> None:
    story = Story(desk)
    few = peak_of_comparing(filled_orders(story, 600))
    many = peak_of_comparing(filled_orders(story, 1_600))
    assert (many - few) / 1_000 < OF_AN_ORDER, (many - few) / 1_000
