"""Breaks: where our books and the broker's differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import decimal_or_none, time_or_none, time_text
from brokers.postgres import clock
from orders import selectors
from orders.api import bodies
from orders.api.authentication import Access
from orders.api.base import ApiView, answer
from orders.api.bodies import REASON_FIELDS, read_fields
from orders.api.problems import Problem
from orders.api.queries import BIGGEST_ID, DEFAULT_LIMIT, flag, page, paged, read_query
from orders.api.schema import orders as schema
from orders.api.schema.shapes import choice
from orders.api.views.controls.approvals import ApprovalShape, approval_document
from orders.controls.books import breaks as four_eyes
from orders.controls.persons.people import Actor, at_desk
from orders.entry.reading.fields import Field, Wrong, integer, reads, text, whole, word
from orders.models import Approval, Break, BreakCause, BreakKind, Scope
from orders.reconciliation import breaks
from orders.reconciliation.ageing import age_of
from orders.reports import break_list
from orders.reports.tables import csv_answer

FIELDS = {
    "account": Field(bodies.account),
    "kind": Field(word(BreakKind)),
    "open": Field(flag, description="true: only open ones; false: only closed ones."),
    **paged(whole(0, BIGGEST_ID)),
}
RESOLVE_FIELDS = {
    **REASON_FIELDS,
    "cause": Field(word(BreakCause)),
    "ticket": Field(
        text(r"^[\x20-\x7e]{1,60}$", "1 to 60 plain characters"),
        description="The broker's ticket; required with BROKER_ERROR.",
    ),
}


FILE_FIELDS = {name: field for name, field in FIELDS.items() if name not in ("cursor", "limit")}


@reads(
    type="array",
    items={"type": "integer", "minimum": 1, "maximum": BIGGEST_ID},
    minItems=1,
    maxItems=four_eyes.MOST,
    uniqueItems=True,
)
def ids(raw: Any) -> list[int]:
    """Ids of breaks, each once."""
    numbers = [integer(1, BIGGEST_ID)(one) for one in raw] if isinstance(raw, list) else []
    if not numbers or len(numbers) > four_eyes.MOST or len(set(numbers)) < len(numbers):
        raise Wrong("BAD_FORMAT", f"This must be a list of 1 to {four_eyes.MOST} different ids of breaks.")
    return numbers


RESOLVE_MANY_FIELDS = {"ids": Field(ids, required=True), **RESOLVE_FIELDS}


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
    value = serializers.CharField(allow_null=True, help_text="In the base currency; null: not known.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="Until when it should be closed.")
    age = serializers.IntegerField(help_text="Working days since it was first seen, Monday to Friday.")
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField()
    resolution = serializers.CharField()
    cause = serializers.CharField(help_text="Empty: in words alone.")
    ticket = serializers.CharField(help_text="The broker's ticket number.")


class BreaksShape(serializers.Serializer[Any]):
    """Some breaks."""

    results = BreakShape(many=True)


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
        limit = query.get("limit", DEFAULT_LIMIT)
        return page(
            request, filtered(self.access, query), break_document, limit=limit, cursor=lambda row: row.pk
        )


class BreakAct(ApiView):
    """What is done about one break, in the name of the person who answers for the token."""

    scopes = {"POST": Scope.RISK}

    def person(self, *break_ids: int) -> Actor:
        """Who decides about these; raises where one is not theirs to see or nobody answers."""
        if selectors.breaks_of(self.access.accounts).filter(pk__in=break_ids).count() < len(break_ids):
            raise Problem("NOT_FOUND")
        if (person := self.actor.person) is None:
            raise Problem("FORBIDDEN", "A person decides about breaks; nobody answers for this token.")
        return replace(at_desk(person), accounts=self.access.accounts)

    def shown(self, break_id: int) -> HttpResponse:
        """The break as it is now."""
        return answer(break_document(selectors.breaks_of(self.access.accounts).get(pk=break_id)))


class BreakTake(BreakAct):
    """Taking one on."""

    has_body = False

    @extend_schema(
        operation_id="take_break",
        request=schema.json_body({}),
        responses={200: BreakShape, **schema.problems(400, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, break_id: int) -> HttpResponse:
        """Become its owner."""
        breaks.own_break(break_id, user=self.person(break_id).user)
        return self.shown(break_id)


class BreakNoted(BreakAct):
    """Saying something about one."""

    @extend_schema(
        operation_id="note_break",
        request=schema.json_body(REASON_FIELDS),
        responses={200: BreakShape, **schema.problems(400, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, break_id: int) -> HttpResponse:
        """Add a note; it stays with the break for good."""
        said = read_fields(request.data, REASON_FIELDS)
        breaks.note_break(break_id, user=self.person(break_id).user, text=said["reason"])
        return self.shown(break_id)


class BreakResolve(BreakAct):
    """Closing one."""

    @extend_schema(
        operation_id="resolve_break",
        request=schema.json_body(RESOLVE_FIELDS),
        responses={
            200: BreakShape,
            202: OpenApiResponse(
                ApprovalShape,
                "It is worth so much, alone or with what was closed today, that a second person must agree.",
            ),
            **schema.problems(400, 403, 404, 409, 413, 415),
        },
    )
    def post(self, request: Request, break_id: int) -> HttpResponse:
        """Explain and close it; books no execution. TIMING leaves it open until both sides agree."""
        said = read_fields(request.data, RESOLVE_FIELDS)
        actor = self.person(break_id)
        done = four_eyes.resolve([break_id], actor=actor, **said)
        if isinstance(done, Approval):
            return answer(approval_document(done, self.actor), status=202)
        return self.shown(break_id)


class BreaksResolve(BreakAct):
    """Closing many with one reason."""

    @extend_schema(
        operation_id="resolve_breaks",
        request=schema.json_body(RESOLVE_MANY_FIELDS),
        responses={
            200: BreaksShape,
            202: OpenApiResponse(ApprovalShape, "Together they are worth so much that a second must agree."),
            **schema.problems(400, 403, 404, 409, 413, 415),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Explain and close all of these, or none; what they are worth together decides about a second."""
        said = read_fields(request.data, RESOLVE_MANY_FIELDS)
        ids = said.pop("ids")
        done = four_eyes.resolve(ids, actor=self.person(*ids), **said)
        if isinstance(done, Approval):
            return answer(approval_document(done, self.actor), status=202)
        rows = selectors.breaks_of(self.access.accounts).filter(pk__in=ids)
        return answer({"results": [break_document(row) for row in rows]})


class BreaksFile(ApiView):
    """Breaks as CSV."""

    has_query = True
    form = "text/csv"

    @extend_schema(
        operation_id="export_breaks",
        parameters=schema.parameters(FILE_FIELDS),
        responses={(200, "text/csv"): OpenApiTypes.STR, **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """All that fit, newest first."""
        query = read_query(request.query_params, FILE_FIELDS)
        return csv_answer("breaks", break_list.COLUMNS, break_list.rows_of(filtered(self.access, query)))


def filtered(access: Access, query: dict[str, Any]) -> QuerySet[Break]:
    """The breaks that a query asks for."""
    names = {"account": "account_id", "kind": "kind", "cursor": "id__lt"}
    rows = selectors.breaks_of(access.accounts, is_open=query.get("open"))
    return rows.filter(**{names[name]: value for name, value in query.items() if name in names})


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
        "value": decimal_or_none(row.value),
        "due_at": time_or_none(row.due_at),
        "age": age_of(row.first_seen, row.closed_at or clock.now()),
        "closed_at": time_or_none(row.closed_at),
        "closed_by": row.closed_by,
        "resolution": row.resolution,
        "cause": row.cause,
        "ticket": row.ticket,
    }
