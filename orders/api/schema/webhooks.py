"""The OpenAPI description of webhooks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from orders.api.bodies import WEBHOOK_FIELDS
from orders.api.queries import paged, uuid
from orders.api.schema.orders import Operation, json_body, page_of, parameters, problems, read
from orders.api.schema.shapes import choice
from orders.entry.reading.fields import Field, word
from orders.models import DeliveryState, EventKind

DELIVERY_FIELDS = {"state": Field(word(DeliveryState)), **paged(uuid)}


class WebhookShape(serializers.Serializer[Any]):
    """A webhook, without its secret."""

    id = serializers.UUIDField()
    owner = serializers.CharField()
    url = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField())
    kinds = serializers.ListField(child=choice(EventKind), help_text="Empty: all.")
    active = serializers.BooleanField()
    made_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    rotated_at = serializers.DateTimeField(allow_null=True)
    last_event_id = serializers.CharField(help_text="Its place in the stream of events.")
    failures = serializers.IntegerField(help_text="In a row.")
    not_before = serializers.DateTimeField(help_text="Nothing is posted before.")


class NewWebhookShape(WebhookShape):
    """A webhook with its secret, which is told once."""

    secret = serializers.CharField()


class AttemptShape(serializers.Serializer[Any]):
    """One post."""

    at = serializers.DateTimeField()
    status_code = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField()
    error = serializers.CharField()


class DeliveryShape(serializers.Serializer[Any]):
    """Some events for a webhook, and the attempts to post them."""

    id = serializers.UUIDField()
    webhook_id = serializers.UUIDField()
    state = choice(DeliveryState)
    events = serializers.IntegerField()
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    log = AttemptShape(many=True)


LIST_WEBHOOKS: Operation = {
    "operation_id": "list_webhooks",
    "responses": read(page_of("WebhookList", WebhookShape), 400),
}
MAKE_WEBHOOK: Operation = {
    "operation_id": "make_webhook",
    "request": json_body(WEBHOOK_FIELDS),
    "responses": {
        201: OpenApiResponse(NewWebhookShape, "Made; the secret is in this answer and nowhere else."),
        **problems(400, 413, 415),
    },
    "examples": [
        OpenApiExample(
            "fills",
            value={"url": "https://example.com/fills", "accounts": ["DU1234567"], "kinds": ["EXECUTION"]},
            request_only=True,
        )
    ],
}
READ_WEBHOOK: Operation = {"operation_id": "read_webhook", "responses": read(WebhookShape, 404)}
END_WEBHOOK: Operation = {
    "operation_id": "end_webhook",
    "request": None,
    "responses": {200: WebhookShape, **problems(404, 413, 415)},
}
PING_WEBHOOK: Operation = {
    "operation_id": "ping_webhook",
    "request": None,
    "responses": {202: DeliveryShape, **problems(404, 409, 413, 415)},
}
ROTATE_WEBHOOK: Operation = {
    "operation_id": "rotate_webhook",
    "request": None,
    "responses": {201: NewWebhookShape, **problems(404, 409, 413, 415)},
}
LIST_DELIVERIES: Operation = {
    "operation_id": "list_deliveries",
    "parameters": parameters(DELIVERY_FIELDS),
    "responses": read(page_of("DeliveryPage", DeliveryShape), 400, 404),
}
REDELIVER: Operation = {
    "operation_id": "redeliver",
    "request": None,
    "responses": {202: DeliveryShape, **problems(404, 409, 413, 415)},
}
