"""Executions, one row per version the broker sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Execution(models.Model):
    """One execution of an order.

    IB corrects an execution by a further one whose id differs after the last dot: `exec_root` is the
    part before it, `superseded` marks the versions that no longer count.
    """

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="executions")
    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    exec_id = models.CharField(max_length=64)
    exec_root = models.CharField(max_length=64)
    superseded = models.BooleanField(default=False)
    con_id = models.BigIntegerField(default=0)
    symbol = models.CharField(max_length=32, blank=True, default="")
    sec_type = models.CharField(max_length=8, blank=True, default="")
    currency = models.CharField(max_length=8, blank=True, default="")
    multiplier = models.DecimalField(default=1, max_digits=18, decimal_places=6)
    side = models.CharField(max_length=8)
    last_qty = models.DecimalField(max_digits=28, decimal_places=10)
    last_px = models.DecimalField(max_digits=28, decimal_places=10)
    scale = models.DecimalField(
        default=1, max_digits=18, decimal_places=9, help_text="Shares now for one then, after a split."
    )
    venue = models.CharField(max_length=32, blank=True)
    liquidity = models.CharField(max_length=8, blank=True)
    transact_time = models.DateTimeField()
    trade_date = models.DateField(null=True, help_text="The trading day of its time.")
    commission = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    commission_currency = models.CharField(max_length=8, blank=True, default="")
    realized_pnl = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "exec_id"], name="execution_unique_exec_id")
        ]
        indexes = [
            # The lists (orders.order_search), newest first by the time of the execution.
            models.Index(fields=["account", "side", "-transact_time", "-id"], name="execution_account_side"),
            models.Index(
                fields=["account", "con_id", "side", "-transact_time", "-id"],
                name="execution_contract_side",
            ),
            models.Index(
                fields=["order"], condition=Q(commission__isnull=True), name="execution_no_commission"
            ),
        ]

    def __str__(self) -> str:
        return self.exec_id
