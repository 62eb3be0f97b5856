"""The audit: what was done beside orders, and the seals that chain all of it; held append-only.

What happens to orders is in `OrderEvent`; both are sealed into one chain (`orders.controls.audit`).
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from orders.models.event import CurrentTransaction


class AuditRecord(models.Model):
    """One act: a row that changed with its old and new values, a login, a refusal, a command.

    Changes of rows are written by triggers, in the transaction that made them; `person` and `via` say who it
    was and through what, `process` which program, `role` which login of the database. A record without a
    process is of somebody who wrote to the database by hand.
    """

    txid = models.BigIntegerField(db_default=CurrentTransaction())
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=60)
    person = models.CharField(max_length=150, blank=True, default="")
    via = models.CharField(max_length=100, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")
    process = models.CharField(max_length=60, blank=True, default="")
    role = models.CharField(
        max_length=63, db_default=models.Func(function="SESSION_USER", template="%(function)s")
    )
    account = models.CharField(max_length=32, blank=True, default="")
    order_id = models.UUIDField(null=True, blank=True)
    #: The row: its table and key.
    subject = models.CharField(max_length=200, blank=True, default="")
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True, default="")
    ok = models.BooleanField(default=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("view_audit", "Can read and export the audit")]
        indexes = [
            models.Index(fields=["txid", "id"], name="audit_record_order"),
            models.Index(fields=["subject", "-id"], name="audit_record_subject"),
            models.Index(
                fields=["order_id"], condition=models.Q(order_id__isnull=False), name="audit_record_of_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class AuditSeal(models.Model):
    """One link of the chain: what was committed since the one before it, by the hash of each row.

    `content` is the JSON that was hashed, byte for byte; `head` is sha256(previous head + sha256(content)).
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    #: What was committed by transactions in [from_txid, to_txid) is sealed here or before.
    from_txid = models.BigIntegerField()
    to_txid = models.BigIntegerField()
    rows = models.IntegerField()
    content = models.TextField()
    previous = models.CharField(max_length=64)
    head = models.CharField(max_length=64)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.head}"
