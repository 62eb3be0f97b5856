"""Numbers as real gateways print them."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

ZERO = Decimal(0)


@lru_cache(maxsize=4096)
def java(value: Decimal | None) -> Decimal:
    """Return the number as Java prints a double: at least one decimal."""
    value = (value or ZERO).normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent >= 0 else value


def plain(value: Decimal) -> Decimal:
    """Return the number without trailing zeros."""
    return value.normalize()


def money(value: Decimal) -> str:
    """Return an amount with two decimals, as account values have it."""
    return f"{value:.2f}"
