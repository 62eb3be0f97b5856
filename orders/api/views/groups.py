"""Groups of orders: brackets and one-cancels-all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.keys import keyed
from orders.api.problems import Problem, invalid, problem_response
from orders.api.resources import order_document, request_document
from orders.api.schema import orders as schema
from orders.api.schema import shapes
from orders.api.views.orders import of_token, permission_errors
from orders.entry.cancel import canceled_with
from orders.entry.groups import PlacedGroup, cancel_group, find_group, orders_of, place_group
from orders.entry.reading.fields import inside
from orders.models import GroupKind, OcaType, OrderGroup, Scope, Source


class MemberShape(shapes.OrderShape):
    """An order of a group."""

    cancels = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Orders of the group that the broker cancels when the cancel of this one is asked.",
    )


class GroupShape(serializers.Serializer[Any]):
    """A group with its orders; of a bracket the first is the entry."""

    id = serializers.UUIDField()
    list_id = serializers.CharField()
    kind = shapes.choice(GroupKind)
    oca_type = shapes.choice(OcaType)
    broken = serializers.CharField(allow_null=True, help_text="Why it could not be placed whole.")
    orders = MemberShape(many=True)


class RefusedGroupShape(shapes.ProblemShape):
    """A group that a check refused, all its orders recorded as REJECTED."""

    report = shapes.CheckShape(many=True, required=False)
    group = GroupShape(required=False)


class CancelsShape(serializers.Serializer[Any]):
    """The cancel requests, one for each order that was alive."""

    requests = shapes.RequestShape(many=True)


class Groups(ApiView):
    """Place a group."""

    acts = False
    scopes = {"POST": Scope.TRADE}

    @extend_schema(
        operation_id="place_group",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=schema.json_body(bodies.GROUP_FIELDS),
        responses={
            201: OpenApiResponse(GroupShape, "Recorded whole; the broker gets it whole or not at all."),
            200: OpenApiResponse(GroupShape, "Recorded before (Idempotent-Replayed: true)."),
            **schema.problems(400, 409, 413, 415),
            **schema.refused(RefusedGroupShape),
        },
    )
    @keyed(bodies.GROUP_FIELDS)
    def post(self, request: Request) -> HttpResponse:
        """Record a group of two to nine orders."""
        ticket = bodies.read_group(request.data)
        errors = [
            inside(f"orders.{number}", error)
            for number, order in enumerate(ticket.orders)
            for error in permission_errors(self.access, order)
        ]
        if errors:
            raise invalid(errors)
        if self.access.strategy:
            ticket = replace(ticket, orders=tuple(of_token(self.access, order) for order in ticket.orders))
        placed = place_group(ticket, client=self.access.user, source=Source.API, received_at=self.received_at)
        return _answer(placed)


class GroupDetail(ApiView):
    """One group."""

    @extend_schema(operation_id="read_group", responses={200: GroupShape, **schema.problems(404)})
    def get(self, request: Request, group_id: UUID) -> HttpResponse:
        """The group with its orders as they are now."""
        group = self._find(group_id)
        return answer(group_document(PlacedGroup(group=group, orders=orders_of(group), created=False)))

    def _find(self, group_id: UUID) -> OrderGroup:
        try:
            return find_group(group_id, sorted(self.access.accounts))
        except OrderGroup.DoesNotExist:
            raise Http404 from None


class GroupCancel(GroupDetail):
    """Cancel a group."""

    acts = False
    has_body = False
    scopes = {"POST": Scope.CANCEL}
    http_method_names = ["post"]

    @extend_schema(
        operation_id="cancel_group",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=None,
        responses={202: CancelsShape, **schema.problems(400, 404, 409, 413, 415, 422)},
    )
    @keyed()
    def post(self, request: Request, group_id: UUID) -> HttpResponse:
        """Ask for the cancel of every order of the group that is alive."""
        group, actor = self._find(group_id), f"client:{self.access.user.get_username()}"
        asked = cancel_group(group, actor=actor, at=self.received_at)
        return answer({"requests": [request_document(one) for one in asked]}, status=202)


def _answer(placed: PlacedGroup) -> HttpResponse:
    document = group_document(placed)
    headers = {"Location": f"/api/v1/groups/{placed.group.id}"}
    if not placed.created:
        headers["Idempotent-Replayed"] = "true"
    refused = [order for order in placed.orders if order.is_refused_here]
    if refused:
        cause = next((order for order in refused if order.reason_code != "GROUP_BROKEN"), refused[0])
        report = [check for order in refused for check in order.check_report]
        return problem_response(
            Problem(
                cause.reason_code,
                cause.reason_text,
                kind="REFUSED_BY_CHECK",
                headers=headers,
                report=report,
                group=document,
            )
        )
    return answer(document, status=201 if placed.created else 200, headers=headers)


def group_document(placed: PlacedGroup) -> dict[str, Any]:
    """A group with its orders."""
    group = placed.group
    return {
        "id": str(group.id),
        "list_id": group.list_id,
        "kind": group.kind,
        "oca_type": group.oca_type,
        "broken": group.broken or None,
        "orders": [
            {
                **order_document(order, [] if placed.created else order.requests.all()),
                "cancels": [str(other.id) for other in canceled_with(order, placed.orders)],
            }
            for order in placed.orders
        ],
    }
