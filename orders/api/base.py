"""What all views of the API share: time of receipt, the caller's access, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.api.authentication import Access
from orders.models import Scope


class ApiView(APIView):
    """A view of the API; `scopes` names the scope that each method needs."""

    scopes: ClassVar[Mapping[str, Scope | None]] = {"GET": Scope.READ}
    http_method_names = ["get", "head", "post"]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """The first thing that happens to a request: its time of receipt is taken here."""
        self.received_at = timezone.now()
        return super().initialize_request(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """There is one representation, JSON; asking for another one gets it all the same."""
        return JSONRenderer(), "application/json"

    @property
    def access(self) -> Access:
        """What the caller may do; only for views that need a scope."""
        access = self.request.auth
        assert isinstance(access, Access)  # noqa: S101 - HasScope has let it pass
        return access


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A success as JSON, without the renderers' second look at every value."""
    return HttpResponse(
        msgspec.json.encode(document),
        status=status,
        content_type="application/json",
        headers=dict(headers or {}),
    )
