"""Limits of firm, strategy and user, and on money: what each scope does already is read from the rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import AccountValue, BrokerAccount, Instrument, Position, Profit
from orders.controls.halts.kill import press, release
from orders.controls.halts.losses import LossWatch
from orders.entry.reading.ticket import Override, Ticket
from orders.entry.replace import Change, replace_order
from orders.entry.slicer import place_sliced
from orders.errors import RefusedByCheck
from orders.instruments.prices import last_prices
from orders.instruments.rates import exchange_rates
from orders.models import AccountLimit, KillAction, Order, ScopeLimit, ScopeState, TradingState
from orders.store.states import put_state, stop
from tests.integration.orders.conftest import seed_desk
from tests.integration.orders.test_use_limits import ACCOUNT, OTHER, limit, place, somebody_waits, ticket
from tests.integration.persons import person
from tradedesk.stack.polling import eventually


@pytest.fixture
def desk(settings: Any, transactional_db: None) -> User:
    seed_desk(settings)
    exchange_rates.forget()
    account = BrokerAccount.objects.create(code=OTHER, session_id="main")
    AccountLimit.objects.create(account=account, max_order_qty=100, max_notional=10**6, any_instrument=True)
    return User.objects.create_user("algo")


def scoped(scope: str, **limits: Any) -> None:
    ScopeLimit.objects.create(scope=scope, **limits)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_position_qty": 15}, "POSITION_ABOVE_LIMIT"),
        ({"max_open_orders": 1}, "OPEN_ORDERS_ABOVE_LIMIT"),
        ({"max_orders_per_minute": 1}, "ORDER_RATE_ABOVE_LIMIT"),
        ({"max_messages_per_minute": 1}, "MESSAGE_RATE_ABOVE_LIMIT"),
        ({"max_duplicates_per_minute": 1}, "DUPLICATES_ABOVE_LIMIT"),
        ({"max_gross_notional": 3_000, "currency": "USD"}, "GROSS_EXPOSURE_ABOVE_LIMIT"),
        ({"max_net_notional": 3_000, "currency": "USD"}, "NET_EXPOSURE_ABOVE_LIMIT"),
        ({"max_daily_notional": 1_500, "currency": "USD"}, "DAILY_NOTIONAL_ABOVE_LIMIT"),
        ({"max_daily_orders": 1}, "DAILY_ORDERS_ABOVE_LIMIT"),
        ({"max_order_to_trade": 1}, "ORDER_TO_TRADE_ABOVE_LIMIT"),
    ],
)
@pytest.mark.parametrize("scope", ["firm", "strategy:twap", "user:algo", f"account:{ACCOUNT}"])
def test_each_rule_counts_all_that_its_scope_did(
    desk: User, scope: str, limits: dict[str, Any], code: str
) -> None:
    other = ACCOUNT
    if scope == f"account:{ACCOUNT}":
        limit(**limits)
    else:
        scoped(scope, **limits)
        other = OTHER  # another account of the same scope
    assert place(desk, ticket(strategy="twap")) == [""]
    refused = place(desk, ticket(strategy="twap", account=other))
    assert refused == [code]
    order = Order.objects.get(reason_code=code)
    (check,) = [check for check in order.check_report if not check["passed"]]
    assert (check["scope"], bool(check["value"]), bool(check["limit"])) == (scope, True, True)


def test_another_strategy_and_another_user_are_not_bound(desk: User) -> None:
    scoped("strategy:twap", max_order_qty=1)
    scoped("user:algo", max_open_orders=1)
    assert place(desk, ticket(), ticket()) == ["", "OPEN_ORDERS_ABOVE_LIMIT"]
    assert place(User.objects.create_user("other"), ticket(strategy="vwap")) == [""]
    assert place(desk, ticket(strategy="twap")) == ["QTY_ABOVE_LIMIT"]


def test_what_is_held_counts_as_exposure_at_its_price(desk: User) -> None:
    limit(max_gross_notional=10_000, currency="USD")
    msft = Instrument.objects.get(symbol="MSFT")
    held = {"symbol": "MSFT", "sec_type": "STK", "currency": "USD", "reported_at": timezone.now()}
    Position.objects.create(account_id=ACCOUNT, con_id=msft.con_id, position_qty=-41, **held)  # 8,200 short
    assert place(desk, ticket()) == ["GROSS_EXPOSURE_ABOVE_LIMIT"]
    assert place(desk, ticket(order_qty=Decimal(9))) == [""]


def test_limits_in_another_currency_use_the_rates_of_the_account(desk: User) -> None:
    limit(max_gross_notional=1_000, currency="EUR")
    assert place(desk, ticket(order_qty=Decimal(1))) == ["NO_EXCHANGE_RATE"]
    for currency, rate in (("USD", "0.5"), ("EUR", "1")):
        AccountValue.objects.create(
            account_id=ACCOUNT, key="ExchangeRate", currency=currency, value=rate, reported_at=timezone.now()
        )
    exchange_rates.forget()
    assert place(desk, ticket(), ticket()) == ["", "GROSS_EXPOSURE_ABOVE_LIMIT"]  # 10 x 200 / 2 each


def test_a_replace_and_a_parent_count_for_the_day(desk: User) -> None:
    limit(max_daily_notional=3_000, currency="USD")
    place(desk, first := ticket())
    order = Order.objects.get(cl_ord_id=first.cl_ord_id)
    change = Change(cl_ord_id="r1", order_qty=Decimal(31))
    request = replace_order(order.id, change, actor="a", at=timezone.now()).request
    assert request.reason_code == "DAILY_NOTIONAL_ABOVE_LIMIT"
    end = timezone.now() + timedelta(minutes=10)
    sliced = {"slices": 2, "start_time": None, "end_time": end, "client": desk, "received_at": timezone.now()}
    with pytest.raises(RefusedByCheck) as refused:
        place_sliced(ticket(order_qty=Decimal(21)), **sliced)
    assert refused.value.code == "DAILY_NOTIONAL_ABOVE_LIMIT"
    place_sliced(ticket(order_qty=Decimal(20)), **sliced)
    assert place(desk, ticket(order_qty=Decimal(1))) == ["DAILY_NOTIONAL_ABOVE_LIMIT"]


def asked_for(name: str, number: int, **wanted: Any) -> str:
    """The reason code of a replace of this order."""
    order = Order.objects.get(cl_ord_id=name)
    change = Change(cl_ord_id=f"r{number}-{name}", **wanted)
    return replace_order(order.id, change, actor="a", at=timezone.now()).request.reason_code


def test_a_dearer_price_counts_for_the_day_by_what_it_adds(desk: User) -> None:
    limit(max_daily_notional=3_000, currency="USD")
    place(desk, first := ticket())
    assert asked_for(first.cl_ord_id, 1, price=Decimal("300.01")) == "DAILY_NOTIONAL_ABOVE_LIMIT"
    assert asked_for(first.cl_ord_id, 2, price=Decimal(300)) == ""


def test_replaces_that_wait_count_for_the_day_and_once(desk: User) -> None:
    limit(max_daily_notional=5_000, currency="USD")
    first, second = ticket(), ticket()
    place(desk, first, second)
    Order.objects.update(state="PENDING")  # the broker has them, so replaces wait for it
    assert asked_for(first.cl_ord_id, 1, order_qty=Decimal(30)) == ""
    assert asked_for(second.cl_ord_id, 1, order_qty=Decimal(21)) == "DAILY_NOTIONAL_ABOVE_LIMIT"
    assert asked_for(first.cl_ord_id, 2, order_qty=Decimal(40)) == ""  # beside 10, and instead of 30
    assert asked_for(second.cl_ord_id, 2, order_qty=Decimal(11)) == "DAILY_NOTIONAL_ABOVE_LIMIT"


def test_a_lower_quantity_is_taken_beside_every_limit(desk: User) -> None:
    place(desk, first := ticket())
    limit(max_order_qty=1, max_notional=1, max_daily_notional=0, max_messages_per_minute=0, currency="EUR")
    assert asked_for(first.cl_ord_id, 1, order_qty=Decimal(9), price=Decimal(99)) == "QTY_ABOVE_LIMIT"
    assert asked_for(first.cl_ord_id, 2, order_qty=Decimal(9)) == ""


def test_a_short_sale_needs_its_permission(desk: User) -> None:
    limit(short_sales="none")
    assert place(desk, ticket(side=Side.SELL)) == ["SHORT_SALE_NOT_ALLOWED"]
    limit(short_sales="locate")
    Instrument.objects.update(shortable_shares=10)
    last_prices.forget()
    assert place(desk, ticket(side=Side.SELL), ticket(side=Side.SELL)) == ["", "SHORT_SALE_NOT_ALLOWED"]


def test_a_loss_of_the_day_refuses_what_opens_and_not_what_closes(desk: User) -> None:
    limit(max_daily_loss=1_000, currency="USD")
    assert place(desk, ticket()) == ["DAILY_LOSS_UNKNOWN"]
    AccountValue.objects.create(
        account_id=ACCOUNT, key="NetLiquidation", currency="USD", value="1", reported_at=timezone.now()
    )
    Profit.objects.create(account_id=ACCOUNT, con_id=0, daily=-1_000, reported_at=timezone.now())
    assert place(desk, ticket()) == ["DAILY_LOSS_ABOVE_LIMIT"]
    con_id = Instrument.objects.get(symbol="AAPL").con_id
    held = {"symbol": "AAPL", "sec_type": "STK", "currency": "USD", "reported_at": timezone.now()}
    Position.objects.create(account_id=ACCOUNT, con_id=con_id, position_qty=10, **held)
    assert place(desk, ticket(side=Side.SELL)) == [""]


def test_the_firm_may_not_open_while_the_loss_of_one_account_is_unknown(desk: User) -> None:
    scoped("firm", max_daily_loss=1_000, currency="USD")
    for account in (ACCOUNT, OTHER):
        assert place(desk, ticket()) == ["DAILY_LOSS_UNKNOWN"]
        told = {"account_id": account, "reported_at": timezone.now()}
        AccountValue.objects.create(key="NetLiquidation", currency="USD", value="1", **told)
        Profit.objects.create(con_id=0, daily=-499, **told)
    assert place(desk, ticket()) == [""]
    Profit.objects.update(daily=-500)
    assert place(desk, ticket()) == ["DAILY_LOSS_ABOVE_LIMIT"]


def test_a_bulk_of_two_accounts_is_asked_for_the_loss_of_each(desk: User) -> None:
    for account in (ACCOUNT, OTHER):
        AccountLimit.objects.filter(account=account).update(max_daily_loss=1_000, currency="USD")
        told = {"account_id": account, "reported_at": timezone.now()}
        AccountValue.objects.create(key="NetLiquidation", currency="USD", value="1", **told)
        Profit.objects.create(con_id=0, daily=0, **told)
    assert place(desk, ticket(), ticket(account=OTHER)) == ["", ""]


def warned(client: User, asked: Ticket) -> list[str]:
    place(client, asked)
    report = Order.objects.get(cl_ord_id=asked.cl_ord_id).check_report
    return [check["id"] for check in report if check["id"]]


def test_a_soft_breach_is_placed_only_with_the_override_of_its_own_warning(desk: User) -> None:
    limit(max_order_qty=5, max_duplicates_per_minute=1, soft=["max_order_qty", "max_duplicates_per_minute"])
    (first,) = warned(desk, ticket())
    assert place(desk, ticket(override=Override(ids=("0" * 12,), reason="no"))) == ["QTY_ABOVE_LIMIT"]
    meant = Override(ids=(first,), reason="asked for by the client")
    assert place(desk, ticket(order_qty=Decimal(11), override=meant)) == ["QTY_ABOVE_LIMIT"]
    placed = ticket(override=meant)
    assert place(desk, placed) == [""]
    report = Order.objects.get(cl_ord_id=placed.cl_ord_id).check_report
    assert [c["overridden"] for c in report if not c["passed"]] == ["algo: asked for by the client"]
    again = warned(desk, ticket(override=meant))
    assert len(again) == 2  # the duplicate is a warning of its own
    assert place(desk, ticket(override=Override(ids=tuple(again), reason="twice on purpose"))) == [""]


def test_no_price_is_no_warning_that_can_be_overridden(desk: User) -> None:
    limit(soft=["max_notional"])
    Instrument.objects.update(last_px=None)
    last_prices.forget()
    asked = ticket(ord_type=OrdType.MARKET, price=None)
    with transaction.atomic():
        assert warned(desk, asked) == []
    assert Order.objects.get(cl_ord_id=asked.cl_ord_id).reason_code == "NO_REFERENCE_PRICE"


def executed(name: str) -> None:
    Order.objects.filter(cl_ord_id=name).update(cum_qty=10, first_fill_at=timezone.now(), state="FILLED")


def test_what_executes_the_same_too_often_is_halted_until_a_person_enables_it(desk: User) -> None:
    scoped("strategy:twap", max_repeated_executions=2)
    for price in (100, 101):
        asked = ticket(strategy="twap", price=Decimal(price))
        assert place(desk, asked) == [""]
        executed(asked.cl_ord_id)
    assert place(desk, ticket(strategy="twap", price=Decimal(99))) == ["REPEATED_EXECUTIONS"]
    assert ScopeState.objects.get(pk="strategy:twap").state == "HALTED"
    assert place(desk, ticket(strategy="twap", order_qty=Decimal(1))) == ["TRADING_HALTED"]
    put_state("strategy:twap", TradingState.ACTIVE, by="jo", reason="it was meant")
    assert place(desk, ticket(strategy="twap")) == [""]


def loss_watch() -> LossWatch:
    """Of an account that may lose 1,000 a day."""
    limit(max_daily_loss=1_000, currency="USD")
    AccountValue.objects.create(
        account_id=ACCOUNT, key="NetLiquidation", currency="USD", value="1", reported_at=timezone.now()
    )
    return LossWatch("main")


def told(watch: LossWatch, daily: int) -> str:
    """The state of the account after one more reading of this profit."""
    Profit.objects.update_or_create(
        account_id=ACCOUNT, con_id=0, defaults={"daily": daily, "reported_at": timezone.now()}
    )
    watch.look()
    row = ScopeState.objects.filter(pk=f"account:{ACCOUNT}").first()
    return row.state if row else "ACTIVE"


def test_a_loss_told_three_times_reduces_and_a_larger_one_halts(desk: User) -> None:
    watch = loss_watch()
    assert [told(watch, -1_000), told(watch, -999), told(watch, -1_000)] == ["ACTIVE"] * 3
    watch.look()  # the same reading once more
    assert [told(watch, -1_000), told(watch, -1_001)] == ["ACTIVE", "REDUCING"]
    assert [told(watch, -1_500) for _ in range(3)] == ["REDUCING", "REDUCING", "HALTED"]
    assert told(watch, 0) == "HALTED"  # a person decides


@pytest.mark.parametrize("scope", ["firm", f"account:{ACCOUNT}", "session:main"])
def test_a_loss_halts_no_account_while_a_kill_closes_its_positions(desk: User, scope: str) -> None:
    watch = loss_watch()
    kill = press(scope, KillAction.FLATTEN, actor=person("jo"), reason="runs away")
    assert "HALTED" not in [told(watch, -2_000) for _ in range(5)]
    release(kill.id, actor=person("kim"), reason="it does not end")
    assert [told(watch, -2_000) for _ in range(3)][-1] == "HALTED"


def test_a_stop_beside_the_press_of_a_kill_outlives_its_release(desk: User) -> None:
    scope = f"account:{ACCOUNT}"

    def pressed() -> UUID:
        try:
            return press(scope, KillAction.CANCEL, actor=person("jo"), reason="runs away").id
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            stop(scope, by="checks", reason="seven executions in a minute")
            kill = pool.submit(pressed)
            eventually(somebody_waits)  # with the state before, which nobody else sees yet
        release(kill.result(60), actor=person("kim"), reason="all clear")
    assert ScopeState.objects.get(pk=scope).state == "HALTED"


@pytest.mark.parametrize(
    "limits",
    [{"max_daily_notional": 999, "currency": "USD"}, {"max_daily_orders": 0}, {"max_order_to_trade": 0}],
)
def test_the_first_order_of_a_day_is_asked_too(desk: User, limits: dict[str, Any]) -> None:
    limit(**limits)
    (code,) = place(desk, ticket())
    assert code
