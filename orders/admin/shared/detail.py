"""A page of our own for each row of a list, in place of the admin's form."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from brokers.desk import ReadOnlyAdmin


class DetailPage(ReadOnlyAdmin):
    """Base of such a list; a right that is missing is told before the row is looked up."""

    #: The page answers nothing but GET.
    get_only = True

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The row's own page."""
        view = require_GET(self._open) if self.get_only else self._open
        return view(request, object_id)

    def _open(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.may_see(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return self.row_view(request, row)

    def may_see(self, request: HttpRequest) -> bool:
        """Whether the person may see such pages at all."""
        return self.has_view_permission(request)

    def row_view(self, request: HttpRequest, row: Any) -> HttpResponse:
        """The page of one row."""
        raise NotImplementedError
