"""The OpenAPI description. These serializers only describe; bodies.py reads and resources.py writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from brokers.fix import OrdStatus, SecType, Side
from brokers.special import (
    AlgoStrategy,
    ConditionKind,
    ConditionsAction,
    Direction,
    Join,
    Priority,
    RiskAversion,
    TradeStyle,
)
from orders.api import bodies, queries
from orders.api.fields import Field, object_schema
from orders.api.problems import PROBLEMS
from orders.models import EventKind, IfBrokerDown, OnUnconfirmed, RequestKind, RequestState, Source, State
from orders.selectors import STEPS

Operation = dict[str, Any]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Token ...`."""

    target_class = "orders.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The header, as OpenAPI names it."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": 'The word "Token", a space, and the token.',
        }


def choice(words: Any, **options: Any) -> serializers.ChoiceField:
    """One word of an enumeration."""
    choices = getattr(words, "choices", None) or [(word.value, word.value) for word in words]
    return serializers.ChoiceField(choices=choices, **options)


def number(**options: Any) -> serializers.DecimalField:
    """A decimal; a string in answers, a string or a number in requests."""
    return serializers.DecimalField(max_digits=28, decimal_places=10, **options)


class InstrumentShape(serializers.Serializer[Any]):
    """The description by which an instrument is ordered."""

    symbol = serializers.CharField(max_length=32)
    sec_type = choice(SecType, default="STK")
    exchange = serializers.CharField(max_length=16, default="SMART")
    currency = serializers.CharField(max_length=3, default="USD")


class ConditionShape(serializers.Serializer[Any]):
    """One condition; which fields a kind has: docs/order-kinds.md."""

    kind = choice(ConditionKind)
    direction = choice(Direction, default="ABOVE")
    value = number(required=False, help_text="A price, a volume or a percentage.")
    time = serializers.DateTimeField(required=False)
    con_id = serializers.IntegerField(required=False)
    exchange = serializers.CharField(required=False)
    symbol = serializers.CharField(required=False)
    sec_type = choice(SecType, required=False)
    join = choice(Join, default="AND", help_text="How it is joined to the next one; AND binds closer.")


class AlgoShape(serializers.Serializer[Any]):
    """One of the broker's algorithms; which parameters it has: docs/order-kinds.md."""

    strategy = choice(AlgoStrategy)
    priority = choice(Priority, required=False)
    trade_style = choice(TradeStyle, required=False)
    start_time = serializers.DateTimeField(required=False)
    end_time = serializers.DateTimeField(required=False)
    allow_past_end_time = serializers.BooleanField(required=False)
    participation_rate = number(required=False, help_text="Percent of the market's volume, 1 to 50.")
    avoid_taking_liquidity = serializers.BooleanField(required=False)
    speed_up = serializers.BooleanField(required=False)
    risk_aversion = choice(RiskAversion, required=False)
    force_completion = serializers.BooleanField(required=False)


class SpecialTerms(serializers.Serializer[Any]):
    """Optional terms of an order."""

    trail_amount = number(required=False, allow_null=True)
    trail_percent = number(required=False, allow_null=True)
    limit_offset = number(required=False, allow_null=True)
    peg_offset = number(required=False, allow_null=True)
    peg_percent = number(required=False, allow_null=True)
    display_qty = number(required=False, allow_null=True, help_text="Shown to the market: an iceberg.")
    min_qty = number(required=False, allow_null=True)
    all_or_none = serializers.BooleanField(required=False, allow_null=True)
    outside_regular_hours = serializers.BooleanField(required=False, allow_null=True)
    effective_time = serializers.DateTimeField(required=False, allow_null=True)
    expire_time = serializers.DateTimeField(required=False, allow_null=True, help_text="GTD only.")
    conditions = ConditionShape(many=True, required=False, allow_null=True)
    conditions_action = choice(ConditionsAction, required=False, allow_null=True)
    conditions_outside_hours = serializers.BooleanField(required=False, allow_null=True)
    algo = AlgoShape(required=False, allow_null=True)
    locate_broker = serializers.CharField(required=False, allow_null=True)


class TermsShape(serializers.Serializer[Any]):
    """The terms that a replace asks for."""

    order_qty = number()
    price = number(allow_null=True)
    stop_px = number(allow_null=True)
    time_in_force = serializers.CharField()


