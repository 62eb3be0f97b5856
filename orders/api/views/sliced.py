"""Sliced orders: parents of ours that are worked as a row of children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import decimal_text, time_text
from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.keys import keyed
from orders.api.queries import DEFAULT_LIMIT, page, paged, read_query, uuid
from orders.api.resources import instrument_document
from orders.api.schema import orders as schema
from orders.api.schema import shapes
from orders.api.views.orders import permitted
from orders.entry import slicer
from orders.entry.reading.fields import Field, word
from orders.models import SLICING, IfLate, Scope, SlicedOrder, SliceState

FIELDS = {"state": Field(word(SliceState)), "account": Field(bodies.account), **paged(uuid)}


class HistoryShape(serializers.Serializer[Any]):
    """One change of state."""

    at = serializers.CharField()
    state = shapes.choice(SliceState)
    actor = serializers.CharField()
    text = serializers.CharField()


class SlicedShape(serializers.Serializer[Any]):
    """A parent order; its quantities are those of its children."""

    id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    account = serializers.CharField()
    instrument = shapes.InstrumentShape()
    side = serializers.CharField()
    ord_type = serializers.CharField()
    strategy = serializers.CharField(allow_null=True)
    reduce_only = serializers.BooleanField()
    order_qty = shapes.number()
    cum_qty = shapes.number()
    open_qty = shapes.number(help_text="What slices that are out may still execute.")
    leaves_qty = shapes.number(help_text="What is not executed; 0 once it is over.")
    avg_px = shapes.number()
    slices = serializers.IntegerField()
    made = serializers.IntegerField(help_text="Slices made so far.")
    start_time = serializers.DateTimeField()
    end_time = serializers.DateTimeField()
    if_late = shapes.choice(IfLate)
    state = shapes.choice(SliceState)
    reason = serializers.CharField(allow_null=True)
    history = HistoryShape(many=True)
    children = serializers.ListField(child=serializers.UUIDField())


class SlicedList(ApiView):
    """Sliced orders of the token's accounts."""

    has_query = True
    scopes = {"GET": Scope.READ, "POST": Scope.TRADE}

    @extend_schema(
        operation_id="place_sliced",
        request=schema.json_body(bodies.SLICED_FIELDS),
        responses={
            201: OpenApiResponse(SlicedShape, "Recorded; the first slice follows at its time."),
            200: OpenApiResponse(SlicedShape, "Recorded before (Idempotent-Replayed: true)."),
            **schema.problems(400, 409, 413, 415, 422),
        },
    )
    @keyed(bodies.SLICED_FIELDS)
    def post(self, request: Request) -> HttpResponse:
        """Record a parent order that is worked in equal slices at equal distances (TWAP)."""
        ticket, how = bodies.read_sliced(request.data)
        ticket = permitted(self.access, ticket)
        parent, created = slicer.place_sliced(
            ticket, **how, client=self.access.user, received_at=self.received_at
        )
        headers = {"Location": f"/api/v1/slices/{parent.id}"}
        if not created:
            headers["Idempotent-Replayed"] = "true"
        return answer(sliced_document(parent), status=201 if created else 200, headers=headers)

    @extend_schema(
        operation_id="list_sliced",
        parameters=schema.parameters(FIELDS),
        responses={200: schema.page_of("SlicedPage", SlicedShape), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Sliced orders, newest first."""
        query = read_query(request.query_params, FIELDS)
        names = {"state": "state", "account": "account_id", "cursor": "id__lt"}
        rows = SlicedOrder.objects.filter(account__in=self.access.accounts).select_related("instrument")
        rows = rows.prefetch_related("children").order_by("-id")
        rows = rows.filter(**{names[name]: value for name, value in query.items() if name in names})
        limit = query.get("limit", DEFAULT_LIMIT)
        return page(request, rows, sliced_document, limit=limit, cursor=lambda row: row.id)


class SlicedDetail(ApiView):
    """One sliced order."""

    @extend_schema(operation_id="read_sliced", responses={200: SlicedShape, **schema.problems(404)})
    def get(self, request: Request, parent_id: UUID) -> HttpResponse:
        """The parent with its children's quantities as they are now."""
        return answer(sliced_document(self._find(parent_id)))

    def _find(self, parent_id: UUID) -> SlicedOrder:
        found = SlicedOrder.objects.filter(pk=parent_id, account__in=self.access.accounts)
        parent = found.select_related("instrument").first()
        if parent is None:
            raise Http404
        return parent


class SlicedAct(SlicedDetail):
    """What may be asked of a sliced order."""

    has_body = False
    http_method_names = ["post"]

    def _act(self, parent_id: UUID, act: Callable[..., SlicedOrder]) -> HttpResponse:
        self._find(parent_id)
        act(parent_id, actor=f"client:{self.access.user.get_username()}", at=timezone.now())
        return answer(sliced_document(self._find(parent_id)), status=202)


class SlicedPause(SlicedAct):
    """Pause."""

    scopes = {"POST": Scope.TRADE}

    @extend_schema(
        operation_id="pause_sliced",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=None,
        responses={202: SlicedShape, **schema.problems(400, 404, 409, 413, 415, 422)},
    )
    @keyed()
    def post(self, request: Request, parent_id: UUID) -> HttpResponse:
        """No further slices until it is resumed; those that are out stay."""
        return self._act(parent_id, slicer.pause)


class SlicedResume(SlicedAct):
    """Resume."""

    scopes = {"POST": Scope.TRADE}

    @extend_schema(
        operation_id="resume_sliced",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=None,
        responses={202: SlicedShape, **schema.problems(400, 404, 409, 413, 415, 422)},
    )
    @keyed()
    def post(self, request: Request, parent_id: UUID) -> HttpResponse:
        """Go on: a slice at once if one was due, the rest over what remains of the window."""
        return self._act(parent_id, slicer.resume)


class SlicedCancel(SlicedAct):
    """Cancel."""

    scopes = {"POST": Scope.CANCEL}

    @extend_schema(
        operation_id="cancel_sliced",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=None,
        responses={202: SlicedShape, **schema.problems(400, 404, 409, 413, 415, 422)},
    )
    @keyed()
    def post(self, request: Request, parent_id: UUID) -> HttpResponse:
        """No further slices, and those that are out are canceled."""
        return self._act(parent_id, slicer.cancel_sliced)


def sliced_document(parent: SlicedOrder) -> dict[str, Any]:
    """A parent with its children's quantities."""
    has = slicer.progress(parent)
    over = parent.state not in SLICING
    leaves = max(parent.order_qty - has.cum_qty, has.cum_qty * 0)
    return {
        "id": str(parent.id),
        "cl_ord_id": parent.cl_ord_id,
        "account": parent.account_id,
        "instrument": instrument_document(parent.instrument),
        "side": parent.ticket["side"],
        "ord_type": parent.ticket["ord_type"],
        "strategy": parent.ticket.get("strategy"),
        "reduce_only": parent.ticket.get("reduce_only", False),
        "order_qty": decimal_text(parent.order_qty),
        "cum_qty": decimal_text(has.cum_qty),
        "open_qty": decimal_text(has.open_qty),
        "leaves_qty": "0" if over else decimal_text(leaves),
        "avg_px": decimal_text(round(has.avg_px, 10)),
        "slices": parent.slices,
        "made": parent.made,
        "start_time": time_text(parent.start_time),
        "end_time": time_text(parent.end_time),
        "if_late": parent.if_late,
        "state": parent.state,
        "reason": parent.reason or None,
        "history": parent.history,
        "children": sorted(str(child.id) for child in parent.children.all()),
    }
