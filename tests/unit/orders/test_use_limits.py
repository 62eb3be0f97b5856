"""Limits on what an account does as a whole: in pieces nobody gets more than at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.models.reasons import REASONS
from orders.risk.catalogue import LimitSet
from orders.risk.exposure import ContractFacts, DayProfit, Valuation, exposure_checks
from orders.risk.intention import Content, Intention, Part
from orders.risk.market import Market, Price
from orders.risk.use import Day, Use, use_checks

AAPL, MSFT = 1, 2
UNKNOWN = "DAILY_LOSS_UNKNOWN"
CONTENT = Content("A", str(AAPL), True, Decimal(10), "LIMIT", Decimal(100), None)
sides = st.sampled_from([1, -1])
quantities = st.integers(1, 50).map(Decimal)


NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
WORTH = {
    con_id: ContractFacts(
        market=Market(last_px=Price(Decimal(px), NOW)), unit=Decimal(1), currency="USD", is_share=True
    )
    for con_id, px in ((AAPL, 100), (MSFT, 30))
}
VALUATION = Valuation(now=NOW, max_age=timedelta(hours=1), contracts=WORTH)


def asked(sign: int = 1, quantity: Decimal | int = 10, con_id: int = AAPL, **changes: object) -> Part:
    content = replace(CONTENT, buys=sign > 0, order_qty=Decimal(quantity), contract=str(con_id), **changes)  # type: ignore[arg-type]
    value = Decimal(quantity) * (100 if con_id == AAPL else 30)
    return Part(
        content=content,
        contracts={con_id: Decimal(sign)},
        quantity=Decimal(quantity),
        value=value,
        currency="USD",
    )


def passes(intention: Intention, limits: LimitSet, use: Use) -> bool:
    use.days.setdefault("A", Day())
    report = [*use_checks(intention, limits, use), *exposure_checks(intention, limits, use, VALUATION)]
    return all(check.passed for check in report)


money = st.none() | st.integers(0, 12_000).map(Decimal)
orders = st.builds(asked, sides, quantities, st.sampled_from([AAPL, MSFT]))
limits = st.builds(
    LimitSet,
    scope=st.just("account:A"),
    max_position_qty=st.none() | st.integers(0, 120).map(Decimal),
    max_open_orders=st.none() | st.integers(0, 6),
    max_orders_per_minute=st.none() | st.integers(0, 6),
    max_duplicates_per_minute=st.none() | st.integers(0, 3),
    max_messages_per_minute=st.none() | st.integers(0, 8),
    max_gross_notional=money,
    max_net_notional=money,
    max_daily_notional=money,
    max_daily_orders=st.none() | st.integers(0, 8),
    short_sales=st.sampled_from([None, "none", "allowed"]),
    currency=st.just("USD"),
)


@given(st.lists(orders, min_size=1, max_size=8), limits)
def test_what_fails_whole_does_not_pass_in_pieces(pieces: list[Part], rules: LimitSet) -> None:
    whole, use = passes(Intention(orders=pieces), rules, Use()), Use()
    granted = []
    for piece in pieces:
        intention = Intention(orders=[piece])
        granted.append(passes(intention, rules, use))
        if granted[-1]:
            use.add(intention)
    assert all(granted) == whole


@given(st.lists(orders, max_size=8), orders, limits)
def test_what_is_granted_is_never_beyond_a_limit(before: list[Part], last: Part, rules: LimitSet) -> None:
    use = Use()
    for order in [*before, last]:
        if passes(Intention(orders=[order]), rules, use):
            use.add(Intention(orders=[order]))
    assert rules.max_open_orders is None or use.open_orders["A"] <= rules.max_open_orders
    if (most := rules.max_position_qty) is not None:
        assert all(worst <= most for worst in use.longs.values())
        assert all(-worst <= most for worst in use.shorts.values())
    if (limit := rules.max_gross_notional) is not None:
        contracts = {con_id for _, con_id in (*use.longs, *use.shorts)}
        worst = {c: max(use.longs.get(("A", c), 0), -use.shorts.get(("A", c), 0)) for c in contracts}
        assert sum(qty * (100 if c == AAPL else 30) for c, qty in worst.items()) <= limit


def test_an_order_that_shrinks_a_position_beyond_its_limit_passes() -> None:
    rules, use = (
        LimitSet(scope="account:A", max_position_qty=Decimal(10)),
        Use(longs={("A", AAPL): Decimal(50)}),
    )
    use.shorts["A", AAPL] = Decimal(50)
    assert passes(Intention(orders=[asked(-1, 50)]), rules, use)
    assert not passes(Intention(orders=[asked(-1, 61)]), rules, use)
    assert not passes(Intention(orders=[asked(1, 1)]), rules, use)


def test_of_alternatives_the_largest_counts() -> None:
    rules, both = (
        LimitSet(scope="account:A", max_position_qty=Decimal(10)),
        [asked(1, 10), asked(1, 7, price=Decimal(90))],
    )
    assert passes(Intention(orders=both, alternatives=True), rules, Use())
    assert not passes(Intention(orders=both), rules, Use())


def test_a_combination_counts_by_its_legs() -> None:
    spread = Part(content=CONTENT, quantity=Decimal(10), contracts={AAPL: Decimal(1), MSFT: Decimal(-2)})
    checks = use_checks(
        Intention(orders=[spread]), LimitSet(scope="account:A", max_position_qty=Decimal(15)), Use()
    )
    assert [check.value.split()[0] for check in checks if not check.passed] == ["-20"]


@pytest.mark.parametrize(
    ("sign", "changes", "crosses"),
    [
        (1, {"price": Decimal(101)}, True),
        (1, {"price": Decimal(100)}, True),
        (1, {"price": Decimal(99)}, False),
        (1, {"price": None, "ord_type": "MARKET"}, True),
        (1, {"price": None, "ord_type": "MOC"}, True),
        (1, {"price": None, "ord_type": "MARKET_TO_LIMIT"}, True),
        (1, {"price": None, "ord_type": "RELATIVE"}, True),
        (1, {"price": None, "ord_type": "TRAIL"}, False),
        (1, {"price": Decimal(101), "stop_px": Decimal(101)}, False),
        (-1, {"price": Decimal(99)}, False),
    ],
)
def test_a_buy_at_an_own_offer_trades_with_ourselves(
    sign: int, changes: dict[str, object], crosses: bool
) -> None:
    use = Use(asks={AAPL: Decimal(100)})
    intention = Intention(orders=[asked(sign, **changes)])  # type: ignore[arg-type]
    assert passes(intention, LimitSet(scope="account:A", refuse_self_trade=True), use) is not crosses


def failed(limits: dict[str, object], use: Use, *parts: Part, valuation: Valuation = VALUATION) -> list[str]:
    rules = LimitSet(scope="account:A", currency="USD", **limits)  # type: ignore[arg-type]
    return [c.code for c in exposure_checks(Intention(orders=parts), rules, use, valuation) if not c.passed]


def held(quantity: int, con_id: int = AAPL) -> Use:
    position = {("A", con_id): Decimal(quantity)}
    return Use(longs=dict(position), shorts=dict(position), days={"A": Day(orders=3, messages=9, executed=1)})


def test_gross_adds_long_and_short_and_net_takes_them_from_each_other() -> None:
    use = held(-100, MSFT)  # 3,000 short
    assert failed({"max_gross_notional": Decimal(4_000)}, use, asked(1, 10)) == []
    assert failed({"max_gross_notional": Decimal(3_999)}, use, asked(1, 10)) == ["GROSS_EXPOSURE_ABOVE_LIMIT"]
    assert failed({"max_net_notional": Decimal(3_000)}, use, asked(1, 10)) == []
    assert failed({"max_net_notional": Decimal(2_999)}, held(0), asked(-1, 30)) == [
        "NET_EXPOSURE_ABOVE_LIMIT"
    ]


def test_closing_is_allowed_beyond_every_limit_on_money() -> None:
    limits = dict.fromkeys(("max_gross_notional", "max_net_notional", "max_daily_loss"), Decimal(1))
    assert failed({**limits, "short_sales": "none"}, held(50), asked(-1, 50)) == []


def test_a_position_without_price_or_rate_is_no_pass() -> None:
    unknown, no_rate = (
        held(5, con_id=3),
        replace(VALUATION, contracts={AAPL: replace(WORTH[AAPL], currency="JPY")}),
    )
    assert failed({"max_gross_notional": Decimal(10**9)}, unknown, asked()) == ["NO_REFERENCE_PRICE"]
    one = {"max_gross_notional": Decimal(10**9)}
    assert failed(one, held(0), asked(), valuation=no_rate) == ["NO_EXCHANGE_RATE"]


def test_orders_and_messages_for_each_execution_have_a_limit() -> None:
    assert failed({"max_order_to_trade": Decimal(5)}, held(0), asked()) == []  # (9 + 1) / (1 + 1)
    assert failed({"max_order_to_trade": Decimal("4.99")}, held(0), asked()) == ["ORDER_TO_TRADE_ABOVE_LIMIT"]


def test_the_same_executed_too_often_is_stopped_at_any_price() -> None:
    use = held(0)
    use.executed["A", str(AAPL), True, Decimal(10)] = 3
    assert failed({"max_repeated_executions": 3}, use, asked(price=Decimal(7))) == ["REPEATED_EXECUTIONS"]
    assert failed({"max_repeated_executions": 3}, use, asked(1, 11)) == []


@pytest.mark.parametrize(
    ("permission", "shares", "locate", "refused"),
    [
        ("none", None, "", True),
        ("allowed", None, "", False),
        ("locate", None, "", True),
        ("locate", None, "BROKER", False),
        ("locate", 10, "", False),
        ("locate", 9, "", True),
    ],
)
def test_a_sale_beyond_the_position_needs_the_permission(
    permission: str, shares: int | None, locate: str, refused: bool
) -> None:
    market = replace(WORTH[AAPL].market, shortable_shares=None if shares is None else Decimal(shares))
    valuation = replace(VALUATION, contracts={AAPL: replace(WORTH[AAPL], market=market)})
    sale = replace(asked(-1, 20), locate=locate)
    assert bool(failed({"short_sales": permission}, held(10), sale, valuation=valuation)) is refused


@pytest.mark.parametrize(
    ("profit", "minutes", "code"),
    [("-99", 1, None), ("-100", 1, "DAILY_LOSS_ABOVE_LIMIT"), ("0", 11, UNKNOWN), (None, 1, UNKNOWN)],
)
def test_a_loss_of_the_day_that_nobody_tells_is_no_pass(
    profit: str | None, minutes: int, code: str | None
) -> None:
    told = DayProfit(None if profit is None else Decimal(profit), "USD", NOW - timedelta(minutes=minutes))
    valuation = replace(VALUATION, profits={"A": told})
    found = failed({"max_daily_loss": Decimal(100)}, held(0), asked(), valuation=valuation)
    assert found == ([code] if code else [])
    assert code is None or code in REASONS


@pytest.mark.parametrize(
    ("profits", "code"),
    [
        ({"A": "-60", "B": "-30"}, None),
        ({"A": "-60", "B": "-40"}, "DAILY_LOSS_ABOVE_LIMIT"),
        ({"A": "-60", "B": None}, UNKNOWN),  # the broker has no figure
        ({"A": "-60"}, UNKNOWN),  # and has never told one
        ({}, UNKNOWN),
    ],
)
def test_the_loss_of_the_firm_is_known_only_with_all_its_accounts(
    profits: dict[str, str | None], code: str | None
) -> None:
    told = {name: DayProfit(None if px is None else Decimal(px), "USD", NOW) for name, px in profits.items()}
    valuation = replace(VALUATION, profits=told, firm=frozenset({"A", "B"}))
    rules = LimitSet(scope="firm", currency="USD", max_daily_loss=Decimal(100))
    use = Use(days={"firm": Day()})
    report = exposure_checks(Intention(orders=[asked()]), rules, use, valuation)
    assert [check.code for check in report if not check.passed] == ([code] if code else [])
