"""What a caller may do: each view says which scope each of its methods needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orders.api.authentication import Access
from orders.api.problems import Problem
from orders.controls.halts.dead_man import is_alive
from orders.models import Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Allows a method if the token has the scope that the view names for it in `scopes`.

    None there means that every valid token will do.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False answers 401 without a token and 403 with one; the text names the scope.

        Raises MethodNotAllowed where the view names none: it has no such method.
        """
        method = "GET" if request.method == "HEAD" else str(request.method)
        scopes: Mapping[str, Scope | None] = getattr(view, "scopes", {})
        if method not in scopes:
            raise MethodNotAllowed(method)
        self.message = f"The token lacks the scope {scopes[method]}."
        if not isinstance(request.auth, Access):
            return False
        needed = scopes[method]
        if needed == Scope.TRADE and needed in request.auth.scopes and request.auth.beats:
            require_beat(request.auth)
        return needed is None or needed in request.auth.scopes


def require_beat(access: Access) -> None:
    """Raise Problem HEARTBEAT_MISSED for a client that does not say any more that it lives."""
    if not is_alive(access.key):
        raise Problem("HEARTBEAT_MISSED", "Its orders were canceled. POST /heartbeat, then place anew.")
