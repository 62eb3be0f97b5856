"""Limit checks: every one reports value against limit, passed or not. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from brokers.formats import decimal_text


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What an order would risk, and what the account allows. Money in the instrument's currency."""

    order_qty: Decimal
    #: What one unit is worth at most, and the words for where that is from.
    reference_px: Decimal | None
    reference: str
    no_reference: str = ""  # why there is no price to value it at
    #: Units of currency that one unit of price is worth (of a future or an option, its multiplier).
    multiplier: Decimal = Decimal(1)
    instrument: str
    instrument_allowed: bool
    max_order_qty: Decimal
    max_notional: Decimal


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check. `code` is a reason code when it failed, empty when it passed."""

    check: str
    passed: bool
    value: str
    limit: str
    code: str = ""

    def as_json(self) -> dict[str, Any]:
        """The result as stored on the order and shown to clients."""
        return asdict(self)


def first_failed(report: Iterable[CheckResult]) -> CheckResult | None:
    """The check that refuses: the first that failed; None when all passed."""
    return next((check for check in report if not check.passed), None)


def run_checks(exposure: Exposure) -> list[CheckResult]:
    """All checks, in the order in which they are reported; none is skipped because another failed."""
    return [_instrument(exposure), _quantity(exposure), _notional(exposure)]


def _instrument(exposure: Exposure) -> CheckResult:
    return result(
        "allowed_instruments",
        passed=exposure.instrument_allowed,
        value=exposure.instrument,
        limit="the account's list",
        code="INSTRUMENT_NOT_ALLOWED",
    )


def _quantity(exposure: Exposure) -> CheckResult:
    return result(
        "max_order_qty",
        passed=exposure.order_qty <= exposure.max_order_qty,
        value=decimal_text(exposure.order_qty),
        limit=decimal_text(exposure.max_order_qty),
        code="QTY_ABOVE_LIMIT",
    )


def _notional(exposure: Exposure) -> CheckResult:
    limit = decimal_text(exposure.max_notional)
    px = exposure.reference_px
    if px is None:
        value = exposure.no_reference or "no price known"
        return result("max_notional", passed=False, value=value, limit=limit, code="NO_REFERENCE_PRICE")
    notional = exposure.order_qty * abs(px) * exposure.multiplier
    return result(
        "max_notional",
        passed=notional <= exposure.max_notional,
        value=f"{decimal_text(notional)} (at {exposure.reference})",
        limit=limit,
        code="NOTIONAL_ABOVE_LIMIT",
    )


def result(check: str, *, passed: bool, value: str, limit: str, code: str) -> CheckResult:
    """The result of one check; its code counts only if it failed."""
    return CheckResult(check=check, passed=passed, value=value, limit=limit, code="" if passed else code)
