"""What markets were at, and what orders and executions cost against it (`orders.reports`)."""

from __future__ import annotations

from django.db import models

from orders.models.controls.limits import optional_quantity, quantity


class MarketTick(models.Model):
    """The quote of a contract when it was last told, kept at most once a second and only where it changed.

    Written beside the prices, in the same statement (`instruments.prices`). `source` is the broker's own word
    for how fresh it is; empty: it did not say.
    """

    con_id = models.BigIntegerField()
    at = models.DateTimeField()
    bid_px = optional_quantity()
    ask_px = optional_quantity()
    last_px = optional_quantity()
    bid_size = optional_quantity()
    ask_size = optional_quantity()
    last_size = optional_quantity()
    source = models.CharField(max_length=16, blank=True, default="")

    class Meta:
        ordering = ["at"]
        indexes = [models.Index(fields=["con_id", "at"], name="market_tick_of_contract")]

    def __str__(self) -> str:
        return f"{self.con_id} {self.at:%H:%M:%S}"


class CostCursor(models.Model):
    """Up to which event the costs are computed: one row."""

    txid = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.txid}-{self.event_id}"


class Cost(models.Model):
    """What both rows of cost have in common: by what they are added up, copied so that one table has it all.

    Money is in `currency`, the instrument's.
    """

    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.CASCADE, db_index=False)
    day = models.DateField()
    symbol = models.CharField(max_length=32)
    trader = models.CharField(max_length=150, blank=True)
    strategy = models.CharField(max_length=32, blank=True)
    algo = models.CharField(max_length=32, blank=True)
    currency = models.CharField(max_length=8)

    class Meta:
        abstract = True


class OrderCost(Cost):
    """One order. `received`, `sent`, `ended` are its quotes, with age and source; None: there was none."""

    order = models.OneToOneField("orders.Order", on_delete=models.CASCADE, primary_key=True)
    parent = models.ForeignKey("orders.SlicedOrder", on_delete=models.CASCADE, null=True, related_name="+")
    side = models.CharField(max_length=12)
    order_qty = quantity()
    filled_qty = quantity()
    avg_px = optional_quantity()
    received = models.JSONField(null=True)
    sent = models.JSONField(null=True)
    ended = models.JSONField(null=True)
    decision_px = optional_quantity()
    arrival_px = optional_quantity()
    end_px = optional_quantity()
    vwap_px = optional_quantity()
    twap_px = optional_quantity()
    coverage = models.DecimalField(
        null=True, max_digits=5, decimal_places=4, help_text="Share of its interval of which we have quotes."
    )
    delay = optional_quantity()
    trading = optional_quantity()
    opportunity = optional_quantity()
    fees = optional_quantity()
    shortfall = optional_quantity()
    paper = optional_quantity()
    arrival_value = optional_quantity()
    vwap_cost = optional_quantity()
    vwap_value = optional_quantity()
    computed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "day"], name="order_cost_of_day")]

    def __str__(self) -> str:
        return f"{self.order_id} {self.shortfall}"


class FillCost(Cost):
    """One execution that counts, against the quote at its time and the mid at its order's arrival."""

    execution = models.OneToOneField("orders.Execution", on_delete=models.CASCADE, primary_key=True)
    order = models.ForeignKey("orders.Order", on_delete=models.CASCADE, related_name="fill_costs")
    venue = models.CharField(max_length=32, blank=True)
    qty = quantity()
    px = quantity()
    quote = models.JSONField(null=True)
    trading = optional_quantity()
    arrival_value = optional_quantity()
    effective = optional_quantity()
    quoted = optional_quantity()
    fees = optional_quantity()

    class Meta:
        indexes = [models.Index(fields=["account", "day"], name="fill_cost_of_day")]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.trading}"
