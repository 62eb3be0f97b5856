"""What a process knows of its owners' use: it grants without a read, and never what a read would not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from brokers.fix import Side
from brokers.models import Position
from brokers.postgres import clock, prepared
from orders.entry.limits import known_use
from orders.entry.limits.rules import Rules, rules_cache, ruleset_in_force
from orders.entry.limits.use import contention, reading_for
from orders.models import Cause, Execution, Order, Source, State, UseMark
from orders.store.orders import store_orders
from orders.store.use import read_use
from tests.integration.orders.test_use_limits import (
    ACCOUNT,
    OTHER,
    desk,
    limit,
    place,
    second_account,
    ticket,
)

__all__ = ["desk"]
ALL = {
    "max_position_qty": 10**6, "max_open_orders": 10**6, "max_orders_per_minute": 10**6,
    "max_duplicates_per_minute": 10**6, "refuse_self_trade": True, "max_daily_orders": 10**6,
}  # fmt: skip


@pytest.fixture
def limited(desk: User, memories_last: None) -> User:
    """An account with limits whose use is known, after its first orders."""
    second_account()
    limit(**ALL)
    assert place(desk, ticket(), ticket(account=OTHER)) == ["", ""]
    contention._until = 0.0
    assert place(desk, ticket()) == [""]
    return desk


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement by hand that runs from now on."""
    asked, pipeline = list[str](), prepared.pipeline

    def noted(*given: prepared.Statement) -> list[list[prepared.Row]]:
        asked.extend(sql for sql, _ in given)
        return pipeline(*given)

    monkeypatch.setattr(prepared, "pipeline", noted)
    return asked


@contextmanager
def another_process() -> Iterator[None]:
    """Orders are placed by a process that knows nothing of what this one does."""
    own, rules_cache._rules = rules_cache._rules, Rules(ruleset_in_force())
    try:
        yield
    finally:
        rules_cache._rules = own


def test_an_order_within_what_is_known_reads_nothing(limited: User, statements: list[str]) -> None:
    assert place(limited, ticket(price=Decimal(99))) == place(limited, ticket(order_qty=Decimal(3))) == [""]
    assert len(statements) == 2  # those that record


def test_orders_without_limits_leave_what_is_known_of_others(limited: User, statements: list[str]) -> None:
    assert place(limited, ticket(account=OTHER)) == place(limited, ticket()) == [""]
    assert len(statements) == 2
    assert place(limited, ticket(account=OTHER, side=Side.SELL, price=Decimal(150))) == [""]
    assert place(limited, ticket(price=Decimal(151))) == ["SELF_TRADE"]


def test_what_another_process_recorded_is_never_missed(limited: User) -> None:
    Order.objects.update(state=State.CANCELED)
    limit(max_open_orders=4)
    codes = list[str]()
    for _ in range(4):
        codes += place(limited, ticket())
        with another_process():
            codes += place(limited, ticket())
    assert codes == [""] * 4 + ["OPEN_ORDERS_ABOVE_LIMIT"] * 4


def test_what_was_rolled_back_is_not_known(limited: User) -> None:
    Order.objects.update(state=State.CANCELED)
    limit(max_open_orders=2)
    assert place(limited, ticket()) == [""]
    with transaction.atomic():
        assert place(limited, ticket()) == [""]
        transaction.set_rollback(True)
    with another_process():  # takes the mark that was given back
        assert place(limited, ticket()) == [""]
    assert place(limited, ticket()) == ["OPEN_ORDERS_ABOVE_LIMIT"]


def test_a_quote_of_another_process_without_limits_is_met(limited: User) -> None:
    with another_process():
        assert place(limited, ticket(account=OTHER, side=Side.SELL)) == [""]
    assert place(limited, ticket()) == ["SELF_TRADE"]


def test_where_others_record_too_it_is_read_for_a_while(
    limited: User, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_use, "RESTS_FOR", 3600.0)
    with another_process():
        place(limited, ticket())
    assert place(limited, ticket()) == [""]
    statements.clear()
    assert place(limited, ticket()) == [""]
    assert len(statements) == 2


def test_room_that_came_back_is_read_before_a_refusal(limited: User) -> None:
    working = Order.objects.filter(account=ACCOUNT).count()
    limit(max_open_orders=working + 1)
    assert place(limited, ticket()) == [""]
    Order.objects.filter(account=ACCOUNT).update(state=State.CANCELED)
    assert place(limited, ticket()) == [""]


@pytest.mark.parametrize(("after", "stands"), [(0, True), (3601.0, False)])
def test_it_is_known_for_a_moment_only(
    limited: User, monkeypatch: pytest.MonkeyPatch, after: float, stands: bool
) -> None:
    (known,) = rules_cache.rules().known_uses._known.values()
    monkeypatch.setattr(known_use.time, "monotonic", lambda: known.read_at + after)
    assert known.answers(known.contracts) is stands


def test_nothing_of_yesterday_is_known(limited: User, monkeypatch: pytest.MonkeyPatch) -> None:
    (known,) = rules_cache.rules().known_uses._known.values()
    known.read_at += 3600
    assert known.answers(known.contracts)
    tomorrow = clock.machine_now() + timedelta(days=1)
    monkeypatch.setattr(clock, "machine_now", lambda: tomorrow)
    assert not known.answers(known.contracts)


