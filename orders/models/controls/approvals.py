"""What waits for a second person, and every change of a limit."""

from __future__ import annotations

from datetime import datetime

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

USER = settings.AUTH_USER_MODEL


class ApprovalKind(models.TextChoices):
    """What it is that needs two."""

    LIMITS = "LIMITS", "Limits"
    RESTRICTION = "RESTRICTION", "Restricted instruments"
    KILL_RELEASE = "KILL_RELEASE", "Release of a kill switch"
    TOKEN = "TOKEN", "API token that trades"
    EXECUTION = "EXECUTION", "Execution entered by hand"
    BREAK = "BREAK", "Break closed"
    ORDER = "ORDER", "Large order or override"
    LOGIN = "LOGIN", "Login made or changed by another"
    TRANSFER = "TRANSFER", "Position moved to another strategy"
    SPLIT = "SPLIT", "Split entered by hand"
    RIGHTS = "RIGHTS", "Rights given to a group"


class ApprovalState(models.TextChoices):
    """What became of it."""

    WAITING = "WAITING", "Waiting"
    APPROVED = "APPROVED", "Approved"
    REJECTED = "REJECTED", "Rejected"
    EXPIRED = "EXPIRED", "Expired"


class Approval(models.Model):
    """One act that takes effect when a second person approves it, and never otherwise.

    `diff` is what that person sees and approves: [{"what", "old", "new"}]. `payload` is what the act needs to
    be carried out. `accounts` are those it concerns, empty for the whole firm. The maker is a login of the
    desk or the owner of a token; `maker_person` answers for that token.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=ApprovalKind.choices)
    title = models.CharField(max_length=300)
    accounts = models.JSONField(default=list)
    diff = models.JSONField(default=list)
    payload = models.JSONField(default=dict)
    reason = models.CharField(max_length=500)
    maker = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    maker_person = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    made_by = models.CharField(max_length=160)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    state = models.CharField(
        max_length=8, choices=ApprovalState.choices, default=ApprovalState.WAITING, db_index=True
    )
    approver = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    decided_by = models.CharField(max_length=160, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=500, blank=True, default="")
    outcome = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        permissions = [("decide_approval", "Can approve and reject what others made")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=ApprovalState.APPROVED)
                | (Q(approver__isnull=False) & ~Q(approver=F("maker")) & ~Q(approver=F("maker_person"))),
                name="approval_by_another_person",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def state_at(self, now: datetime) -> str:
        """Its state; what was not decided in time has expired, whether that is noted yet or not."""
        late = self.state == ApprovalState.WAITING and self.expires_at <= now
        return (ApprovalState.EXPIRED if late else ApprovalState(self.state)).value


class LimitChange(models.Model):
    """One change of one limit: who, why, from which value to which, from when, and who approved it.

    `applied_at` null: it waits, for its approval or its time, or was given up (`outcome` says why). A change
    past the services (in the database, by hand) leaves a row as well: a trigger writes it.
    """

    scope = models.CharField(max_length=170)
    field = models.CharField(max_length=40)
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    reason = models.CharField(max_length=500, blank=True)
    maker = models.CharField(max_length=160)
    approver = models.CharField(max_length=160, blank=True, default="")
    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, null=True, related_name="limit_changes")
    made_at = models.DateTimeField(db_default=Now())
    from_when = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    #: That of the limits when it had been applied.
    version = models.IntegerField(null=True)
    outcome = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["scope", "-id"], name="limit_change_of_scope")]

    def __str__(self) -> str:
        return f"{self.scope} {self.field}: {self.old or 'off'} -> {self.new or 'off'}"
