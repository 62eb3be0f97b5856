"""What a caller may do: each view says which scope each of its methods needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orders.api.authentication import Access

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Allows a method if the token has the scope that the view names for it in `scopes`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False answers 401 without a token and 403 with one; the text names the scope."""
        needed = getattr(view, "scopes", {}).get(request.method, "")
        self.message = f"The token lacks the scope {needed!r}." if needed else "No token may do this."
        return isinstance(request.auth, Access) and needed in request.auth.scopes
