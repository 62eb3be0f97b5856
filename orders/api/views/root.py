"""The start of the API: where everything is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from orders.api.base import ApiView, answer
from orders.api.problems import Problem
from orders.api.schema import orders as schema

RESOURCES = (
    "orders",
    "executions",
    "positions",
    "account-values",
    "limits",
    "sessions",
    "tokens",
    "webhooks",
    "reasons",
    "breaks",
    "drop-copy",
    "groups",
    "slices",
    "instruments",
    "schema",
    "docs",
)
LINKS = {name.replace("-", "_"): f"/api/v1/{name}" for name in RESOURCES}


class RootShape(serializers.Serializer[Any]):
    """Where everything is."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One member for each resource."""
        stream = serializers.CharField(help_text="Served by another process.")
        return {**{name: serializers.CharField() for name in LINKS}, "stream": stream}


class Root(ApiView):
    """Names every resource, and the stream, which another process serves."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="read_root", auth=[], responses={200: RootShape, **schema.problems()})
    def get(self, request: Request) -> HttpResponse:
        """URLs by name."""
        return answer({**LINKS, "stream": f"{settings.STREAM_URL.rstrip('/')}/api/v1/stream"})


class Unknown(ApiView):
    """Every path that is nothing."""

    permission_classes = [AllowAny]
    authentication_classes = []
    schema = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        """No `Allow`: it would be empty."""
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse before the method is looked at: 405 would say that there is something."""
        raise Problem("NOT_FOUND")
