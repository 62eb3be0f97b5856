"""Times in the person's own zone: the browser says which, by a cookie that desk.js sets; fields of UTC."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "desk_zone"


class UtcField(forms.DateTimeField):
    """A time that is typed in UTC, whatever zone the person's pages are shown in."""

    def to_python(self, value: Any) -> datetime | None:
        """The time meant; a zone that is typed with it counts."""
        with timezone.override(UTC):
            return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        """The time as it is typed."""
        with timezone.override(UTC):
            return super().prepare_value(value)


class ZoneMiddleware:
    """Activates the zone for the desk's pages; UTC when there is none or it is not one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(zone_of(request.COOKIES.get(COOKIE, ""))):
            response = self.get_response(request)
            if hasattr(response, "render"):
                response.render()
        return response


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The zone of this name, or UTC."""
    try:
        return zoneinfo.ZoneInfo(name) if name else zoneinfo.ZoneInfo("UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
