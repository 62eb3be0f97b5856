"""Orders that belong together at the broker: brackets, and groups of which one cancels the others.

How they depend on each other: which exits are one leg, and what ends with what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import models

from orders.models.states import ALIVE

if TYPE_CHECKING:
    from orders.models.order import Order

#: Exits without a group of their own at the broker are one leg: it makes them one by their parent.
ONE_LEG = ""


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


def leg_of(order: Order) -> str:
    """The exits of a leg end each other: a take profit and its stop."""
    return str(order.links.get("oca_group", ONE_LEG))


def ends_with(canceled: Order, other: Order) -> bool:
    """Whether a client's cancel of the first ends the second too: two orders of one group."""
    if canceled.group is None or canceled.pk == other.pk or canceled.group_id != other.group_id:
        return False
    if canceled.group.kind == GroupKind.OCA or not canceled.group_rank:
        return True
    return bool(other.group_rank) and leg_of(canceled) == leg_of(other)


def ended_with(order: Order, members: Sequence[Order]) -> list[Order]:
    """The living orders that a client's cancel of this one ends too, until one of those has executed."""
    tied = [other for other in members if ends_with(order, other)]
    is_entry = order.group is not None and order.group.kind == GroupKind.BRACKET and not order.group_rank
    if not is_entry and any(one.cum_qty for one in (order, *tied)):
        return []
    return [other for other in tied if other.state in ALIVE]
