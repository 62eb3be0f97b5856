"""The kill switch: what was asked, how far it is, and what proves it."""

from __future__ import annotations

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class KillAction(models.TextChoices):
    """What is to be so in the end, each more than the one before."""

    HALT = "halt", "Halt: nothing new goes out"
    CANCEL = "cancel", "Cancel: and no order is open"
    FLATTEN = "flatten", "Flatten: and no position is held"


class KillStatus(models.TextChoices):
    """PROVEN only by two complete snapshots; NOT_PROVEN names what blocks, and goes on."""

    WORKING = "WORKING"
    PROVEN = "PROVEN"
    NOT_PROVEN = "NOT_PROVEN"


class KillSwitch(models.Model):
    """One press of the switch. The brokers' workers work at it until it is proven, whatever dies meanwhile.

    `progress` is kept by session: its two proofs, what it saw last and what blocks there. The scope's state
    goes back to `state_before` only when a second person releases it.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    scope = models.CharField(max_length=80)
    action = models.CharField(max_length=8, choices=KillAction.choices)
    status = models.CharField(max_length=10, choices=KillStatus.choices, default=KillStatus.WORKING)
    reason = models.CharField(max_length=500)
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: Who answers for the token that it was pressed with.
    maker_person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_by = models.CharField(max_length=150)
    state_before = models.CharField(max_length=8)
    progress = models.JSONField(default=dict)
    started_at = models.DateTimeField(db_default=Now())
    proven_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=150, blank=True, default="")
    release_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        permissions = [("press_kill", "Can press and release the kill switch")]

    def __str__(self) -> str:
        return f"{self.action} {self.scope}"
