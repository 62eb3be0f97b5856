"""Strategies inside an account: what was moved from one to another without a trade at the broker."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

#: In place of a strategy's name: what belongs to none of them.
UNATTRIBUTED = ""


class StrategyTransfer(models.Model):
    """A part of a position that changes its strategy at a price; the account's position stays as it is.

    `quantity` is what `to_strategy` gets, negative of a short position. An empty strategy is the rest of the
    account that belongs to none. `price` is as quoted; times `multiplier` it is money.
    """

    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="+")
    con_id = models.BigIntegerField()
    symbol = models.CharField(max_length=32)
    sec_type = models.CharField(max_length=16)
    currency = models.CharField(max_length=8)
    multiplier = models.DecimalField(max_digits=18, decimal_places=6)
    from_strategy = models.CharField(max_length=32, blank=True, default=UNATTRIBUTED)
    to_strategy = models.CharField(max_length=32, blank=True, default=UNATTRIBUTED)
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    price = models.DecimalField(max_digits=28, decimal_places=10)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=160)
    approved_by = models.CharField(max_length=160)
    approval = models.OneToOneField("orders.Approval", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(quantity=0) & ~Q(from_strategy=F("to_strategy")), name="transfer_moves_something"
            )
        ]
        indexes = [models.Index(fields=["account", "con_id"], name="transfer_of_contract")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol}: {self.from_strategy or '-'} to {self.to_strategy or '-'}"
