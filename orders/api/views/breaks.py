"""Breaks: where our books and the broker's differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none, time_text
from brokers.postgres import clock
from orders import selectors
from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.bodies import REASON_FIELDS, read_fields
from orders.api.problems import Problem
from orders.api.queries import BIGGEST_ID, DEFAULT_LIMIT, flag, page, paged, read_query
from orders.api.schema import orders as schema
from orders.api.schema.shapes import choice
from orders.api.views.approvals import ApprovalShape, approval_document
from orders.controls import breaks as four_eyes
from orders.controls.people import Actor, at_desk
from orders.entry.fields import Field, text, whole, word
from orders.models import Approval, Break, BreakCause, BreakKind, Scope
from orders.reconciliation import breaks

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
    age = serializers.IntegerField(help_text="Working days since it was first seen, Monday to Friday.")
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField()
    resolution = serializers.CharField()
    cause = serializers.CharField(help_text="Empty: in words alone.")
    ticket = serializers.CharField(help_text="The broker's ticket number.")


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


class BreakAct(ApiView):
    """What is done about one break, in the name of the person who answers for the token."""

    scopes = {"POST": Scope.RISK}

    def person(self, break_id: int) -> Actor:
        """Who decides about it; raises where the break is not theirs to see or nobody answers."""
        if not selectors.breaks_of(self.access.accounts).filter(pk=break_id).exists():
            raise Problem("NOT_FOUND")
        if (person := self.actor.person) is None:
            raise Problem("FORBIDDEN", "A person decides about breaks; nobody answers for this token.")
        return replace(at_desk(person), accounts=self.access.accounts)

    def shown(self, break_id: int) -> HttpResponse:
        """The break as it is now."""
        return answer(break_document(selectors.breaks_of(self.access.accounts).get(pk=break_id)))


class BreakTake(BreakAct):
    """Taking one on."""

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
            202: OpenApiResponse(ApprovalShape, "It is worth so much that a second person must agree."),
            **schema.problems(400, 403, 404, 409, 413, 415),
        },
    )
    def post(self, request: Request, break_id: int) -> HttpResponse:
        """Explain and close it; books no execution and changes no order."""
        said = read_fields(request.data, RESOLVE_FIELDS)
        actor = self.person(break_id)
        done = four_eyes.resolve(break_id, actor=actor, **said)
        if isinstance(done, Approval):
            return answer(approval_document(done, self.actor), status=202)
        return self.shown(break_id)


def working_days(first: date, last: date) -> int:
    """Mondays to Fridays after `first` up to `last`: a break of Friday is one old on Monday."""
    weeks, rest = divmod(max((last - first).days, 0), 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < 5 for n in range(1, rest + 1))


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
        "age": working_days(row.first_seen.date(), (row.closed_at or clock.now()).date()),
        "closed_at": time_or_none(row.closed_at),
        "closed_by": row.closed_by,
        "resolution": row.resolution,
        "cause": row.cause,
        "ticket": row.ticket,
    }
