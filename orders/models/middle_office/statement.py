"""Statements of the broker: what its books say of a day, row by row as they were read."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Statement(models.Model):
    """One account's statement of one file. Of those about the same days the newest made by the broker counts.

    `sections` holds how many rows of each section were read; `unknown` names what nobody has told us of.
    """

    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.PROTECT, related_name="statements")
    query = models.CharField(max_length=100)
    kind = models.CharField(max_length=8, choices=[("AF", "Activity"), ("TCF", "Trade confirmation")])
    from_date = models.DateField()
    to_date = models.DateField()
    generated_at = models.DateTimeField()
    replaced = models.BooleanField(default=False)
    file_name = models.CharField(max_length=200)
    file_sha256 = models.CharField(max_length=64)
    read_at = models.DateTimeField(db_default=Now())
    read_by = models.CharField(max_length=150)
    sections = models.JSONField(default=dict)
    unknown = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        permissions = [("read_statement", "Can read statements of the broker in")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "query", "kind", "from_date", "to_date"],
                condition=Q(replaced=False),
                name="statement_one_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.from_date}..{self.to_date}"


class StatementRow(models.Model):
    """One row as the file has it (`raw`), and what comparisons need of it.

    `quantity` is signed, bought is positive; `commission` is a cost as positive as in our books (the file has
    it the other way round). `exec_root` is an execution's id without its version.
    """

    id = models.BigAutoField(primary_key=True)
    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="rows", db_index=False)
    section = models.CharField(max_length=32)
    key = models.CharField(max_length=100)
    what = models.CharField(max_length=32)
    day = models.DateField()
    con_id = models.BigIntegerField(default=0)
    symbol = models.CharField(max_length=64, blank=True, default="")
    exec_id = models.CharField(max_length=64, blank=True, default="")
    exec_root = models.CharField(max_length=64, blank=True, default="")
    trade_id = models.CharField(max_length=32, blank=True, default="")
    of_trade = models.CharField(max_length=32, blank=True, default="", help_text="The trade that it cancels.")
    order_ref = models.CharField(max_length=64, blank=True, default="")
    quantity = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    price = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    amount = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    currency = models.CharField(max_length=8, blank=True, default="")
    commission = models.DecimalField(null=True, max_digits=28, decimal_places=10)
    commission_currency = models.CharField(max_length=8, blank=True, default="")
    raw = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["statement", "section", "key"], name="statement_row_once")
        ]
        indexes = [
            models.Index(fields=["statement", "exec_root"], name="statement_row_execution"),
            models.Index(
                fields=["statement", "trade_id"], condition=~Q(trade_id=""), name="statement_row_trade"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.section} {self.key}"


class RequestState(models.TextChoices):
    """Lifecycle of a request at the broker's web service."""

    TO_ASK = "TO_ASK", "To be asked for"
    ASKED = "ASKED", "Being made by the broker"
    READ = "READ", "Read"
    STOPPED = "STOPPED", "A person must act"


class StatementRequest(models.Model):
    """One query of one day at the web service: where it stands, so that a restart asks for nothing twice.

    `reference` and `url` are the broker's own words for where the statement will be; no row has the token.
    """

    query = models.CharField(max_length=40)
    day = models.DateField()
    state = models.CharField(max_length=8, choices=RequestState.choices, default=RequestState.TO_ASK)
    reference = models.CharField(max_length=40, blank=True, default="")
    url = models.CharField(max_length=200, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    polls = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=8, blank=True, default="", help_text="What the broker said last.")
    text = models.CharField(max_length=500, blank=True, default="")
    not_before = models.DateTimeField(db_default=Now())
    began_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True, help_text="When the service was asked last.")
    asked_since = models.DateTimeField(null=True, help_text="Since when this reference is waited for.")
    told = models.BooleanField(default=False, help_text="A person was told that it is late.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["query", "day"], name="statement_request_once")]

    def __str__(self) -> str:
        return f"{self.query} {self.day} {self.state}"
