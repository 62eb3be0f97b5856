"""Limits by scope, and which instruments a scope may trade. What each field means: `risk/catalogue.py`."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now


def quantity(**options: Any) -> models.DecimalField[Any, Any]:
    """A quantity, an amount of money or a ratio."""
    return models.DecimalField(max_digits=28, decimal_places=10, **options)


def optional_quantity() -> models.DecimalField[Any, Any]:
    """A limit that may be off."""
    return quantity(null=True, blank=True)


def optional_count() -> models.PositiveIntegerField[Any, Any]:
    """A limit that may be off."""
    return models.PositiveIntegerField(null=True, blank=True)


class Limits(models.Model):
    """The columns of every scope's limits; null is a limit that is off."""

    max_order_qty = optional_quantity()
    max_notional = optional_quantity()
    max_price_deviation_bps = optional_count()
    max_price_distance_bps = optional_count()
    max_price_age_s = optional_count()
    refuse_closed_market = models.BooleanField(default=False)
    max_adv_share_bps = optional_count()
    allowed_ord_types = models.JSONField(null=True, blank=True)
    short_sales = models.CharField(max_length=8, null=True, blank=True)  # noqa: DJ001 - null is off, as in all
    max_position_qty = optional_quantity()
    max_gross_notional = optional_quantity()
    max_net_notional = optional_quantity()
    max_open_orders = optional_count()
    max_orders_per_minute = optional_count()
    max_messages_per_minute = optional_count()
    max_duplicates_per_minute = optional_count()
    max_daily_notional = optional_quantity()
    max_daily_orders = optional_count()
    max_daily_loss = optional_quantity()
    max_order_to_trade = optional_quantity()
    max_repeated_executions = optional_count()
    refuse_self_trade = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, blank=True, default="")
    soft = models.JSONField(default=list, blank=True)
    #: Counts its changes: a form that was read before the last one is refused.
    version = models.PositiveIntegerField(default=0, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class AccountLimit(Limits):
    """What may be ordered for an account. No row, or no instrument listed, means nothing may."""

    account = models.OneToOneField("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="limit")
    max_order_qty = quantity()
    max_notional = quantity()
    any_instrument = models.BooleanField(default=False)
    allowed_instruments = models.ManyToManyField("brokers.Instrument", blank=True, related_name="+")

    def __str__(self) -> str:
        return f"limits of {self.account_id}"

    @property
    def scope(self) -> str:
        """As the other scopes are written."""
        return f"account:{self.account_id}"


class ScopeLimit(Limits):
    """What the firm, a strategy or a user may do, beside what its accounts may. No row asks for nothing."""

    scope = models.CharField(max_length=170, unique=True)

    class Meta:
        ordering = ["scope"]

    def __str__(self) -> str:
        return f"limits of {self.scope}"


class InstrumentRestriction(models.Model):
    """A scope may not trade an instrument, or may beside its account's list; for a time, for a side."""

    scope = models.CharField(max_length=170, db_index=True)
    instrument = models.ForeignKey("brokers.Instrument", on_delete=models.PROTECT, related_name="+")
    effect = models.CharField(
        max_length=10, choices=[("restricted", "Restricted"), ("allowed", "Allowed")], default="restricted"
    )
    side = models.CharField(
        max_length=4, blank=True, default="", choices=[("", "Both"), ("BUY", "Buy"), ("SELL", "Sell")]
    )
    starts_at = models.DateTimeField("from", null=True, blank=True)
    ends_at = models.DateTimeField("until", null=True, blank=True)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["scope", "id"]

    def __str__(self) -> str:
        return f"{self.instrument} {self.effect} for {self.scope}"
