"""Trading states: what may be traded now for the firm, an account, a strategy or a session."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import models
from django.db.models.functions import Now

FIRM = "firm"


class TradingState(models.TextChoices):
    """From free to shut; of several the strictest counts."""

    ACTIVE = "ACTIVE", "Active"
    REDUCING = "REDUCING", "Reducing: only what shrinks a position"
    HALTED = "HALTED", "Halted"


class ScopeKind(models.TextChoices):
    """What a state can be set for, beside the firm as a whole."""

    ACCOUNT = "account"
    STRATEGY = "strategy"
    SESSION = "session"


def scope_of(kind: ScopeKind, name: str) -> str:
    """How a scope is written: `account:DU1234567`."""
    return f"{kind}:{name}"


def scopes_of(account: str, strategy: str, session: str) -> Iterator[str]:
    """The scopes that an order is in."""
    yield FIRM
    yield scope_of(ScopeKind.ACCOUNT, account)
    if strategy:
        yield scope_of(ScopeKind.STRATEGY, strategy)
    yield scope_of(ScopeKind.SESSION, session)


class ScopeState(models.Model):
    """The state of one scope; without a row it is ACTIVE. A trigger makes each change a new ruleset version.

    A HALTED session keeps what is recorded for it waiting; any other HALTED scope refuses orders.
    """

    scope = models.CharField(primary_key=True, max_length=80)
    state = models.CharField(max_length=8, choices=TradingState.choices)
    reason = models.CharField(max_length=500)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["scope"]
        permissions = [("set_trading_state", "Can halt, reduce and reactivate trading")]

    def __str__(self) -> str:
        return f"{self.scope} {self.state}"


class ScopeStateChange(models.Model):
    """One change of a state: who, when and why. Rows are never changed."""

    scope = models.CharField(max_length=80, db_index=True)
    from_state = models.CharField(max_length=8, choices=TradingState.choices)
    to_state = models.CharField(max_length=8, choices=TradingState.choices)
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.scope} {self.to_state}"
