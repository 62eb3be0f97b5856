"""A restated order's executions count by whole ratios, though nine places of each are stored."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.models import Execution
from orders.models.execution import total_qty

parts = st.integers(1, 5_000)


def executed(quantity: int, px: int = 30) -> Execution:
    return Execution(last_qty=Decimal(quantity), last_px=Decimal(px), scale=Decimal(1))


@given(quantity=st.integers(1, 10**7), new=parts, old=parts)
def test_what_was_executed_is_whole_after_any_split(quantity: int, new: int, old: int) -> None:
    one = executed(quantity * old)
    one.rescale(Fraction(new, old))
    assert one.scale == one.scale.quantize(Decimal("1e-9"))  # as it is stored
    assert total_qty([one]) == quantity * new
    one.rescale(Fraction(old, new))
    assert (total_qty([one]), one.ratio) == (quantity * old, 1)


@pytest.mark.parametrize(("new", "old", "qty", "px"), [(1, 3, 100, 90), (2, 1, 600, 15), (1, 7, 300, 210)])
def test_quantity_and_price_are_those_of_today(new: int, old: int, qty: int, px: int) -> None:
    one = executed(300 if old < 7 else 2100)
    one.rescale(Fraction(new, old))
    assert (one.qty_now, one.px_now) == (qty, px)


def test_a_scale_that_is_no_ratio_of_small_numbers_counts_as_it_is_stored() -> None:
    one = Execution(last_qty=Decimal(10**6), last_px=Decimal(1), scale=Decimal("0.000033333"))
    assert one.qty_now == Decimal("33.333")
