"""Orders that belong together at the broker: brackets, and groups of which one cancels the others."""

from __future__ import annotations

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models


class GroupKind(models.TextChoices):
    """How the orders of a group depend on each other."""

    BRACKET = "BRACKET", "An entry with its exits: take profit, stop"
    OCA = "OCA", "One cancels all"


class OcaType(models.TextChoices):
    """What an execution of one does to the others. "With block": only one is in the market at a time."""

    CANCEL = "CANCEL", "Cancel the others, with block"
    REDUCE = "REDUCE", "Reduce the others, with block"
    REDUCE_WITHOUT_BLOCK = "REDUCE_WITHOUT_BLOCK", "Reduce the others, without block: may overfill"


class OrderGroup(models.Model):
    """A group, recorded whole in one transaction and sent whole or not at all.

    `list_id` is the caller's, unique among its groups. `broken` says why a bracket that could not be
    placed whole is being taken back.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    client = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    list_id = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=GroupKind.choices)
    oca_type = models.CharField(max_length=24, choices=OcaType.choices, default=OcaType.CANCEL)
    session = models.ForeignKey("brokers.GatewaySession", on_delete=models.PROTECT)
    received_at = models.DateTimeField()
    broken = models.TextField(blank=True, default="")
    #: The sum of its orders' versions when it was last looked at: only a group that has moved is looked at.
    looked_version = models.BigIntegerField(default=0)
    #: Of a bracket, what its exits were last made for: what the entry had executed and might still execute.
    covered_qty = models.DecimalField(null=True, blank=True, max_digits=28, decimal_places=10)
    #: All its orders are over: nothing is left to look after.
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["client", "list_id"], name="order_group_unique_list_id")
        ]
        indexes = [
            models.Index(fields=["session"], condition=models.Q(settled_at=None), name="order_group_open")
        ]

    def __str__(self) -> str:
        return self.list_id
