"""API tokens: who has which, made, rotated and revoked. A caller can give no more than it has itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from brokers.formats import time_or_none
from brokers.models import BrokerAccount
from orders import selectors
from orders.access import are_within
from orders.api.authentication import Access
from orders.api.base import ApiView, answer
from orders.api.bodies import HEARTBEAT_FIELDS, ROTATE_FIELDS, TOKEN_FIELDS, read_fields
from orders.api.problems import Problem, invalid
from orders.api.queries import whole_list
from orders.api.resources import token_document
from orders.api.schema import tokens as schema
from orders.controls.halts.dead_man import BeatInvalid, beat
from orders.controls.persons.tokens import OVERLAP, request_token, revoke_token, rotate_token
from orders.errors import FieldError
from orders.models import ApiToken, Approval, Scope

SELF = "self"


class TokenList(ApiView):
    """Tokens that open nothing but the caller's accounts."""

    scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(**schema.LIST_TOKENS)
    def get(self, request: Request) -> HttpResponse:
        """Tokens, newest first, revoked ones too."""
        rows = selectors.tokens_of(self.access.accounts)
        return whole_list(token_document(token) for token in rows)

    @extend_schema(**schema.MAKE_TOKEN)
    def post(self, request: Request) -> HttpResponse:
        """Make a token; its text is in this answer and nowhere else."""
        wanted = read_fields(request.data, TOKEN_FIELDS)
        if errors := beyond(self.access, wanted):
            raise invalid(errors)
        lifetime = timedelta(seconds=wanted["expires_in"]) if "expires_in" in wanted else None
        text, approval = request_token(
            wanted["username"],
            actor=self.actor,
            accounts=list(BrokerAccount.objects.filter(pk__in=wanted["accounts"])),
            scopes=[str(scope) for scope in wanted["scopes"]],
            name=wanted.get("name", ""),
            lifetime=lifetime,
            rate=wanted.get("rate"),
            strategy=wanted.get("strategy", self.access.strategy),
            heartbeat=wanted.get("heartbeat"),
            networks=wanted.get("networks") or [part for part in self.access.networks.split(",") if part],
        )
        return shown_once(text, status=201, approval=approval)


class TokenDetail(ApiView):
    """One token by its first characters, or `self`."""

    scopes = {"GET": None}

    @extend_schema(**schema.READ_TOKEN)
    def get(self, request: Request, key: str) -> HttpResponse:
        """The token, without its text."""
        return answer(token_document(visible(self.access, key)))


class Heartbeat(ApiView):
    """A client saying that it lives."""

    scopes = {"POST": None}
    acts = False

    @extend_schema(**schema.HEARTBEAT)
    def post(self, request: Request) -> HttpResponse:
        """Without the next one in time the orders of the token's client are canceled, new ones refused."""
        if not self.access.scopes & {Scope.TRADE, Scope.CANCEL}:
            raise Problem("FORBIDDEN", "The token may neither trade nor cancel, so it has nothing to end.")
        within = read_fields(request.data, HEARTBEAT_FIELDS).get("within")
        try:
            token = beat(self.access.key, within=within)
        except BeatInvalid as error:
            raise invalid([FieldError("within", "BEYOND", str(error))]) from None
        return answer({"within": token.beat_within, "due_at": time_or_none(token.due_at)})


class TokenRotate(ApiView):
    """Replacing a token by a new one of the same rights."""

    scopes = {"POST": None}

    @extend_schema(**schema.ROTATE_TOKEN)
    def post(self, request: Request, key: str) -> HttpResponse:
        """Make the successor; the old one works for `overlap` seconds more."""
        token = visible(self.access, key)
        if not self.access.scopes.issuperset(token.scopes):
            raise Problem("FORBIDDEN", "The token may do more than yours, so you cannot rotate it.")
        seconds = read_fields(request.data, ROTATE_FIELDS).get("overlap")
        overlap = OVERLAP if seconds is None else timedelta(seconds=seconds)
        return shown_once(rotate_token(token.token_key, overlap=overlap, by=self.access.actor), status=201)


class TokenRevoke(ApiView):
    """Ending a token."""

    has_body = False
    scopes = {"POST": None}

    @extend_schema(**schema.REVOKE_TOKEN)
    def post(self, request: Request, key: str) -> HttpResponse:
        """Revoke it; it stops working within five seconds."""
        token = visible(self.access, key)
        revoke_token(token.token_key, by=self.access.actor)
        return answer(token_document(selectors.tokens_of(self.access.accounts).get(pk=token.pk)))


def visible(access: Access, key: str) -> ApiToken:
    """The token of this name: one's own, or, with the scope admin, one within one's accounts.

    Raises Problem 403 without that scope, ApiToken.DoesNotExist (or Http404) for all others.
    """
    if not key.isprintable() or not key.isascii():
        raise Http404
    if key in (SELF, access.key):
        return selectors.tokens_of(access.accounts).get(token_key=access.key)
    if Scope.ADMIN not in access.scopes:
        raise Problem("FORBIDDEN", f"The token lacks the scope {Scope.ADMIN}.")
    return selectors.tokens_of(access.accounts).get(token_key=key)


def beyond(access: Access, wanted: dict[str, Any]) -> list[FieldError]:
    """What a new token would have beyond its maker, and an owner who is a person at the desk."""
    errors = [
        FieldError(f"accounts.{place}", "UNKNOWN", "There is no such account.")
        for place, account in enumerate(wanted["accounts"])
        if account not in access.accounts
    ]
    errors += [
        FieldError(f"scopes.{place}", "BEYOND", "Your own token lacks this scope.")
        for place, scope in enumerate(wanted["scopes"])
        if scope not in access.scopes
    ]
    if access.strategy and wanted.get("strategy", access.strategy) != access.strategy:
        text = f"Your own token places orders of the strategy {access.strategy} only."
        errors.append(FieldError("strategy", "BEYOND", text))
    if access.networks and not are_within(wanted.get("networks", ()), access.networks):
        errors.append(FieldError("networks", "BEYOND", f"Your own token may be used from {access.networks}."))
    if User.objects.filter(username=wanted["username"], is_staff=True).exists():
        errors.append(FieldError("username", "NOT_A_CLIENT", "This is a person at the desk, not a client."))
    return errors


def shown_once(text: str, status: int, approval: Approval | None = None) -> HttpResponse:
    """The new token with its text."""
    token = ApiToken.objects.select_related("user", "successor").get(token_key=text[:15], revoked_at=None)
    headers = {"Location": f"/api/v1/tokens/{token.token_key}", "Cache-Control": "no-store"}
    waits_for = str(approval.pk) if approval else None
    document = {**token_document(token), "token": text, "approval": waits_for}
    return answer(document, status=status, headers=headers)
