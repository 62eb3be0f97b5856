"""Limits on what an account does as a whole: all that works and is asked for at this moment counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import BrokerAccount, Instrument, Position
from brokers.postgres import prepared
from orders.entry import place as place_module
from orders.entry.groups import GroupTicket, place_group
from orders.entry.limits.rules import rules_cache
from orders.entry.limits.use import Contention, contention
from orders.entry.place import Line, dry_run, place_orders
from orders.entry.reading.ticket import InstrumentKey, Ticket, TicketLeg
from orders.entry.recheck import recheck_replaces
from orders.entry.replace import Change, replace_order
from orders.entry.slicer import place_sliced, work_slices
from orders.errors import RefusedByCheck
from orders.models import (
    AccountLimit,
    Cause,
    GroupKind,
    Order,
    OrderRequest,
    ScopeLimit,
    SlicedOrder,
    Source,
    State,
    UseMark,
)
from orders.store.orders import store_orders
from orders.store.use import lock_owners
from tests.integration.orders.conftest import seed_desk
from tradedesk.stack.polling import eventually

ACCOUNT, OTHER = "DU1234567", "DU7654321"
NUMBERS = iter(range(1_000_000))


@pytest.fixture
def desk(settings: Any, transactional_db: None) -> User:
    seed_desk(settings)
    return User.objects.create_user("algo")


def ticket(**changes: Any) -> Ticket:
    given = {
        "cl_ord_id": f"u-{next(NUMBERS)}",
        "account": ACCOUNT,
        "instrument": InstrumentKey(symbol="AAPL"),
        "side": Side.BUY,
        "order_qty": Decimal(10),
        "ord_type": OrdType.LIMIT,
        "price": Decimal(100),
    }
    return Ticket(**{**given, **changes})


def place(client: User, *tickets: Ticket) -> list[str]:
    """The reason codes of these orders, placed as one bulk."""
    lines = [Line(ticket=one) for one in tickets]
    place_orders(lines, client=client, source=Source.API, received_at=timezone.now())
    return [line.order.reason_code for line in lines if line.order]


def limit(**changes: Any) -> None:
    AccountLimit.objects.filter(account=ACCOUNT).update(**changes)


def test_working_orders_count_towards_the_position(desk: User) -> None:
    limit(max_position_qty=25)
    assert place(desk, ticket(), ticket(), ticket()) == ["", "", "POSITION_ABOVE_LIMIT"]
    assert place(desk, ticket(order_qty=Decimal(5), side=Side.SELL)) == [""]
    contract = {"con_id": Instrument.objects.get(symbol="AAPL").con_id, "symbol": "AAPL", "sec_type": "STK"}
    held = {"position_qty": -10, "avg_cost": 1, "currency": "USD", "reported_at": timezone.now()}
    Position.objects.create(account_id=ACCOUNT, **contract, **held)
    assert place(desk, ticket(), ticket()) == ["", "POSITION_ABOVE_LIMIT"]


@pytest.mark.parametrize(
    ("limits", "reads"),
    [
        ({"max_open_orders": 9}, 1),
        ({"max_orders_per_minute": 9, "max_duplicates_per_minute": 9}, 1),
        ({"max_position_qty": 99}, 2),
        ({"refuse_self_trade": True}, 1),
    ],
)
def test_a_limit_asks_once_for_what_it_needs_and_for_its_marks(
    desk: User, monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any], reads: int
) -> None:
    asked, pipeline = list[list[str]](), prepared.pipeline

    def noted(*given: prepared.Statement) -> list[list[prepared.Row]]:
        asked.append([sql for sql, _ in given])
        return pipeline(*given)

    limit(**limits)
    rules_cache.forget_outdated()
    UseMark.objects.all().delete()
    monkeypatch.setattr(prepared, "pipeline", noted)
    assert place(desk, ticket()) == [""]
    _, lock, read = asked[-2]  # the first of an owner finds no mark: it waits in line, and leaves one
    assert "INSERT INTO orders_usemark" in lock
    assert read.count(" UNION ALL SELECT ") == reads - 1
    contention._until = 0.0
    assert place(desk, ticket()) == [""]
    (read,), (record,) = asked[-2:]
    assert read.count(" UNION ALL SELECT ") == reads  # one more, for the marks
    assert "UPDATE orders_usemark" in record


@pytest.mark.parametrize("reduces_first", [True, False])
def test_what_only_reduces_counts_what_comes_in_the_same_bulk(desk: User, reduces_first: bool) -> None:
    contract = {"con_id": Instrument.objects.get(symbol="AAPL").con_id, "symbol": "AAPL", "sec_type": "STK"}
    held = {"position_qty": 10, "avg_cost": 1, "currency": "USD", "reported_at": timezone.now()}
    Position.objects.create(account_id=ACCOUNT, **contract, **held)
    both = [ticket(side=Side.SELL, reduce_only=only) for only in (reduces_first, not reduces_first)]
    expected = ["REDUCING_ONLY", ""] if reduces_first else ["", "REDUCING_ONLY"]
    assert place(desk, *both) == expected


def test_a_bulk_refused_whole_leaves_nothing_of_what_a_limit_granted(desk: User) -> None:
    limit(max_open_orders=2)
    lines = [Line(ticket=ticket()) for _ in range(3)]
    given = {"client": desk, "source": Source.API, "received_at": timezone.now()}
    place_orders(lines, all_or_none=True, **given)
    assert not Order.objects.exists()
    assert place(desk, ticket(), ticket()) == ["", ""]


def test_what_ends_makes_room_for_others(desk: User) -> None:
    limit(max_position_qty=10, max_open_orders=1)
    assert place(desk, ticket(), ticket()) == ["", "OPEN_ORDERS_ABOVE_LIMIT"]
    order = Order.objects.get(state=State.CREATED)
    order.fail(Cause(actor="test", at=timezone.now()))
    store_orders([order])
    assert place(desk, ticket()) == [""]


def test_the_same_order_thrice_is_stopped(desk: User) -> None:
    limit(max_duplicates_per_minute=2, max_orders_per_minute=4)
    assert place(desk, *(ticket() for _ in range(3))) == ["", "", "DUPLICATES_ABOVE_LIMIT"]
    other = [ticket(price=Decimal(number)) for number in (98, 99, 97)]
    assert place(desk, *other) == ["", "", "ORDER_RATE_ABOVE_LIMIT"]


def second_account() -> None:
    account = BrokerAccount.objects.create(code=OTHER, session_id="main")
    AccountLimit.objects.create(account=account, max_order_qty=100, max_notional=10**6, any_instrument=True)


def test_own_orders_of_two_accounts_do_not_trade_with_each_other(desk: User) -> None:
    second_account()
    limit(refuse_self_trade=True)
    assert place(desk, ticket(account=OTHER, side=Side.SELL)) == [""]
    assert place(desk, ticket(), ticket(price=Decimal("99.99"))) == ["SELF_TRADE", ""]


@pytest.mark.parametrize(("ord_type", "code"), [(OrdType.MOC, "SELF_TRADE"), (OrdType.TRAIL, "")])
def test_what_works_without_a_price_trades_at_any_unless_it_waits(
    desk: User, ord_type: OrdType, code: str
) -> None:
    limit(refuse_self_trade=True)
    trail = {"trail_amount": Decimal(1)} if ord_type == OrdType.TRAIL else {}
    assert place(desk, ticket(ord_type=ord_type, price=None, **trail)) == [""]
    assert place(desk, ticket(side=Side.SELL)) == [code]


def test_a_bracket_counts_by_its_entry(desk: User) -> None:
    limit(max_position_qty=10)
    exit_ = {"side": Side.SELL, "price": Decimal(110)}
    for code in ("", "POSITION_ABOVE_LIMIT"):
        group = GroupTicket(
            list_id=f"g{next(NUMBERS)}", kind=GroupKind.BRACKET, orders=(ticket(), ticket(**exit_))
        )
        placed = place_group(group, client=desk, source=Source.API, received_at=timezone.now())
        assert {order.reason_code for order in placed.orders} == {code}


def slice_up(client: User, **changes: Any) -> None:
    end = timezone.now() + timedelta(minutes=10)
    place_sliced(
        ticket(**changes), slices=5, start_time=None, end_time=end, client=client, received_at=timezone.now()
    )


def test_a_parent_counts_whole_whatever_its_slices_do(desk: User) -> None:
    limit(max_position_qty=100)
    slice_up(desk, order_qty=Decimal(95))
    assert place(desk, ticket()) == ["POSITION_ABOVE_LIMIT"]
    with pytest.raises(RefusedByCheck) as refused:
        slice_up(desk)
    assert refused.value.code == "POSITION_ABOVE_LIMIT"
    work_slices("main")
    assert [child.state for child in Order.objects.filter(parent__isnull=False)] == [State.CREATED]
    assert place(desk, ticket(order_qty=Decimal(5))) == [""]  # the slice is a part of what was counted


def test_slices_do_not_pass_a_limit_that_the_parent_breaks(desk: User) -> None:
    with pytest.raises(RefusedByCheck) as refused:
        slice_up(desk, order_qty=Decimal(1_000_000), price=Decimal(1))
    assert refused.value.code == "QTY_ABOVE_LIMIT"
    assert not SlicedOrder.objects.exists()


def test_a_replace_counts_by_what_it_adds(desk: User) -> None:
    limit(max_position_qty=15)
    place(desk, first := ticket())
    order = Order.objects.get(cl_ord_id=first.cl_ord_id)
    codes = []
    for number, quantity in enumerate((15, 16)):
        change = Change(cl_ord_id=f"r{number}", order_qty=Decimal(quantity))
        codes.append(replace_order(order.id, change, actor="a", at=timezone.now()).request.reason_code)
    assert codes == ["", "POSITION_ABOVE_LIMIT"]


def scope_limit() -> None:
    ScopeLimit.objects.create(scope="user:algo", max_position_qty=25)


def account_limit() -> None:
    limit(max_position_qty=25)


@pytest.mark.parametrize("limited", [account_limit, scope_limit])
def test_what_raises_a_filled_order_is_reserved(
    desk: User, settings: Any, limited: Callable[[], None]
) -> None:
    raises = replace(settings.BROKER_SESSIONS["main"], adapter="brokers.fix44.translate.Translator")
    settings.BROKER_SESSIONS = {**settings.BROKER_SESSIONS, "main": raises}
    limited()
    place(desk, first := ticket())
    order = Order.objects.get(cl_ord_id=first.cl_ord_id)
    Order.objects.update(state=State.FILLED, cum_qty=10)
    Position.objects.create(
        account_id=ACCOUNT, con_id=order.instrument.con_id, symbol="AAPL", sec_type="STK", currency="USD",
        position_qty=10, reported_at=timezone.now(),
    )  # fmt: skip
    change = Change(cl_ord_id="r", order_qty=Decimal(20))
    assert replace_order(order.id, change, actor="a", at=timezone.now()).request.is_open
    assert place(desk, ticket(order_qty=Decimal(6)), ticket(order_qty=Decimal(5))) == [
        "POSITION_ABOVE_LIMIT",
        "",
    ]


def test_asking_shows_the_same_limits_and_changes_nothing(desk: User) -> None:
    limit(max_open_orders=0)
    rules_cache.forget_outdated()
    failed = [check for check in dry_run(ticket(), "algo") if not check.passed]
    assert [(check.check, check.value, check.limit) for check in failed] == [("max_open_orders", "1", "0")]
    assert not Order.objects.exists()


def test_what_is_off_is_not_reported_and_costs_no_lock(
    desk: User, memories_last: None, django_assert_num_queries: Any
) -> None:
    place(desk, ticket())
    with django_assert_num_queries(0):  # but the one that records, which is not the ORM's
        assert place(desk, ticket()) == [""]


def test_parallel_requests_get_together_what_one_may(desk: User) -> None:
    codes = ask_in_parallel(desk)
    assert (codes.count(""), len(codes)) == (10, 64)


def ask_in_parallel(desk: User) -> list[str]:
    """The reason codes of eight requests at once, eight orders each, of which ten are allowed."""
    limit(max_position_qty=100, max_open_orders=12)
    start = threading.Barrier(8)
    codes: list[str] = []

    def ask() -> None:
        start.wait()
        for _ in range(8):
            codes.extend(place(desk, ticket()))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


def test_without_waiting_in_line_nobody_passes_a_limit_either(
    desk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contention, "LASTS", 0.0)  # whoever lost tries again, as often as it takes
    ask_in_parallel(desk)
    assert Order.objects.filter(state=State.CREATED).count() == 10


def test_who_records_between_a_read_and_its_record_is_noticed(
    desk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(max_open_orders=2)
    assert place(desk, ticket()) == [""]
    grant = place_module.grant_unlocked

    def overtaken(*given: Any) -> Any:
        marks = grant(*given)
        monkeypatch.setattr(place_module, "grant_unlocked", grant)
        assert place(desk, ticket()) == [""]
        return marks

    monkeypatch.setattr(place_module, "grant_unlocked", overtaken)
    assert place(desk, ticket()) == ["OPEN_ORDERS_ABOVE_LIMIT"]


def test_a_group_is_noticed_by_who_read_before_it(desk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(max_open_orders=3)
    place(desk, ticket())
    grant = place_module.grant_unlocked

    def overtaken(*given: Any) -> Any:
        marks = grant(*given)
        monkeypatch.setattr(place_module, "grant_unlocked", grant)
        pair = GroupTicket(list_id="g", kind=GroupKind.OCA, orders=(ticket(), ticket(price=Decimal(99))))
        place_group(pair, client=desk, source=Source.API, received_at=timezone.now())
        return marks

    monkeypatch.setattr(place_module, "grant_unlocked", overtaken)
    assert place(desk, ticket()) == ["OPEN_ORDERS_ABOVE_LIMIT"]


def test_rechecked_replaces_of_two_accounts_wait_for_both_before_they_hold_one(desk: User) -> None:
    second_account()
    for account in (OTHER, ACCOUNT):
        AccountLimit.objects.filter(account=account).update(max_position_qty=1000)
        order = Order.objects.get(cl_ord_id=placed(desk, ticket(account=account)))
        Order.objects.filter(pk=order.pk).update(state=State.PENDING)
        replace_order(
            order.pk, Change(cl_ord_id=f"{account}-r", order_qty=Decimal(20)), actor="a", at=timezone.now()
        )
    OrderRequest.objects.update(checked_at=None)
    checking = threading.Thread(target=in_own_connection, args=[lambda: recheck_replaces("main")])
    with transaction.atomic():
        lock_owners([ACCOUNT])
        checking.start()
        eventually(somebody_waits, limit=60)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
        lock_owners([OTHER])  # nobody who waits for the first holds the second
    checking.join(60)
    assert not OrderRequest.objects.filter(checked_at=None).exists()


def placed(desk: User, one: Ticket) -> str:
    assert place(desk, one) == [""]
    return one.cl_ord_id


def in_own_connection(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_the_same_contract_in_other_words_is_the_same_order(desk: User) -> None:
    """Routed to another exchange it is another instrument; a combination is its legs in any order."""
    limit(max_duplicates_per_minute=1, any_instrument=True)
    row, other = (Instrument.objects.get(symbol=symbol) for symbol in ("AAPL", "MSFT"))
    same = "DUPLICATES_ABOVE_LIMIT"
    again(row, exchange="ARCA")
    assert place(desk, ticket(), ticket(instrument=InstrumentKey(symbol="AAPL", exchange="ARCA"))) == [
        "",
        same,
    ]
    assert place(desk, ticket(instrument=InstrumentKey(symbol="AAPL", exchange="ARCA"))) == [same]
    legs = [
        {"con_id": one.con_id, "ratio": 1, "side": side, "exchange": "SMART"}
        for one, side in ((row, "BUY"), (other, "SELL"))
    ]
    given = {"symbol": "AAPL", "sec_type": "BAG", "exchange": "SMART", "currency": "USD"}
    keys = []
    for ordered in (legs, legs[::-1]):
        again(other, **given, con_id=None, legs=ordered)
        keys.append(InstrumentKey(**given, legs=msgspec.convert(ordered, tuple[TicketLeg, ...])))
    assert [place(desk, ticket(instrument=key, price=Decimal(1))) for key in keys] == [[""], [same]]


def again(row: Instrument, **changes: Any) -> None:
    """Another row like this one."""
    copy = Instrument.objects.get(pk=row.pk)
    copy.pk = None
    for name, value in changes.items():
        setattr(copy, name, value)
    copy.save(force_insert=True)
