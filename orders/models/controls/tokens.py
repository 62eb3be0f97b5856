"""API tokens: only a digest is stored; scopes and accounts narrow what a token may do."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class Scope(models.TextChoices):
    """What a token may do."""

    READ = "read"
    TRADE = "trade"
    CANCEL = "cancel"
    RISK = "risk"
    APPROVE = "approve"
    AUDIT = "audit"
    ADMIN = "admin"


class ApiToken(AbstractAuthToken):
    """A token of one API client (its owner, a user), for some accounts; shown once when made.

    Revoked ones stay, so that it is known who could do what, and when.
    """

    name = models.CharField(max_length=100, blank=True, default="")
    scopes = models.JSONField(default=list)
    accounts = models.ManyToManyField("brokers.BrokerAccount", blank=True, related_name="+")
    rate = models.PositiveIntegerField(null=True, blank=True, help_text="Requests per second; empty: as set.")
    strategy = models.CharField(
        max_length=32,
        blank=True,
        default="",
        help_text="Of every order placed with it; empty: as orders say.",
    )
    networks = models.JSONField(
        default=list, blank=True, help_text="Addresses and networks (CIDR) that may use it; empty: all."
    )
    heartbeat_s = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Seconds to the next beat, else its orders are canceled; empty: never.",
    )
    #: As the client said with its last beat, no more than `heartbeat_s`; and when the next one is due.
    beat_within = models.PositiveIntegerField(null=True, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    silent_since = models.DateTimeField(null=True, editable=False)
    made_by = models.CharField(max_length=100, blank=True, default="")
    #: Who answers for it: what the token does, this person cannot approve.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    #: It opens nothing before a second person approves it.
    waiting = models.BooleanField(default=False, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=100, blank=True, default="")
    successor = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="predecessor"
    )

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="token_due")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.token_key}"
