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
    # What an account does as a whole: checked under a lock, with all that works and all that is being asked.
    max_position_qty = models.DecimalField(
        "max position",
        null=True,
        blank=True,
        max_digits=28,
        decimal_places=10,
        help_text="Of one contract, long or short, if all that works is filled. Empty: no limit.",
    )
    max_open_orders = models.PositiveIntegerField(
        null=True, blank=True, help_text="Alive at once. Empty: no limit."
    )
    max_orders_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    max_duplicates_per_minute = models.PositiveIntegerField(
        "max same orders a minute",
        null=True,
        blank=True,
        help_text="Of one instrument, side, quantity, type and prices. Empty: no limit.",
    )
    refuse_self_trade = models.BooleanField(
        default=False,
        help_text="Refuse what would trade with a working order of our own, in whatever account.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"limits of {self.account_id}"
