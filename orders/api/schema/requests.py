"""The OpenAPI description of requests on orders."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from orders.api import bodies
from orders.api.schema.orders import IDEMPOTENCY_KEY, Operation, json_body, page_of, problems, read, refused
from orders.api.schema.shapes import ProblemShape, RefusedRequestShape, RequestShape


class CancelShape(RequestShape):
    """A request to cancel an order, and what its broker cancels with it."""

    also_cancels = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text="Orders of its group that the broker cancels with it; left out when there are none.",
    )


class CancelResult(serializers.Serializer[Any]):
    """What became of the cancel of one order."""

    order_id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    account = serializers.CharField()
    status = serializers.IntegerField(allow_null=True, help_text="As .../cancel would answer; null: dry run.")
    request = RequestShape(allow_null=True)
    problem = ProblemShape(allow_null=True)


class CancelAnswer(serializers.Serializer[Any]):
    """One result per order; `more`: ask again, others are left."""

    dry_run = serializers.BooleanField()
    results = CancelResult(many=True)
    more = serializers.BooleanField()


LIST_REQUESTS: Operation = {
    "operation_id": "list_order_requests",
    "responses": read(page_of("RequestList", RequestShape), 400, 404),
}
READ_REQUEST: Operation = {"operation_id": "read_request", "responses": read(RequestShape, 404)}
CANCEL_ORDERS: Operation = {
    "operation_id": "cancel_orders",
    "parameters": [IDEMPOTENCY_KEY],
    "request": json_body(bodies.CANCEL_MANY_FIELDS),
    "responses": {200: CancelAnswer, **problems(400, 409, 413, 415, 422)},
    "examples": [
        OpenApiExample("what would go", value={"symbol": "AAPL", "dry_run": True}, request_only=True)
    ],
}
CANCEL_ORDER: Operation = {
    "operation_id": "cancel_order",
    "parameters": [IDEMPOTENCY_KEY],
    "request": json_body(bodies.CANCEL_FIELDS),
    "responses": {202: CancelShape, **problems(400, 404, 409, 413, 415, 422)},
}
REPLACE_ORDER: Operation = {
    "operation_id": "replace_order",
    "request": json_body(bodies.REPLACE_FIELDS),
    "parameters": [
        IDEMPOTENCY_KEY,
        OpenApiParameter(
            "If-Match",
            {"type": "string", "pattern": r'^(\*|"[1-9][0-9]{0,8}(-[0-9a-f]{1,64})?")$'},
            OpenApiParameter.HEADER,
            required=True,
            description="The version that you saw, or the ETag of the order; * for any.",
        ),
    ],
    "responses": {
        202: RequestShape,
        **problems(400, 404, 409, 412, 413, 415, 428),
        **refused(RefusedRequestShape),
    },
}
