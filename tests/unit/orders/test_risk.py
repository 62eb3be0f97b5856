"""Form and limit checks, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side, TimeInForce
from orders.models.reasons import REASONS
from orders.risk.catalogue import LimitSet
from orders.risk.form.validity import form_errors
from orders.risk.market import Leg, Market, Price
from orders.risk.money import Rates
from orders.risk.order_rules import OrderFacts, order_checks
from orders.risk.restrictions import Effect, Restriction
from orders.risk.terms import OrderTerms


@dataclass(frozen=True)
class Rules:
    min_tick: Decimal | None = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    sec_type: str = "STK"
    price_bands: list[list[str]] = field(default_factory=list)
    order_types: list[str] = field(default_factory=list)
    liquid_hours: list[list[str]] = field(default_factory=list)
    trading_hours: list[list[str]] = field(default_factory=list)


NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
GOOD = OrderTerms(side=Side.BUY, order_qty=Decimal(100), ord_type=OrdType.LIMIT, price=Decimal("229.95"))


def broken(rules: Rules | None = None, **change: Any) -> dict[str, list[str]]:
    """What the good order breaks with this change."""
    return form_errors(msgspec.structs.replace(GOOD, **change), rules or Rules(), NOW)


def facts(**changes: Any) -> OrderFacts:
    """A good order for 100 at 200, with a market at 200; `changes` of its terms or of what is known."""
    known = {name: changes.pop(name) for name in list(changes) if name in OrderFacts.__dataclass_fields__}
    price = Price(Decimal(200), NOW - timedelta(seconds=1))
    given: dict[str, Any] = {
        "terms": msgspec.structs.replace(GOOD, **{"price": Decimal(200), **changes}),
        "instrument": "AAPL STK SMART USD",
        "instrument_id": 9,
        "contracts": {1: 1},
        "instrument_allowed": True,
        "currency": "USD",
        "unit": Decimal(1),
        "legs": [Leg(market=Market(last_px=price, average_volume=Decimal(10_000)))],
        "now": NOW,
        "max_close_age": timedelta(hours=96),
    }
    return OrderFacts(**given | known)


LIMITS = LimitSet(scope="account:A", max_order_qty=Decimal(100), max_notional=Decimal(20_000))


def test_the_quantity_of_a_combination_is_that_of_its_largest_leg() -> None:
    spread = facts(contracts={1: 1, 2: -100}, order_qty=Decimal(2))
    (found,) = [check for check in order_checks(spread, LIMITS) if check.check == "max_order_qty"]
    assert (found.passed, found.value) == (False, "200 of a leg, 100 for each of 2")
    assert all(check.passed for check in order_checks(facts(contracts={1: 1, 2: -1}), LIMITS))


def test_a_good_order_breaks_no_rule() -> None:
    assert broken() == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": None}, "price"),
        ({"price": Decimal(0)}, "price"),
        ({"price": Decimal(-1)}, "price"),
        ({"price": Decimal("229.955")}, "price"),
        ({"ord_type": OrdType.MARKET}, "price"),
        ({"stop_px": Decimal(1)}, "stop_px"),
        ({"ord_type": OrdType.STOP_LIMIT}, "stop_px"),
        ({"order_qty": Decimal(0)}, "order_qty"),
        ({"order_qty": Decimal(-5)}, "order_qty"),
        ({"order_qty": Decimal("0.5")}, "order_qty"),
        ({"order_qty": Decimal("1.5")}, "order_qty"),
        (
            {"ord_type": OrdType.STOP_LIMIT, "stop_px": Decimal(1), "time_in_force": TimeInForce.IOC},
            "time_in_force",
        ),
    ],
)
def test_each_rule_names_the_field_that_broke_it(change: dict[str, Any], field: str) -> None:
    assert list(broken(**change)) == [field]


@given(st.integers(1, 10**9))
def test_only_a_price_on_the_tick_passes(ticks: int) -> None:
    price = ticks * Decimal("0.01")
    assert broken(price=price) == {}
    assert "price" in broken(price=price + Decimal("0.005"))


def test_limits_are_inclusive_and_report_value_against_limit() -> None:
    report = order_checks(facts(), LIMITS)
    assert all(result.passed for result in report)
    assert [(r.check, r.value, r.limit) for r in report][1:] == [
        ("max_order_qty", "100", "100"),
        ("max_notional", "20000 (at price 200)", "20000"),
    ]


COLLAR = "PRICE_OUTSIDE_COLLAR"
NOTHING_TOLD = [Leg(market=Market())]
OLD = [Leg(market=Market(last_px=Price(Decimal(200), NOW - timedelta(seconds=30))))]
HALTED = [Leg(market=Market(halted=2))]
HOURS = [["2026-11-23T14:30:00+00:00", "2026-11-23T15:05:00+00:00"]]
OPEN, CLOSED = Rules(liquid_hours=HOURS), Rules(liquid_hours=[["2026-11-24T14:30:00+00:00"] * 2])
MARKET = {"ord_type": OrdType.MARKET, "price": None}
BAD_ROW = Restriction(
    effect=Effect.RESTRICTED, instrument=9, contracts=((1, 1),), side="BUY", reason="insider list"
)


@pytest.mark.parametrize(
    ("change", "limits", "code"),
    [
        ({"order_qty": Decimal(101)}, {"max_notional": Decimal(10**9)}, "QTY_ABOVE_LIMIT"),
        ({"price": Decimal("200.01")}, {}, "NOTIONAL_ABOVE_LIMIT"),
        ({"unit": Decimal(2)}, {}, "NOTIONAL_ABOVE_LIMIT"),
        ({**MARKET, "legs": NOTHING_TOLD}, {}, "NO_REFERENCE_PRICE"),
        ({"side": Side.SELL, "legs": NOTHING_TOLD}, {}, "NO_REFERENCE_PRICE"),
        ({**MARKET, "legs": OLD}, {"max_price_age_s": 10}, "PRICE_TOO_OLD"),
        ({"instrument_allowed": False}, {}, "INSTRUMENT_NOT_ALLOWED"),
        ({}, {"restrictions": (BAD_ROW,)}, "INSTRUMENT_RESTRICTED"),
        ({}, {"currency": "EUR"}, "NO_EXCHANGE_RATE"),
        (
            {"price": Decimal(250)},
            {"max_price_deviation_bps": 500, "max_notional": None},
            "PRICE_OUTSIDE_COLLAR",
        ),
        ({"price": Decimal(50)}, {"max_price_distance_bps": 500}, COLLAR),
        ({"legs": NOTHING_TOLD}, {"max_price_deviation_bps": 500}, "NO_REFERENCE_PRICE"),
        ({}, {"max_adv_share_bps": 99}, "ADV_SHARE_ABOVE_LIMIT"),
        ({}, {"allowed_ord_types": frozenset({"MARKET"})}, "ORD_TYPE_NOT_ALLOWED"),
        ({"legs": HALTED, "rules": OPEN}, {"refuse_closed_market": True}, "MARKET_HALTED"),
        ({"rules": CLOSED}, {"refuse_closed_market": True}, "MARKET_CLOSED"),
        ({"rules": Rules()}, {"refuse_closed_market": True}, "MARKET_CLOSED"),
        ({"rules": OPEN, "ord_type": OrdType.LOC}, {"refuse_closed_market": True}, "MARKET_CLOSED"),
    ],
)
def test_a_breach_fails_only_its_check_with_a_registered_code(
    change: dict[str, Any], limits: dict[str, Any], code: str
) -> None:
    report = order_checks(facts(**change), replace(LIMITS, **limits))
    assert [check.code for check in report if not check.passed] == [code]
    assert code in REASONS
    assert {check.scope for check in report} == {"account:A"}


def test_a_restriction_counts_for_its_side_and_its_time_only() -> None:
    over = replace(BAD_ROW, side="", ends_at=NOW)
    early = replace(BAD_ROW, side="", starts_at=NOW + timedelta(seconds=1))
    rows = replace(LIMITS, restrictions=(replace(BAD_ROW, side="SELL"), over, early))
    assert all(check.passed for check in order_checks(facts(), rows))


def test_an_allowed_row_counts_beside_the_list_and_loosens_no_restriction() -> None:
    allowed = replace(BAD_ROW, effect=Effect.ALLOWED)
    passes = replace(LIMITS, restrictions=(allowed,))
    assert all(check.passed for check in order_checks(facts(instrument_allowed=False), passes))
    both = replace(LIMITS, restrictions=(allowed, BAD_ROW))
    failed = [check.code for check in order_checks(facts(), both) if not check.passed]
    assert failed == ["INSTRUMENT_RESTRICTED"]


SPREAD = {"contracts": {1: 1, 2: -2}, "instrument_id": 7}
CALENDAR = ((1, 2), (2, -4))  # the same spread, twice as large


@pytest.mark.parametrize(
    ("row", "side", "stopped"),
    [
        ({}, Side.BUY, True),
        ({"side": "SELL"}, Side.BUY, False),
        ({"side": "SELL"}, Side.SELL, True),
        ({"contracts": ((2, 1),), "side": "SELL"}, Side.BUY, True),  # buying the spread sells this leg
        ({"contracts": ((2, 1),), "side": "SELL"}, Side.SELL, False),
        ({"contracts": CALENDAR}, Side.SELL, True),
        ({"contracts": CALENDAR, "side": "BUY"}, Side.SELL, False),
        ({"contracts": ((1, -1), (2, 2)), "side": "SELL"}, Side.BUY, True),  # its mirror
        ({"contracts": ((1, 1), (2, -1))}, Side.BUY, False),
        ({"contracts": ((1, 1), (2, -2), (3, 1))}, Side.BUY, False),
        ({"contracts": (), "instrument": 7}, Side.BUY, True),
        ({"contracts": (), "instrument": 8}, Side.BUY, False),
    ],
)
def test_a_restricted_leg_or_spread_stops_the_combination(
    row: dict[str, Any], side: Side, stopped: bool
) -> None:
    restricted = replace(BAD_ROW, **{"side": "", **row})
    report = order_checks(facts(**SPREAD, side=side), replace(LIMITS, restrictions=(restricted,)))
    assert ("INSTRUMENT_RESTRICTED" in [check.code for check in report]) is stopped


def test_a_combination_is_allowed_by_its_legs_or_by_its_own_row() -> None:
    def allows(*rows: tuple[tuple[int, int], ...]) -> bool:
        allowed = tuple(replace(BAD_ROW, effect=Effect.ALLOWED, side="", contracts=row) for row in rows)
        asked = facts(**SPREAD, instrument_allowed=False)
        limits = replace(LIMITS, restrictions=allowed, max_order_qty=Decimal(400))
        return all(check.passed for check in order_checks(asked, limits))

    assert allows(CALENDAR)
    assert allows(((1, 1),), ((2, 1),))
    assert not allows(((1, 1),))


def test_money_is_converted_at_the_rates_of_the_broker_with_their_age() -> None:
    at = NOW - timedelta(minutes=3)
    rates = Rates(to_base={"USD": Price(Decimal("0.9"), at), "EUR": Price(Decimal(1), at)})
    limits = replace(LIMITS, currency="EUR", max_notional=Decimal(18_000))
    report = order_checks(facts(rates=rates), limits)
    assert report[-1].value == "18000 (at price 200, rate 3 minutes old)"
    assert all(check.passed for check in report)
    old = Rates(
        to_base={name: Price(rate.px, NOW - timedelta(days=9)) for name, rate in rates.to_base.items()}
    )
    assert order_checks(facts(rates=old), limits)[-1].code == "NO_EXCHANGE_RATE"
    pair = Rates(pairs={("EUR", "USD"): Price(Decimal("1.25"), at)})
    assert order_checks(facts(rates=pair), limits)[-1].value.startswith("16000 ")


def test_a_limit_that_is_off_reports_nothing() -> None:
    assert order_checks(facts(**MARKET, legs=NOTHING_TOLD), LimitSet(scope="firm")) == []


ZERO_TOLD = [Leg(market=Market(last_px=Price(Decimal(0), NOW), bid_px=Price(Decimal(0), NOW)))]
BELOW_ZERO = [Leg(market=Market(last_px=Price(Decimal(-40), NOW)))]


@pytest.mark.parametrize(
    ("change", "limits", "code"),
    [
        (MARKET, {}, "NO_REFERENCE_PRICE"),
        ({"side": Side.SELL, "price": Decimal("0.01")}, {}, "NO_REFERENCE_PRICE"),
        (
            {"price": Decimal(900)},
            {"max_price_deviation_bps": 500, "max_notional": None},
            "NO_REFERENCE_PRICE",
        ),
    ],
)
def test_a_price_of_zero_is_no_price(change: dict[str, Any], limits: dict[str, Any], code: str) -> None:
    report = order_checks(facts(**change, legs=ZERO_TOLD), replace(LIMITS, **limits))
    assert [check.code for check in report if not check.passed] == [code]


def test_a_price_below_zero_is_worth_what_it_is_away_from_it() -> None:
    report = order_checks(facts(**MARKET, legs=BELOW_ZERO, unit=Decimal(1_000)), LIMITS)
    assert [check.code for check in report if not check.passed] == ["NOTIONAL_ABOVE_LIMIT"]
    collar = LimitSet(scope="firm", max_price_deviation_bps=500)
    (far,) = order_checks(facts(price=Decimal(-30), legs=BELOW_ZERO), collar)
    assert not far.passed
    (near,) = order_checks(facts(price=Decimal(-41), legs=BELOW_ZERO), collar)
    assert near.passed
