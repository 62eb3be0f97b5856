"""Limits of an account: the first checks that every order passes."""

from __future__ import annotations

from django.db import models


class AccountLimit(models.Model):
    """What may be ordered for an account. No row, or no instrument listed, means nothing may."""

    account = models.OneToOneField("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="limit")
    max_order_qty = models.DecimalField(max_digits=28, decimal_places=10)
    max_notional = models.DecimalField(
        help_text="In the instrument's currency, per order.", max_digits=28, decimal_places=10
    )
    any_instrument = models.BooleanField(
        default=False, help_text="Whatever the broker knows may be traded, not only what is listed."
    )
    allowed_instruments = models.ManyToManyField("brokers.Instrument", blank=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"limits of {self.account_id}"
