"""What changes a position without an execution of an order: splits, and the ends of options."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

#: Within which two sources may date one split.
AROUND = timedelta(days=7)


class Split(models.Model):
    """From `ex_date` on, `numerator` units of a contract are what `denominator` were the day before.

    Executions stay as they were made: positions and profits count those before `ex_date` by this ratio when
    they are read. A reverse split often gives the contract a new id. It comes of a statement (`source` names
    the row), of an order that the broker restated, or of two persons (`approval`).
    """

    con_id = models.BigIntegerField()
    new_con_id = models.BigIntegerField(help_text="The same, unless the contract got a new id.")
    symbol = models.CharField(max_length=64)
    ex_date = models.DateField()
    numerator = models.PositiveIntegerField()
    denominator = models.PositiveIntegerField()
    source = models.CharField(max_length=200, help_text="Where it is known from.")
    entered_by = models.CharField(max_length=160)
    approved_by = models.CharField(max_length=160, blank=True, default="")
    approval = models.OneToOneField("orders.Approval", on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["ex_date", "id"]
        constraints = [
            models.UniqueConstraint(fields=["con_id", "ex_date"], name="split_once"),
            models.CheckConstraint(
                condition=Q(numerator__gt=0, denominator__gt=0)
                & (~Q(numerator=F("denominator")) | ~Q(con_id=F("new_con_id"))),
                name="split_changes_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.numerator} for {self.denominator} from {self.ex_date}"

    @property
    def ratio(self) -> Fraction:
        """How many there are for one."""
        return Fraction(self.numerator, self.denominator)


def known_split(con_id: int, ex_date: date) -> Split | None:
    """The same split, entered from elsewhere: two sources may date it a few days apart."""
    near = (ex_date - AROUND, ex_date + AROUND)
    return Split.objects.filter(con_id=con_id, ex_date__range=near).first()


class PositionEventKind(models.TextChoices):
    """What happened to the position."""

    EXPIRATION = "EXPIRATION", "Expired"
    EXERCISE = "EXERCISE", "Exercised"
    ASSIGNMENT = "ASSIGNMENT", "Assigned"
    CASH_SETTLEMENT = "CASH_SETTLEMENT", "Settled in cash"
    CASH_IN_LIEU = "CASH_IN_LIEU", "Fraction paid in cash"
    SPLIT = "SPLIT", "Split"


class PositionEvent(models.Model):
    """What an account's position in one contract and its cash were changed by, as a statement tells it.

    `quantity` and `amount` are signed: what came in is positive. Of an exercise both legs are events, that of
    the underlying at the strike (`option_con_id` names the option). What the baseline holds already, because
    the account was first seen later or a person had accepted it, is not counted to it again.
    """

    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=PositionEventKind.choices)
    day = models.DateField(help_text="The last day, at the end of which the position is another.")
    key = models.CharField(max_length=120)
    con_id = models.BigIntegerField()
    symbol = models.CharField(max_length=64)
    sec_type = models.CharField(max_length=16)
    currency = models.CharField(max_length=8)
    multiplier = models.DecimalField(default=1, max_digits=18, decimal_places=6)
    option_con_id = models.BigIntegerField(default=0)
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    price = models.DecimalField(default=0, max_digits=28, decimal_places=10)
    amount = models.DecimalField(default=0, max_digits=28, decimal_places=10)
    commission = models.DecimalField(default=0, max_digits=28, decimal_places=10)
    realized_pnl = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    quantity_in_baseline = models.BooleanField(default=False)
    amount_in_baseline = models.BooleanField(default=False)
    split = models.ForeignKey(Split, on_delete=models.PROTECT, null=True, related_name="+")
    source = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["day", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="position_event_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.quantity} {self.symbol}"
