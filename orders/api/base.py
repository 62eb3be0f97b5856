"""What all views of the API share: time of receipt, the caller's access, answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any, ClassVar

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from brokers.postgres import clock
from orders.api import refusals
from orders.api.authentication import Access
from orders.api.bodies import read_fields
from orders.api.keys import refuse_key
from orders.api.parsers import is_utf8
from orders.api.problems import Problem
from orders.controls.audit.acting import acting
from orders.controls.persons.people import Actor
from orders.models import Scope

JSON = "application/json"
#: What an Accept may name, by type and subtype.
ACCEPTED = {("application", "json"), ("application", "*"), ("*", "*")}
READING = ("GET", "HEAD")


class ApiView(APIView):
    """A view of the API; `scopes` names the scope that each method needs."""

    scopes: ClassVar[Mapping[str, Scope | None]] = {"GET": Scope.READ}
    http_method_names = ["get", "head", "post"]
    #: Whether GET reads the query itself; every other parameter is refused here.
    has_query: ClassVar[bool] = False
    #: Whether POST reads a body; where it does not, a field in one is refused here, as a parameter is.
    has_body: ClassVar[bool] = True
    #: What GET answers with where the path itself names the form ("orders.csv"): Accept is not asked.
    form: ClassVar[str] = JSON

    #: Whether what it changes is followed by the database: then the connection says who acts. On the way of
    #: an order it is not, since there the events name their actor.
    acts: ClassVar[bool] = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The first thing is the time of receipt; then, with room for what must be undone at the end."""
        self.received_at = clock.now()
        with ExitStack() as self.undo:
            return super().dispatch(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """There is one representation, JSON."""
        return JSONRenderer(), JSON

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, and may he; then whether he asks for what there is. Raises Problem 400 and 406."""
        super().initial(request, *args, **kwargs)
        if (
            self.form == JSON
            and request.headers.get("Accept")
            and not any(
                (one.main_type, one.sub_type) in ACCEPTED and is_utf8(one.params)
                for one in request.accepted_types
            )
        ):
            raise Problem("NOT_ACCEPTABLE", f"Answers are {JSON}.")
        refuse_key(request, getattr(self, (request.method or "").lower(), None))
        if request.query_params and not (self.has_query and request.method in READING):
            read_fields(request.query_params, {})
        if request.method == "POST" and not self.has_body:
            read_fields(request.data, {})
        if self.acts and request.method not in READING:
            self.undo.enter_context(acting(refusals.caller(request, self.reason(request))))

    def reason(self, request: Request) -> str:
        """Why, as the body says."""
        try:
            body = request.data
        except APIException:
            return ""  # the view will say what is wrong with it, if it reads it
        return str(body.get("reason", ""))[:500] if isinstance(body, dict) else ""

    def handle_exception(self, exc: Exception) -> Any:
        """A refusal is kept, with who asked for what."""
        response = super().handle_exception(exc)
        if response.status_code in (401, 403):
            refusals.keep(self.request, response.status_code)
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Let a reader who knows the answer already keep it (RFC 9110, 13.1.2)."""
        final: Any = super().finalize_response(request, response, *args, **kwargs)
        if final.status_code < 500:  # the database is there
            clock.refresh()
        if final.streaming and request.method == "HEAD":
            final.streaming_content = ()  # nobody needs the rows
        if request.method in READING and final.status_code == 200 and not final.streaming:
            final.setdefault("ETag", etag_of(final.content))
            final.setdefault("Cache-Control", "private, no-cache")
            if not_changed(request.headers.get("If-None-Match", ""), final["ETag"]):
                return unchanged(final)
        final.setdefault("Cache-Control", "no-store")
        return final

    @property
    def access(self) -> Access:
        """What the caller may do; only for views that need a scope."""
        access = self.request.auth
        assert isinstance(access, Access)  # noqa: S101 - HasScope has let it pass
        return access

    @cached_property
    def actor(self) -> Actor:
        """The caller as controls know it."""
        access = self.access
        return Actor(
            user=access.user,
            name=access.actor,
            accounts=access.accounts,
            scopes=access.scopes,
            person=access.person,
        )


def unchanged(known: HttpResponse) -> HttpResponse:
    """304 for an answer that the caller has already."""
    response = HttpResponse(status=304, headers={name: known[name] for name in ("ETag", "Cache-Control")})
    del response["Content-Type"]
    return response


def etag_of(content: bytes, prefix: str = "") -> str:
    """The entity tag of these bytes."""
    return f'"{prefix}{hashlib.blake2s(content, digest_size=8).hexdigest()}"'


def not_changed(known: str, etag: str) -> bool:
    """Whether an If-None-Match names this tag, or any; tags are compared weakly, as GET asks for."""
    return known.strip() == "*" or etag in [each.strip().removeprefix("W/") for each in known.split(",")]


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A success as JSON, without the renderers' second look at every value."""
    return HttpResponse(
        msgspec.json.encode(document),
        status=status,
        content_type=JSON,
        headers=dict(headers or {}),
    )