class ReasonShape(serializers.Serializer[Any]):
    """Why something was refused or given up."""

    code = serializers.CharField()
    text = serializers.CharField()


class RequestShape(serializers.Serializer[Any]):
    """A request to cancel or replace an order."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    kind = choice(RequestKind)
    cl_ord_id = serializers.CharField()
    orig_cl_ord_id = serializers.CharField()
    replaced_by = serializers.CharField(allow_null=True)
    state = choice(RequestState)
    terms = TermsShape(allow_null=True)
    reason = ReasonShape(allow_null=True)
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)


class OrderShape(SpecialTerms):
    """An order."""

    id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    current_cl_ord_id = serializers.CharField()
    replaced_by = serializers.CharField(allow_null=True)
    order_ref = serializers.CharField()
    account = serializers.CharField()
    instrument = InstrumentShape()
    side = choice(Side)
    order_qty = number()
    ord_type = serializers.CharField()
    price = number(allow_null=True)
    stop_px = number(allow_null=True)
    time_in_force = serializers.CharField()
    state = choice(State)
    ord_status = choice(OrdStatus)
    cum_qty = number()
    leaves_qty = number()
    avg_px = number()
    reason = ReasonShape(allow_null=True)
    perm_id = serializers.IntegerField(allow_null=True)
    broker_order_id = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField()
    source = choice(Source)  # type: ignore[assignment]
    on_unconfirmed = choice(OnUnconfirmed)
    if_broker_down = choice(IfBrokerDown)
    overfilled = serializers.BooleanField()
    requests = RequestShape(many=True)
    timestamps = inline_serializer(
        "Timestamps", {step: serializers.DateTimeField(allow_null=True) for step in STEPS}
    )


class EventShape(serializers.Serializer[Any]):
    """One thing that happened to an order."""

    order_id = serializers.UUIDField()
    version = serializers.IntegerField()
    kind = choice(EventKind)
    from_state = serializers.CharField()
    to_state = choice(State)
    cum_qty = number()
    avg_px = number()
    actor = serializers.CharField()
    text = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()


class ExecutionShape(serializers.Serializer[Any]):
    """One execution."""

    id = serializers.IntegerField()
    exec_id = serializers.CharField()
    superseded = serializers.BooleanField(help_text="A correction has replaced it: it no longer counts.")
    order_id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    order_ref = serializers.CharField()
    account = serializers.CharField()
    instrument = InstrumentShape()
    side = choice(Side)
    last_qty = number()
    last_px = number()
    venue = serializers.CharField()
    liquidity = serializers.CharField()
    transact_time = serializers.DateTimeField()
    commission = number(allow_null=True)
    commission_currency = serializers.CharField()
    realized_pnl = number(allow_null=True)
    received_at = serializers.DateTimeField()


class PositionShape(serializers.Serializer[Any]):
    """A position as the broker reports it."""

    account = serializers.CharField()
    symbol = serializers.CharField()
    sec_type = serializers.CharField()
    currency = serializers.CharField()
    position_qty = number()
    avg_cost = number()
    baseline_qty = number(help_text="What was there where our comparison begins.")
    reported_at = serializers.DateTimeField()


class AccountValueShape(serializers.Serializer[Any]):
    """An account value as the broker reports it."""

    account = serializers.CharField()
    key = serializers.CharField()
    currency = serializers.CharField()
    value = serializers.CharField()
    reported_at = serializers.DateTimeField()


class SessionShape(serializers.Serializer[Any]):
    """A broker session and the state of its link."""

    name = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField())
    link = serializers.CharField()
    link_reason = serializers.CharField()
    breaker = serializers.CharField()
    link_changed_at = serializers.DateTimeField(allow_null=True)
    connected_at = serializers.DateTimeField(allow_null=True)
    reconciled_at = serializers.DateTimeField(allow_null=True)
    heartbeat_at = serializers.DateTimeField(allow_null=True)


class FieldErrorShape(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = FieldErrorShape(many=True, required=False)  # type: ignore[assignment]


class CheckShape(serializers.Serializer[Any]):
    """One check: value against limit."""

    check = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.CharField()
    limit = serializers.CharField()
    code = serializers.CharField()


class RefusedShape(ProblemShape):
    """An order that a check refused, recorded as REJECTED."""

    report = CheckShape(many=True)
    order = OrderShape()


def page_of(name: str, shape: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """A page of rows and the path of the next page."""
    fields: dict[str, Any] = {
        "results": shape(many=True),
        "next": serializers.CharField(allow_null=True, help_text="The path of the next page."),
    }
    return inline_serializer(name, fields)


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """The answers that are not a success: those of every operation, and these."""
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemShape, describe(status))
        for status in sorted({401, 403, 429, 503, *statuses})
    }


def describe(status: int) -> str:
    """All codes of a status with their titles."""
    return "; ".join(f"{code}: {title}" for code, (its, title) in PROBLEMS.items() if its == status)


def json_body(fields: Mapping[str, Field]) -> Operation:
    """The request body that these fields read."""
    return {"application/json": object_schema(fields)}


def parameters(fields: Mapping[str, Field]) -> list[OpenApiParameter]:
    """The query parameters that these fields read."""
    return [
        OpenApiParameter(name, field.schema, required=field.required, description=field.says)
        for name, field in fields.items()
    ]


READ_ROOT: Operation = {
    "operation_id": "read_root",
    "auth": [],
    "responses": {200: OpenApiTypes.OBJECT},
}
PLACE_ORDER: Operation = {
    "operation_id": "place_order",
    "request": json_body(bodies.ORDER_FIELDS),
    "responses": {
        201: OpenApiResponse(OrderShape, "Recorded; the broker has not spoken yet."),
        200: OpenApiResponse(OrderShape, "Recorded before (Idempotent-Replayed: true)."),
        **problems(400, 409, 413, 415),
        (422, "application/problem+json"): OpenApiResponse(RefusedShape, describe(422)),
    },
    "examples": [
        OpenApiExample(
            "limit order",
            value={
                "cl_ord_id": "alg-2026-11-22-0001",
                "account": "DU1234567",
                "instrument": {"symbol": "AAPL"},
                "side": "BUY",
                "order_qty": "100",
                "ord_type": "LIMIT",
                "price": "229.95",
            },
            request_only=True,
        )
    ],
}
LIST_ORDERS: Operation = {
    "operation_id": "list_orders",
    "parameters": parameters(queries.ORDER_FIELDS),
    "responses": {200: page_of("OrderPage", OrderShape), **problems(400)},
}
READ_ORDER: Operation = {
    "operation_id": "read_order",
    "responses": {200: OrderShape, **problems(404)},
}
READ_ORDER_BY_CL_ORD_ID: Operation = {
    "operation_id": "read_order_by_cl_ord_id",
    "responses": {200: OrderShape, **problems(404)},
}
LIST_EVENTS: Operation = {
    "operation_id": "list_order_events",
    "parameters": parameters(queries.EVENT_FIELDS),
    "responses": {200: page_of("EventPage", EventShape), **problems(400, 404)},
}
CANCEL_ORDER: Operation = {
    "operation_id": "cancel_order",
    "request": json_body(bodies.CANCEL_FIELDS),
    "responses": {202: RequestShape, **problems(400, 404, 409, 413, 415)},
}
REPLACE_ORDER: Operation = {
    "operation_id": "replace_order",
    "request": json_body(bodies.REPLACE_FIELDS),
    "parameters": [
        OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True, description='"version"')
    ],
    "responses": {202: RequestShape, **problems(400, 404, 409, 412, 413, 415, 422, 428)},
}
LIST_EXECUTIONS: Operation = {
    "operation_id": "list_executions",
    "parameters": parameters(queries.EXECUTION_FIELDS),
    "responses": {200: page_of("ExecutionPage", ExecutionShape), **problems(400)},
}
LIST_POSITIONS: Operation = {
    "operation_id": "list_positions",
    "parameters": parameters(queries.ACCOUNT_FIELDS),
    "responses": {200: page_of("PositionList", PositionShape), **problems(400)},
}
LIST_ACCOUNT_VALUES: Operation = {
    "operation_id": "list_account_values",
    "parameters": parameters(queries.ACCOUNT_FIELDS),
    "responses": {200: page_of("AccountValueList", AccountValueShape), **problems(400)},
}
LIST_SESSIONS: Operation = {
    "operation_id": "list_sessions",
    "responses": {200: page_of("SessionList", SessionShape), **problems(400)},
}