def test_memory_is_bounded(limited: User) -> None:
    memory = rules_cache.rules().known_uses
    (known,) = memory._known.values()
    for number in range(3 * known_use.MOST_OWNERS):
        memory.keep((str(number),), known)
        memory.rest((f"rests {number}",))
        memory.contracts((str(number),), range(3 * known_use.MOST_CONTRACTS))
    kept = (memory._known, memory._rests, memory._contracts)
    assert max(len(one) for one in kept) <= known_use.MOST_OWNERS


def first() -> Order:
    return Order.objects.filter(account=ACCOUNT).earliest("id")


def held(quantity: int) -> None:
    contract = {"con_id": first().instrument.con_id, "symbol": "AAPL", "sec_type": "STK", "currency": "USD"}
    more = {**contract, "position_qty": quantity, "reported_at": timezone.now()}
    Position.objects.update_or_create(account_id=ACCOUNT, con_id=contract["con_id"], defaults=more)


def fill(order: Order, quantity: int) -> None:
    """An execution of the order, booked as far as limits see it."""
    Execution.objects.create(
        order=order, exec_id=uuid4().hex, account_id=order.account_id, side=order.side,
        con_id=order.instrument.con_id, last_qty=quantity, last_px=100,
        transact_time=timezone.now(), received_at=timezone.now(),
    )  # fmt: skip
    Order.objects.filter(pk=order.pk).update(cum_qty=quantity, state=State.PARTIALLY_FILLED)


def end(order: Order) -> None:
    order.fail(Cause(actor="test", at=timezone.now()))
    store_orders([order])


def stranger() -> None:
    """An order at the broker that nobody placed here."""
    order = first()
    order.id, order.cl_ord_id, order.order_ref = uuid4(), "x", "x"
    order.source, order.client = Source.EXTERNAL, None
    order.save(force_insert=True)


def change(**facts: Any) -> Callable[[], object]:
    return lambda: Order.objects.filter(pk=first().pk).update(**facts)


EVENTS: dict[str, tuple[list[Callable[[], object]], bool]] = {
    "a stranger's order": ([stranger], True),
    "larger terms": ([change(order_qty=11)], True),
    "another price": ([change(price=150)], True),
    "an execution taken back": ([lambda: fill(first(), 4), change(cum_qty=3)], True),
    "more executed than ordered": ([change(state=State.FILLED, cum_qty=12)], True),
    "alive again": ([change(state=State.CANCELED), change(state=State.ACCEPTED)], True),
    "a stranger's position": ([lambda: held(5)], True),
    "a stranger's trade beside ours": ([lambda: fill(first(), 4), lambda: held(5)], True),
    "our execution and its position": ([lambda: fill(first(), 4), lambda: held(4)], False),
    "our end": ([lambda: end(first())], False),
}


@pytest.mark.parametrize("name", EVENTS)
def test_marks_move_where_the_broker_adds_to_the_use(limited: User, name: str) -> None:
    events, moves = EVENTS[name]
    *before, last = events
    for event in before:
        event()
    marks = dict(UseMark.objects.values_list("owner", "version"))
    last()
    assert (dict(UseMark.objects.values_list("owner", "version")) != marks) is moves


ACTIONS = st.tuples(
    st.sampled_from(["here", "there", "fill", "end"]),
    st.sampled_from([ACCOUNT, OTHER]),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.sampled_from([1, 7]),
)


@examples(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=4, max_size=10))
def test_what_stands_is_what_a_read_finds_or_more(limited: User, actions: list[tuple[Any, ...]]) -> None:
    rules_cache._rules = None  # nothing is known from the example before
    exact = True
    for what, account, side, quantity in actions:
        price = Decimal(100 if side == Side.BUY else 120)
        one = ticket(account=account, side=side, order_qty=Decimal(quantity), price=price)
        if what == "here":
            assert place(limited, one) == [""]
        elif what == "there":
            with another_process():
                assert place(limited, one) == [""]
        else:
            exact = False
            if (
                order := Order.objects.filter(state=State.CREATED).order_by("id").last()
            ):  # the examples share their orders
                fill(order, 1) if what == "fill" else end(order)
        for known in rules_cache.rules().known_uses._known.values():
            now = UseMark.objects.filter(owner__in=known.marks).values_list("owner", "version")
            if known.marks == dict(now):
                compare(known, exact=exact)


LASTING = 6  # of what `compare` looks at, the first: the rest is of the last minute


def compare(known: known_use.KnownUse, *, exact: bool) -> None:
    """All that limits ask of the account, against a read of this moment."""
    limits = rules_cache.rules().limits_for(ACCOUNT)
    fresh = read_use({ACCOUNT}, known.contracts, reading=reading_for(limits, ()))
    use, con_id = known.use, first().instrument.con_id
    assert con_id
    both = [
        (
            one.open_orders[ACCOUNT], one.days[ACCOUNT].orders,
            one.longs[ACCOUNT, con_id], -one.shorts[ACCOUNT, con_id],
            one.bids.get(con_id, Decimal(0)), -one.asks.get(con_id, Decimal(999)),
            one.recent_orders[ACCOUNT],
            *(one.recent_contents[content] for content in sorted(fresh.recent_contents, key=str)),
        )
        for one in (use, fresh)
    ]  # fmt: skip
    assert all(mine >= found for mine, found in zip(*both, strict=True))
    minute_ago = timezone.now() - timedelta(minutes=1)
    # On a slow machine orders may leave the last minute since the use was read: what stands is then more.
    lasting = LASTING if Order.objects.earliest("id").received_at < minute_ago else None
    assert not exact or both[0][:lasting] == both[1][:lasting]
