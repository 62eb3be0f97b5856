"""The OpenAPI description. These serializers only describe; bodies.py reads and resources.py writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from orders.api import bodies, keys, queries
from orders.api.problems import PROBLEMS
from orders.api.schema.examples import ORDER
from orders.api.schema.shapes import (
    AccountLimitsShape,
    AccountValueShape,
    EventShape,
    ExecutionShape,
    OrderShape,
    PositionShape,
    ProblemShape,
    ReasonEntryShape,
    RefusedShape,
    SessionShape,
)
from orders.entry.reading.fields import Field, object_schema
from orders.reports.tables import XLSX

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


def page_of(name: str, shape: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """A page of rows and the path of the next page."""
    fields: dict[str, Any] = {
        "results": shape(many=True),
        "next": serializers.CharField(allow_null=True, help_text="The path of the next page."),
    }
    return inline_serializer(name, fields)


def partly(shape: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The same shape when `fields` chooses members: any may be left out."""

    def get_fields(self: Any) -> Any:
        fields = shape.get_fields(self)
        for field in fields.values():
            field.required = False
        return fields

    name = f"Partly{shape.__name__}"
    return type(name, (shape,), {"get_fields": get_fields, "__doc__": shape.__doc__})


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """The answers that are not a success: those of every operation, and these."""
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemShape, describe(status))
        for status in sorted({400, 401, 403, 406, 429, 503, *statuses})
    }


def refused(shape: type[ProblemShape]) -> dict[tuple[int, str], OpenApiResponse]:
    """The answer when a check says no: a problem that tells more than most."""
    return {(422, "application/problem+json"): OpenApiResponse(shape, describe(422))}


def read(shape: Any, *statuses: int) -> dict[Any, Any]:
    """The answers of a GET: the thing, or 304 when it is as the caller knows it."""
    return {200: shape, 304: OpenApiResponse(None, "It has not changed."), **problems(*statuses)}


def describe(status: int) -> str:
    """All codes of a status with their titles."""
    return "; ".join(f"{code}: {title}" for code, (its, title) in PROBLEMS.items() if its == status)


def json_body(fields: Mapping[str, Field]) -> Operation:
    """The request body that these fields read."""
    return {"application/json": object_schema(fields)}


NOTHING = {"type": "string", "maxLength": 0}


def parameters(fields: Mapping[str, Field], *, may_be_empty: bool = False) -> list[OpenApiParameter]:
    """The query parameters that these fields read; `may_be_empty`: `?to=` is as no `to` at all."""
    return [
        OpenApiParameter(
            name,
            {"anyOf": [field.schema, NOTHING]} if may_be_empty else field.schema,
            required=field.required,
            description=field.description,
        )
        for name, field in fields.items()
    ]


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    keys.idempotency_key.schema,
    "header",
    description="Names this request: sent again within a week it is answered as the first time.",
)
PLACE_ORDER: Operation = {
    "operation_id": "place_order",
    "parameters": [
        IDEMPOTENCY_KEY,
        OpenApiParameter(
            "Prefer", str, "header", description="wait=N: answer when the broker has, within N seconds (30)."
        ),
    ],
    "request": json_body(bodies.ORDER_FIELDS),
    "responses": {
        201: OpenApiResponse(OrderShape, "Recorded; the broker has not spoken yet."),
        200: OpenApiResponse(OrderShape, "Recorded before (Idempotent-Replayed: true)."),
        **problems(400, 409, 413, 415),
        **refused(RefusedShape),
    },
    "examples": [
        OpenApiExample(
            "limit order",
            value={**ORDER, "cl_ord_id": "alg-2026-11-22-0001"},
            request_only=True,
        )
    ],
}
LIST_ORDERS: Operation = {
    "operation_id": "list_orders",
    "parameters": parameters(queries.ORDER_FIELDS),
    "responses": read(page_of("OrderPage", partly(OrderShape)), 400),
}
READ_ORDER: Operation = {
    "operation_id": "read_order",
    "responses": read(OrderShape, 404),
}
READ_ORDER_BY_CL_ORD_ID: Operation = {
    "operation_id": "read_order_by_cl_ord_id",
    "responses": read(OrderShape, 404),
}
LIST_EVENTS: Operation = {
    "operation_id": "list_order_events",
    "parameters": parameters(queries.EVENT_FIELDS),
    "responses": read(page_of("EventPage", EventShape), 400, 404),
}
LIST_EXECUTIONS: Operation = {
    "operation_id": "list_executions",
    "parameters": parameters(queries.EXECUTION_FIELDS),
    "responses": read(page_of("ExecutionPage", partly(ExecutionShape)), 400),
}
LIST_POSITIONS: Operation = {
    "operation_id": "list_positions",
    "parameters": parameters(queries.ACCOUNT_FIELDS),
    "responses": read(page_of("PositionList", PositionShape), 400),
}
LIST_ACCOUNT_VALUES: Operation = {
    "operation_id": "list_account_values",
    "parameters": parameters(queries.ACCOUNT_FIELDS),
    "responses": read(page_of("AccountValueList", AccountValueShape), 400),
}
LIST_LIMITS: Operation = {
    "operation_id": "list_limits",
    "parameters": parameters(queries.ACCOUNT_FIELDS),
    "responses": read(page_of("LimitList", AccountLimitsShape), 400),
}
LIST_SESSIONS: Operation = {
    "operation_id": "list_sessions",
    "responses": read(page_of("SessionList", SessionShape), 400),
}
LIST_REASONS: Operation = {
    "operation_id": "list_reasons",
    "responses": read(page_of("ReasonList", ReasonEntryShape)),
}
EXPORT_ORDERS: Operation = {
    "operation_id": "export_orders",
    "parameters": parameters(queries.ORDER_EXPORT_FIELDS),
    "responses": {(200, "text/csv"): OpenApiTypes.STR, **problems(400)},
}
EXPORT_EXECUTIONS: Operation = {
    "operation_id": "export_executions",
    "parameters": parameters(queries.EXECUTION_EXPORT_FIELDS),
    "responses": {(200, "text/csv"): OpenApiTypes.STR, **problems(400)},
}
EXPORT_EXECUTIONS_XLSX: Operation = {
    "operation_id": "export_executions_xlsx",
    "parameters": parameters({k: v for k, v in queries.EXECUTION_EXPORT_FIELDS.items() if k != "sums"}),
    "responses": {(200, XLSX): OpenApiTypes.BINARY, **problems(400)},
}
