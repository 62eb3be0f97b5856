"""Trading states as rules: which state an order is under, and what may be traded in it. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from brokers.formats import decimal_text
from orders.models.controls.trading_state import TradingState
from orders.risk.intention import ZERO, Intention
from orders.risk.report import CheckResult, result
from orders.risk.scopes import FIRM, ScopeKind, scope_text
from orders.risk.use import Use


def scopes_of(account: str, strategy: str, session: str) -> Iterator[str]:
    """The scopes that an order is in, as far as they have a trading state."""
    yield FIRM
    yield scope_text(ScopeKind.ACCOUNT, account)
    if strategy:
        yield scope_text(ScopeKind.STRATEGY, strategy)
    yield scope_text(ScopeKind.SESSION, session)


@dataclass(frozen=True, kw_only=True)
class InForce:
    """A state other than ACTIVE and where it comes from."""

    scope: str
    state: TradingState
    reason: str
    set_at: datetime

    def __str__(self) -> str:
        return f"{self.scope} is {self.state}: {self.reason}"


def strictest(found: Iterable[InForce]) -> InForce | None:
    """The first that is HALTED, else the first; None where there is none."""
    return max(found, key=lambda one: one.state == TradingState.HALTED, default=None)


class States:
    """All states other than ACTIVE, by scope."""

    def __init__(self, by_scope: Mapping[str, InForce]) -> None:
        self.by_scope = by_scope

    def of_order(self, account: str, strategy: str, session: str) -> InForce | None:
        """The strictest state of the order's scopes; None when all are ACTIVE.

        A HALTED session refuses nothing: what is recorded waits for it while it is fresh.
        """
        if not self.by_scope:
            return None
        waits = scope_text(ScopeKind.SESSION, session)
        found = [
            self.by_scope[scope] for scope in scopes_of(account, strategy, session) if scope in self.by_scope
        ]
        refusing = [one for one in found if one.scope != waits or one.state != TradingState.HALTED]
        return strictest(refusing)

    def of_session(self, session: str) -> InForce | None:
        """The strictest state of the firm and of this session; None when both are ACTIVE."""
        names = (FIRM, scope_text(ScopeKind.SESSION, session))
        return strictest(self.by_scope[name] for name in names if name in self.by_scope)

    def halts_itself(self, session: str) -> InForce | None:
        """The session's own state where that is HALTED, by a person or after lost history."""
        own = self.by_scope.get(scope_text(ScopeKind.SESSION, session))
        return own if own and own.state == TradingState.HALTED else None


def state_check(in_force: InForce) -> CheckResult:
    """Whether anything may be ordered in this state; in REDUCING `reduce_checks` say what."""
    return result(
        "trading_state",
        passed=in_force.state != TradingState.HALTED,
        value=str(in_force),
        limit="not HALTED",
        code="TRADING_HALTED",
    )


def shared_check(in_force: InForce) -> CheckResult:
    """Of a group order, whose shares nobody can hold to what only reduces: each account must be ACTIVE."""
    return result(
        "trading_state",
        passed=False,
        value=str(in_force),
        limit="ACTIVE, for every account that takes a share",
        code="TRADING_HALTED",
    )


def reduce_checks(intention: Intention, use: Use) -> Iterator[CheckResult]:
    """Orders that must only shrink a position: with all that works on their side it may not grow or turn.

    An exit of a bracket adds nothing, but must find a position to shrink as well.
    """
    for order in intention.orders:
        if not order.must_shrink:
            continue
        for con_id, ratio in order.contracts.items():
            sign, key = (1 if ratio > 0 else -1), (intention.account, con_id)
            worst = use.worst_with_exits(key, sign)
            if not order.closes:
                worst += intention.added(con_id, sign)
            yield result(
                "reduce_only",
                passed=sign * worst <= ZERO,
                value=f"{decimal_text(worst)} of contract {con_id} if all that works is filled",
                limit="a position that shrinks and does not turn",
                code="REDUCING_ONLY",
            )
