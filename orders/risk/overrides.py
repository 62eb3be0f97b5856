"""Warnings: breaches of soft limits, which a person with the right may override, each by its own id. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orders.risk.catalogue import FIELDS, LimitSet
from orders.risk.intention import Content
from orders.risk.report import CheckResult


def with_warnings(
    report: Iterable[CheckResult],
    limits: Sequence[LimitSet],
    meant: Content,
    overrides: Mapping[str, str],
) -> list[CheckResult]:
    """The report with an id on each breach of a soft limit, and who overrode it and why.

    `meant` is what makes one order another than the next: an override is for this one, not for its like.
    `overrides`: by id that. A limit that could not be checked (no price, no rate) is no warning.
    """
    soft = {(one.scope, name) for one in limits for name in one.soft}
    if not soft:
        return list(report)
    return [_warned(check, soft, meant, overrides) for check in report]


def _warned(
    check: CheckResult,
    soft: set[tuple[str, str]],
    meant: Content,
    overrides: Mapping[str, str],
) -> CheckResult:
    if check.passed or (check.scope, check.check) not in soft or check.code != FIELDS[check.check].code:
        return check
    warning = warning_id(check, meant)
    return replace(check, id=warning, overridden=overrides.get(warning, ""))


def warning_id(check: CheckResult, meant: Content) -> str:
    """The same for the same order against the same limit: it holds from the preview to the order."""
    given = (meant.order_qty, meant.price, meant.stop_px)
    numbers = ["" if number is None else str(number.normalize()) for number in given]
    own = [check.scope, check.check, check.limit, meant.contract, str(meant.buys), str(meant.ord_type)]
    return hashlib.sha256("\x1f".join([*own, *numbers]).encode()).hexdigest()[:12]
