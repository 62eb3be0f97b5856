"""Four eyes: changes of limits that are asked for, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none, time_text
from brokers.postgres import clock
from orders.api.base import ApiView, answer
from orders.api.bodies import read_fields
from orders.api.problems import invalid
from orders.api.queries import read_query, whole_list
from orders.api.schema import orders as schema
from orders.api.schema.shapes import choice
from orders.controls.limits.limit_changes import CHANGEABLE, LimitsInvalid, propose_limits
from orders.controls.persons import approvals
from orders.controls.persons.people import Actor
from orders.entry.reading.fields import Field, Wrong, moment, reads, text, word
from orders.errors import FieldError
from orders.models import Approval, ApprovalKind, ApprovalState, LimitChange, Scope

REASON = Field(text(r"^[^\x00-\x1f]{1,500}$", "1 to 500 characters of one line"), required=True)


@reads(
    anyOf=[
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": {"type": "string"}, "maxItems": 1000},
    ]
)
def limit_value(raw: Any) -> Any:
    """A value of any limit; which one it is tells how it is read."""
    if isinstance(raw, dict) or (isinstance(raw, list) and not all(isinstance(word, str) for word in raw)):
        raise Wrong("BAD_FORMAT", "This must be a string, a number, true, false or a list of strings.")
    return raw


LIMIT_CHANGE_FIELDS = {
    "scope": Field(
        text(r"^[\x20-\x7e]{1,170}$", "firm, account:X, strategy:X or user:X"),
        required=True,
        description="firm, account:X, strategy:X or user:X.",
    ),
    "field": Field(text(r"^[a-z_]{1,40}$", "the name of a limit"), required=True),
    "value": Field(limit_value, description="Left out or empty: the limit is off."),
    "reason": REASON,
    "from": Field(moment, description="When it takes effect; as soon as it is approved if not given."),
}
DECISION_FIELDS = {"reason": REASON}
QUERY_FIELDS = {"state": Field(word(ApprovalState))}


class DiffShape(serializers.Serializer[Any]):
    """One line of what is approved."""

    what = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()


class ApprovalShape(serializers.Serializer[Any]):
    """An act that waits for a second person, or did."""

    id = serializers.UUIDField()
    kind = choice(ApprovalKind)
    title = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField(), help_text="Empty: the whole firm.")
    diff = DiffShape(many=True)
    reason = serializers.CharField()
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    state = choice(ApprovalState)
    own = serializers.BooleanField(help_text="Made by you or in your name: you cannot approve it.")
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(help_text="The reason of who decided.")
    outcome = serializers.CharField()


class LimitChangeShape(serializers.Serializer[Any]):
    """A change of a limit; `approval` null: it needs none."""

    scope = serializers.CharField()
    field = serializers.CharField()
    old = serializers.CharField(help_text="Empty: off.")
    new = serializers.CharField(help_text="Empty: off.")
    reason = serializers.CharField()
    made_by = serializers.CharField()
    from_when = serializers.DateTimeField(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    approval = ApprovalShape(allow_null=True)


def culprit(name: str) -> str:
    """The member of the body that an error about this limit is about."""
    if name == "scope":
        return "scope"
    return "value" if name in CHANGEABLE else "field"


class LimitChanges(ApiView):
    """Asking for another limit."""

    scopes = {"POST": Scope.RISK}

    @extend_schema(
        operation_id="change_limit",
        request=schema.json_body(LIMIT_CHANGE_FIELDS),
        responses={
            201: OpenApiResponse(LimitChangeShape, "What tightens is in force, what loosens waits."),
            **schema.problems(400, 403, 413, 415),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Change one limit of one scope; the same value again changes nothing."""
        wanted = read_fields(request.data, LIMIT_CHANGE_FIELDS)
        name = wanted["field"]
        try:
            made = propose_limits(
                wanted["scope"],
                {name: wanted.get("value")},
                actor=self.actor,
                reason=wanted["reason"],
                from_when=wanted.get("from"),
            )
        except LimitsInvalid as error:
            raise invalid(
                [
                    FieldError(culprit(field), "INVALID", f"{field}: {texts[0]}")
                    for field, texts in error.errors.items()
                ]
            ) from None
        change = made.changes[0] if made.changes else unchanged(wanted["scope"], name)
        return answer(change_document(change, self.actor), status=201)


class Approvals(ApiView):
    """What waits for a second person, and what was decided."""

    has_query = True

    @extend_schema(
        operation_id="list_approvals",
        parameters=schema.parameters(QUERY_FIELDS),
        responses={200: schema.page_of("ApprovalList", ApprovalShape), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """The newest 200 of your accounts."""
        state = read_query(request.query_params, QUERY_FIELDS).get("state")
        rows = approvals.visible(self.actor, state=state)
        return whole_list(approval_document(row, self.actor) for row in rows)


class Approve(ApiView):
    """Approving."""

    scopes = {"POST": Scope.APPROVE}

    @extend_schema(
        operation_id="approve",
        request=schema.json_body(DECISION_FIELDS),
        responses={200: ApprovalShape, **schema.problems(400, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, approval_id: UUID) -> HttpResponse:
        """Carry it out; never by who made it."""
        return decide(self.actor, approval_id, request.data, approvals.approve)


class Reject(ApiView):
    """Rejecting."""

    scopes = {"POST": Scope.APPROVE}

    @extend_schema(
        operation_id="reject",
        request=schema.json_body(DECISION_FIELDS),
        responses={200: ApprovalShape, **schema.problems(400, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, approval_id: UUID) -> HttpResponse:
        """Let it never take effect."""
        return decide(self.actor, approval_id, request.data, approvals.reject)


def decide(actor: Actor, approval_id: UUID, body: object, how: Callable[..., Approval]) -> HttpResponse:
    """Decide with a reason; the answer is the approval as it is then."""
    reason = read_fields(body, DECISION_FIELDS)["reason"]
    return answer(approval_document(how(approval_id, actor=actor, reason=reason), actor))


def unchanged(scope: str, field: str) -> LimitChange:
    """The answer to a change to the value that is in force."""
    return LimitChange(scope=scope, field=field, applied_at=clock.now(), reason="It is so already.")


def change_document(change: LimitChange, actor: Actor) -> dict[str, Any]:
    """A change of a limit with its approval."""
    return {
        "scope": change.scope,
        "field": change.field,
        "old": change.old,
        "new": change.new,
        "reason": change.reason,
        "made_by": change.maker,
        "from_when": time_or_none(change.from_when),
        "applied_at": time_or_none(change.applied_at),
        "approval": approval_document(change.approval, actor) if change.approval else None,
    }


def approval_document(row: Approval, actor: Actor) -> dict[str, Any]:
    """An approval; one that nobody decided in time is shown as expired."""
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "title": row.title,
        "accounts": row.accounts,
        "diff": row.diff,
        "reason": row.reason,
        "made_by": row.made_by,
        "made_at": time_or_none(row.made_at),
        "expires_at": time_text(row.expires_at),
        "state": row.state_at(clock.now()),
        "own": actor.made(row),
        "decided_by": row.decided_by,
        "decided_at": time_or_none(row.decided_at),
        "decision": row.decision,
        "outcome": row.outcome,
    }
