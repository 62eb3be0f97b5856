"""Trading states: what may be traded now for the firm, an account, a strategy or a session."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class TradingState(models.TextChoices):
    """From free to shut; of several the strictest counts."""

    ACTIVE = "ACTIVE", "Active"
    REDUCING = "REDUCING", "Reducing: only what shrinks a position"
    HALTED = "HALTED", "Halted"


class ScopeState(models.Model):
    """The state of one scope (`orders.risk.scopes`); without a row it is ACTIVE.

    A trigger makes each change a new version of the ruleset. A HALTED session keeps what is recorded for it
    waiting; any other HALTED scope refuses orders.
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
