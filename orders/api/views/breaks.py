"""Breaks: where our books and the broker's differ."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none, time_text
from orders import selectors
from orders.api import bodies, schema
from orders.api.base import ApiView
from orders.api.queries import BIGGEST_ID, DEFAULT_LIMIT, flag, page, paged, read_query
from orders.api.shapes import choice
from orders.entry.fields import Field, whole, word
from orders.models import Break, BreakKind

FIELDS = {
    "account": Field(bodies.account),
    "kind": Field(word(BreakKind)),
    "open": Field(flag, description="true: only open ones; false: only closed ones."),
    **paged(whole(0, BIGGEST_ID)),
}


class BreakShape(serializers.Serializer[Any]):
    """A difference with both sides' evidence."""

    id = serializers.IntegerField()
    kind = choice(BreakKind)
    account = serializers.CharField(allow_null=True)
    order_id = serializers.UUIDField(allow_null=True)
    text = serializers.CharField()
    ours = serializers.DictField()
    broker = serializers.DictField()
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    times = serializers.IntegerField()
    agreeing_runs = serializers.IntegerField()
    owner = serializers.CharField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField()
    resolution = serializers.CharField()


class Breaks(ApiView):
    """Breaks of the token's accounts."""

    has_query = True

    @extend_schema(
        operation_id="list_breaks",
        parameters=schema.parameters(FIELDS),
        responses={200: schema.page_of("BreakPage", BreakShape), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Breaks, newest first."""
        query = read_query(request.query_params, FIELDS)
        names = {"account": "account_id", "kind": "kind", "cursor": "id__lt"}
        rows = selectors.breaks_of(self.access.accounts, is_open=query.get("open"))
        rows = rows.filter(**{names[name]: value for name, value in query.items() if name in names})
        limit = query.get("limit", DEFAULT_LIMIT)
        return page(request, rows, break_document, limit=limit, cursor=lambda row: row.pk)


def break_document(row: Break) -> dict[str, Any]:
    """A break; `owner` must be loaded."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "account": row.account_id,
        "order_id": str(row.order_id) if row.order_id else None,
        "text": row.text,
        "ours": row.ours,
        "broker": row.broker,
        "first_seen": time_text(row.first_seen),
        "last_seen": time_text(row.last_seen),
        "times": row.times,
        "agreeing_runs": row.agreeing_runs,
        "owner": row.owner.get_username() if row.owner else None,
        "closed_at": time_or_none(row.closed_at),
        "closed_by": row.closed_by,
        "resolution": row.resolution,
    }
