"""What checks answer: every one reports value against limit, passed or not, and whose limit it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check. `code` is a reason code when it failed, empty when it passed.

    `scope` is whose limit it is. A failed check with an `id` is a warning: it refuses unless the request
    overrides this very id, and `overridden` says by whom and why it was.
    """

    check: str
    passed: bool
    value: str
    limit: str
    code: str = ""
    scope: str = ""
    id: str = ""
    overridden: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the order may not be placed because of it."""
        return not self.passed and not self.overridden

    def as_json(self) -> dict[str, Any]:
        """The result as stored on the order and shown to clients."""
        return dict(vars(self))  # plain values only: `asdict`, which copies deeply, takes forty times as long


def first_failed(report: Iterable[CheckResult]) -> CheckResult | None:
    """The check that refuses: the first that failed, a warning only where nothing worse did; None if none."""
    failed = [check for check in report if not check.passed and check.refuses]
    return next((check for check in failed if not check.id), failed[0] if failed else None)


def result(check: str, *, passed: bool, value: str, limit: str, code: str, scope: str = "") -> CheckResult:
    """The result of one check; its code counts only if it failed."""
    code = "" if passed else code
    return CheckResult(check=check, passed=passed, value=value, limit=limit, code=code, scope=scope)
