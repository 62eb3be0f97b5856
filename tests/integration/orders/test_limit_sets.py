"""The limit sets that bind an intention: by account, firm, strategy and user, remembered with the rules."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from brokers.models import Instrument
from orders.entry.limits.rules import rules_cache
from orders.models import AccountLimit, InstrumentRestriction, ScopeLimit
from orders.risk.catalogue import LimitSet
from tests.integration.orders.conftest import seed_desk

ACCOUNT = "DU1234567"


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)


def bound(strategy: str = "", user: str = "") -> tuple[LimitSet, ...]:
    rules_cache.forget_outdated()
    return rules_cache.rules().limits_for(ACCOUNT, strategy, user)


def test_an_account_alone_is_bound_by_its_own_limits() -> None:
    AccountLimit.objects.update(max_gross_notional=Decimal(500), currency="USD", soft=["max_order_qty"])
    (own,) = bound("momentum", "algo")
    assert (own.scope, own.max_gross_notional, own.soft) == (f"account:{ACCOUNT}", 500, {"max_order_qty"})


def test_firm_strategy_and_user_bind_as_soon_as_they_have_limits() -> None:
    bound()
    for scope in ("firm", "strategy:momentum", "user:algo", "strategy:other"):
        ScopeLimit.objects.create(scope=scope, max_daily_orders=5)
    scopes = [found.scope for found in bound("momentum", "algo")]
    assert scopes == [f"account:{ACCOUNT}", "firm", "strategy:momentum", "user:algo"]
    assert [found.scope for found in bound()] == [f"account:{ACCOUNT}", "firm"]


def test_an_account_without_limits_has_no_sets() -> None:
    assert rules_cache.rules().limits_for("DU0") == ()


def test_a_restriction_binds_its_scope_at_once_and_in_its_time() -> None:
    assert bound()[0].restrictions == ()
    aapl, now = Instrument.objects.get(symbol="AAPL"), timezone.now()
    InstrumentRestriction.objects.create(
        scope="firm", instrument=aapl, side="SELL", starts_at=now, ends_at=now + timedelta(days=1), reason="x"
    )
    (row,) = bound()[1].restrictions
    assert (row.contracts, row.effect) == (((aapl.con_id, 1),), "restricted")
    assert row.is_on(now, "SELL_SHORT")
    assert not row.is_on(now, "BUY")
    assert not row.is_on(now + timedelta(days=1), "SELL")


def test_remembered_limit_sets_cost_no_query(django_assert_num_queries: Any) -> None:
    ScopeLimit.objects.create(scope="firm", max_daily_orders=5)
    bound("momentum")
    with django_assert_num_queries(0):
        rules_cache.rules().limits_for(ACCOUNT, "momentum", "algo")


def test_the_demo_has_limits_of_a_firm_and_a_strategy_and_keeps_those_that_are_there() -> None:
    ScopeLimit.objects.create(scope="firm", max_open_orders=7)
    call_command("seed", "--demo", stdout=StringIO())
    own, firm, strategy = bound("demo")
    assert (own.scope, firm.max_open_orders, strategy.scope) == (f"account:{ACCOUNT}", 7, "strategy:demo")
    assert strategy.max_order_qty == 1_000


def test_a_new_account_with_real_money_may_order_nothing(settings: Any) -> None:
    settings.TRADING_MODE = "live"
    settings.ACCOUNTS = {**settings.ACCOUNTS, "U1": "main"}
    call_command("seed", stdout=StringIO())
    row = AccountLimit.objects.get(account="U1")
    assert (row.max_order_qty, row.max_notional, row.any_instrument) == (0, 0, False)
    assert AccountLimit.objects.get(account=ACCOUNT).max_order_qty > 0  # what was there stays
