"""How a page of the desk is made that is not a list of one model: who may see it, in which frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def desk_page(*rights: str) -> Callable[[View[P]], View[P]]:
    """A view for people who are logged in and have all these rights."""

    def declare(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.has_perms(rights):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return admin.site.admin_view(guarded)  # type: ignore[return-value]

    return declare


def show(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """The page in the desk's frame, as wide as the window."""
    frame = admin.site.each_context(request)
    return TemplateResponse(request, template, {**frame, "title": title, "is_fullwidth": "1", **context})


def person_of(request: HttpRequest) -> User:
    """Who is logged in; only for views of `desk_page`, which let nobody else in."""
    if isinstance(request.user, AnonymousUser):
        raise PermissionDenied
    return request.user


def own_place(request: HttpRequest, wanted: str, otherwise: str) -> str:
    """Where the person came from, if that is a page of ours."""
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return wanted if is_ours else otherwise
