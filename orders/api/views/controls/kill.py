"""The kill switch: pressed, followed, released by a second person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_or_none
from orders.api.base import ApiView, answer
from orders.api.bodies import REASON_FIELDS, read_fields
from orders.api.schema import orders as schema
from orders.api.schema.shapes import choice
from orders.api.views.controls.states import scope
from orders.controls.halts import kill as kills
from orders.controls.halts.states import ScopeInvalid, require_scope
from orders.entry.reading.fields import Field, word
from orders.models import ALIVE, KillAction, KillStatus, KillSwitch, Scope

KILL_FIELDS = {
    "scope": Field(scope, required=True, description="firm, account:X, strategy:X or session:X."),
    "action": Field(word(KillAction), required=True),
    **REASON_FIELDS,
}
SHOWN = 500


class KillShape(serializers.Serializer[Any]):
    """How far a kill is, and what proves it or keeps it from being proven."""

    status = choice(KillStatus)
    open_orders_here = serializers.ListField(child=serializers.DictField())
    open_orders_at_broker = serializers.ListField(child=serializers.DictField())
    positions = serializers.ListField(child=serializers.DictField())
    snapshots = serializers.ListField(child=serializers.DictField(), help_text="Two prove it.")
    started_at = serializers.DateTimeField()
    proven_at = serializers.DateTimeField(allow_null=True)
    blocking = serializers.ListField(child=serializers.CharField())


class Kills(ApiView):
    """Pressing the switch."""

    scopes = {"POST": Scope.RISK}

    @extend_schema(
        operation_id="press_kill",
        request=schema.json_body(KILL_FIELDS),
        responses={
            202: OpenApiResponse(KillShape, "Halted; the rest is worked at."),
            **schema.problems(400, 413, 415),
        },
        examples=[
            OpenApiExample(
                "flatten an account",
                value={"scope": "account:DU1234567", "action": "flatten", "reason": "runs away"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Halt the scope now, and cancel or flatten what is asked for."""
        wanted = read_fields(request.data, KILL_FIELDS)
        kill = kills.press(**wanted, actor=self.actor)
        return answer(kill_document(kill), status=202, headers={"Location": f"/api/v1/kill/{kill.id}"})


class KillDetail(ApiView):
    """One kill."""

    @extend_schema(operation_id="read_kill", responses={200: KillShape, **schema.problems(404)})
    def get(self, request: Request, kill_id: UUID) -> HttpResponse:
        """How far it is."""
        return answer(kill_document(self._find(kill_id)))

    def _find(self, kill_id: UUID) -> KillSwitch:
        kill = KillSwitch.objects.filter(pk=kill_id).first()
        if kill is None:
            raise Http404
        try:
            require_scope(kill.scope, self.access.accounts)
        except ScopeInvalid:
            raise Http404 from None
        return kill


class KillRelease(KillDetail):
    """Giving the scope its state back."""

    scopes = {"POST": Scope.RISK}
    http_method_names = ["post"]

    @extend_schema(
        operation_id="release_kill",
        request=schema.json_body(REASON_FIELDS),
        responses={200: KillShape, **schema.problems(400, 404, 413, 415)},
    )
    def post(self, request: Request, kill_id: UUID) -> HttpResponse:
        """By a second person: not its maker, nor a token that the maker answers for."""
        why = read_fields(request.data, REASON_FIELDS)["reason"]
        self._find(kill_id)
        return answer(kill_document(kills.release(kill_id, actor=self.actor, reason=why)))


def kill_document(kill: KillSwitch) -> dict[str, Any]:
    """How far a kill is."""
    sessions = kills.sessions_of(kill.scope)
    seen = kills.gathered(kill, sessions)
    return {
        "status": kill.status,
        "open_orders_here": open_here(kill),
        "open_orders_at_broker": seen["at_broker"],
        "positions": seen["positions"],
        "snapshots": seen["snapshots"],
        "started_at": time_or_none(kill.started_at),
        "proven_at": time_or_none(kill.proven_at),
        "blocking": kills.blocking_of(kill, sessions),
    }


def open_here(kill: KillSwitch) -> list[dict[str, str]]:
    """Orders of the scope that are alive in our books; none of a kill that was released."""
    if kill.released_at:
        return []
    rows = kills.orders_of(kill.scope).filter(state__in=ALIVE).order_by("id")[:SHOWN]
    return [
        {"id": str(order.id), "cl_ord_id": order.cl_ord_id, "state": order.state, "source": order.source}
        for order in rows
    ]
