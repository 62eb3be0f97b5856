"""Rows of the blotter in groups: by symbol, by strategy, or by the parent that they belong to, with sums.

A group's sums are of the whole view, whichever of its orders the page shows; those of a symbol or a strategy
read all of it, so they come after the rows. A parent is a bracket, orders of which one cancels the others, or
an order in slices; what belongs to none stands alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from orders.admin.orders.blotter.figures import SUMS
from orders.admin.orders.blotter.list_views import FIRST, asked_for
from orders.admin.orders.order import sliced
from orders.admin.orders.order.actions import ACTS
from orders.entry.slicer import progress
from orders.models import ALIVE, SLICING, Order, SliceState

PARENT = "parent"


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """One way to group: what rows are ordered by first, and the group of an order (None: it is in none)."""

    name: str
    order_by: Any
    key: Callable[[Order], Any]

    @property
    def is_of_many(self) -> bool:
        """Whether a group may hold any number of orders: a parent's are few."""
        return isinstance(self.order_by, str)


GROUPINGS: Mapping[str, Grouping] = {
    "symbol": Grouping(
        name="symbol", order_by="instrument__symbol", key=lambda order: order.instrument.symbol
    ),
    "strategy": Grouping(name="strategy", order_by="strategy", key=lambda order: order.strategy),
    PARENT: Grouping(
        name=PARENT,
        order_by=Coalesce("parent_id", "group_id", "id").desc(),
        key=lambda order: order.parent_id or order.group_id,
    ),
}


def grouping_of(request: HttpRequest) -> Grouping | None:
    """How the rows are grouped: by parent while nobody asks, where that is a list of few; never if sorted."""
    named = request.GET.get("group")
    if named is None and asked_for(request) in (FIRST, "open") and not request.GET.get("sort"):
        return GROUPINGS[PARENT]
    return GROUPINGS.get(named or "")


Sums = Mapping[Any, list[dict[str, Any]]]  # by group, of each currency


def grouped(
    request: HttpRequest, view: QuerySet[Order], rows: Sequence[dict[str, Any]], known: Sums | None = None
) -> list[dict[str, Any]]:
    """The rows, the first of each group with its `head`; `view` is everything that the list shows.

    Sums of groups of many are told when they are `known`.
    """
    grouping = grouping_of(request)
    if grouping is None:
        return list(rows)
    keys = {key for row in rows if (key := grouping.key(row["order"])) is not None}
    if not keys:
        return list(rows)
    sums, before = known, None
    if not grouping.is_of_many:
        sums = sums_by_key(grouping, view.filter(Q(parent__in=keys) | Q(group__in=keys)))
    lines: list[dict[str, Any]] = []
    for row in rows:
        key = grouping.key(row["order"])
        member = {**row, "group": digest(key)} if key is not None else row
        if key is not None and key != before:
            member["head"] = head(request, grouping, key, row["order"], None if sums is None else sums[key])
        before = key
        lines.append(member)
    return lines


def sums_by_key(grouping: Grouping, view: QuerySet[Order]) -> Sums:
    """The sums of all groups of a view, by currency."""
    key = F(grouping.order_by) if grouping.is_of_many else Coalesce("parent_id", "group_id")
    found: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    values = view.order_by().values(key=key, currency=F("instrument__currency")).annotate(**SUMS)
    for line in values.order_by("key", "currency"):
        found[line["key"]].append(dict(line))
    return found


def added_up(sums: Sums) -> list[dict[str, Any]]:
    """The sums of all groups together, by currency."""
    found: dict[str, dict[str, Any]] = {}
    for line in chain.from_iterable(sums.values()):
        total = found.setdefault(line["currency"], dict.fromkeys(SUMS, 0) | {"currency": line["currency"]})
        for name in SUMS:
            total[name] += line[name]
    return [found[currency] for currency in sorted(found)]


def digest(key: Any) -> str:
    """A name for the group in the page, whatever a client calls its strategies."""
    return hashlib.sha256(str(key).encode()).hexdigest()[:12]


def head(
    request: HttpRequest, grouping: Grouping, key: Any, order: Order, sums: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """What the row of a group shows; without `sums` that they are being added up."""
    shown: dict[str, Any] = {"id": digest(key), "sums": sums, "is_parent": grouping.name == PARENT}
    if grouping.name != PARENT:
        return {**shown, "title": str(key) or "no strategy"}
    return {**shown, **parent_head(request, order)}


def parent_head(request: HttpRequest, order: Order) -> dict[str, Any]:
    """The bracket, group or sliced order that this order belongs to, and what can be asked of it."""
    if order.parent is not None:
        parent = order.parent
        acts = sliced.acts_of(request, parent)
        mark = sliced.FAMILIES[SliceState(parent.state)]
        has = progress(parent) if parent.state in SLICING else None
        return {"title": parent.cl_ord_id, "sliced": parent, "acts": acts, "mark": mark, "has": has}
    group = order.group
    if group is None:
        return {}
    alive = sorted(
        (one for one in group.orders.all() if one.state in ALIVE), key=lambda one: one.group_rank or 0
    )
    may_cancel = bool(alive) and request.user.has_perm(ACTS["cancel_group"].permission)
    return {"title": group.list_id, "whole": group, "cancel_from": alive[0] if may_cancel else None}
