"""The OpenAPI description of tokens."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from orders.api.bodies import HEARTBEAT_FIELDS, ROTATE_FIELDS, TOKEN_FIELDS
from orders.api.schema.orders import Operation, json_body, page_of, problems
from orders.api.schema.shapes import choice
from orders.models import Scope

KEY = OpenApiParameter("key", str, "path", description="The token's id, or `self`.")


class TokenShape(serializers.Serializer[Any]):
    """A token, without its text."""

    id = serializers.CharField(help_text="Its first characters.")
    owner = serializers.CharField(help_text="The API client whose orders are placed with it.")
    name = serializers.CharField()
    scopes = serializers.ListField(child=choice(Scope))
    accounts = serializers.ListField(child=serializers.CharField())
    rate = serializers.IntegerField(allow_null=True, help_text="Requests per second; null: the usual.")
    strategy = serializers.CharField(allow_null=True, help_text="Of every order placed with it.")
    networks = serializers.ListField(child=serializers.CharField(), help_text="May use it; empty: all.")
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField()
    successor = serializers.CharField(allow_null=True, help_text="The token that replaces it.")
    waiting = serializers.BooleanField(help_text="It opens nothing before a second person approves it.")
    heartbeat = serializers.IntegerField(
        allow_null=True, help_text="Seconds within which it must beat; null: it need not."
    )
    silent_since = serializers.DateTimeField(allow_null=True, help_text="Since when no beat comes in time.")


class HeartbeatShape(serializers.Serializer[Any]):
    """When the next beat is due; null: the token has no dead man's switch."""

    within = serializers.IntegerField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)


class NewTokenShape(TokenShape):
    """A token with its text, which is told once."""

    token = serializers.CharField()
    approval = serializers.UUIDField(allow_null=True, help_text="The approval that it waits for.")


LIST_TOKENS: Operation = {
    "operation_id": "list_tokens",
    "responses": {200: page_of("TokenList", TokenShape), **problems(400)},
}
MAKE_TOKEN: Operation = {
    "operation_id": "make_token",
    "request": json_body(TOKEN_FIELDS),
    "responses": {
        201: OpenApiResponse(NewTokenShape, "Made; the text is in this answer and nowhere else."),
        **problems(400, 403, 413, 415),
    },
    "examples": [
        OpenApiExample(
            "reader",
            value={
                "username": "reports",
                "scopes": ["read"],
                "accounts": ["DU1234567"],
                "expires_in": 7776000,
            },
            request_only=True,
        )
    ],
}
READ_TOKEN: Operation = {
    "operation_id": "read_token",
    "parameters": [KEY],
    "responses": {200: TokenShape, **problems(404)},
}
ROTATE_TOKEN: Operation = {
    "operation_id": "rotate_token",
    "parameters": [KEY],
    "request": json_body(ROTATE_FIELDS),
    "responses": {201: NewTokenShape, **problems(400, 404, 409, 413, 415)},
}
REVOKE_TOKEN: Operation = {
    "operation_id": "revoke_token",
    "parameters": [KEY],
    "request": None,
    "responses": {200: TokenShape, **problems(404, 413, 415)},
}
HEARTBEAT: Operation = {
    "operation_id": "heartbeat",
    "request": json_body(HEARTBEAT_FIELDS),
    "responses": {200: HeartbeatShape, **problems(400, 413, 415)},
}
