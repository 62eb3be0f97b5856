"""The OpenAPI description of bulks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from orders.api.bodies import BULK_FIELDS
from orders.api.schema.orders import IDEMPOTENCY_KEY, Operation, json_body, problems, refused
from orders.api.schema.shapes import OrderShape, ProblemShape


class BulkResult(serializers.Serializer[Any]):
    """What became of one order."""

    index = serializers.IntegerField(help_text="Its place in the request.")
    cl_ord_id = serializers.CharField(
        allow_null=True, help_text="As the entry gives it; null: it gives none."
    )
    status = serializers.IntegerField(
        help_text="As POST /orders would have answered; 424: because of others."
    )
    order_id = serializers.UUIDField(allow_null=True)
    order = OrderShape(allow_null=True)
    problem = ProblemShape(allow_null=True)


class BulkAnswer(serializers.Serializer[Any]):
    """One result per order, in the order of the request, and how many have each status."""

    results = BulkResult(many=True)
    summary = serializers.DictField(child=serializers.IntegerField())


class BulkRefused(ProblemShape):
    """Why nothing of an all-or-none bulk was placed."""

    results = BulkResult(many=True, required=False)


PLACE_ORDERS: Operation = {
    "operation_id": "place_orders",
    "parameters": [IDEMPOTENCY_KEY],
    "request": json_body(BULK_FIELDS),
    "responses": {
        200: OpenApiResponse(BulkAnswer, "Each order has its own status."),
        **problems(400, 409, 413, 415),
        **refused(BulkRefused),
    },
    "examples": [
        OpenApiExample(
            "two orders",
            value={
                "mode": "all_or_none",
                "orders": [
                    {
                        "cl_ord_id": f"basket-7-{number}",
                        "account": "DU1234567",
                        "instrument": {"symbol": symbol},
                        "side": "BUY",
                        "order_qty": "100",
                        "ord_type": "LIMIT",
                        "price": "1.00",
                    }
                    for number, symbol in enumerate(("AAPL", "MSFT"))
                ],
            },
            request_only=True,
        )
    ],
}
