"""Form and limit checks, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side, TimeInForce
from orders.models.reasons import REASONS
from orders.risk.checks import Exposure, run_checks
from orders.risk.terms import OrderTerms
from orders.risk.validity import form_errors


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


EXPOSURE = Exposure(
    order_qty=Decimal(100),
    reference_px=Decimal(200),
    reference="price 200",
    instrument="AAPL STK SMART USD",
    instrument_allowed=True,
    max_order_qty=Decimal(100),
    max_notional=Decimal(20_000),
)


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
    report = run_checks(EXPOSURE)
    assert all(result.passed for result in report)
    assert [(r.check, r.value, r.limit) for r in report][1:] == [
        ("max_order_qty", "100", "100"),
        ("max_notional", "20000 (at price 200)", "20000"),
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"order_qty": Decimal(101), "max_notional": Decimal(10**9)}, "QTY_ABOVE_LIMIT"),
        ({"reference_px": Decimal("200.01")}, "NOTIONAL_ABOVE_LIMIT"),
        ({"reference_px": None}, "NO_REFERENCE_PRICE"),
        ({"instrument_allowed": False}, "INSTRUMENT_NOT_ALLOWED"),
    ],
)
def test_a_breach_fails_only_its_check_with_a_registered_code(change: dict[str, object], code: str) -> None:
    failed = [result.code for result in run_checks(replace(EXPOSURE, **change)) if not result.passed]
    assert failed == [code]
    assert code in REASONS
