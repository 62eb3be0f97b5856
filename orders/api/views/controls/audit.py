"""The audit: who did what, with old and new; for tokens with the scope `audit`."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import time_text
from orders.api.base import ApiView
from orders.api.queries import DEFAULT_LIMIT, moment, page, paged, read_query, uuid
from orders.api.schema import orders as schema
from orders.controls.audit.read import Entry, Place, Wanted, entries
from orders.entry.reading.fields import Field, Wrong, reads, text
from orders.models import Scope

CURSOR = r"[0-9]{1,18}\.[01]\.[0-9]{1,18}"


@reads(type="string", pattern=f"^{CURSOR}$")
def place(raw: Any) -> Place:
    """Where a page starts."""
    if not re.fullmatch(CURSOR, raw, re.ASCII):
        raise Wrong("BAD_FORMAT", "This must be the cursor of a page.")
    return Place(*map(int, raw.split(".")))


FILTERS = {
    "person": Field(text(r"^[\w.@+-]{1,150}$", "a login name"), description="Login name of who did it."),
    "account": Field(text(r"^[A-Za-z0-9]{1,32}$", "an account")),
    "order": Field(uuid, description="An order's id."),
    "kind": Field(text(r"^[A-Za-z_.]{1,60}$", "a kind, or its beginning"), description="Or its beginning."),
    "from": Field(moment),
    "to": Field(moment),
    **paged(place),
}


class AuditShape(serializers.Serializer[Any]):
    """One act, event or refusal."""

    id = serializers.CharField()
    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="`order.*`: an event of an order; a table's name: a row.")
    person = serializers.CharField(help_text="Empty: nobody was logged in.")
    via = serializers.CharField(help_text="desk, client (a token), shell or system.")
    address = serializers.CharField()
    account = serializers.CharField()
    order_id = serializers.UUIDField(allow_null=True)
    subject = serializers.CharField()
    old = serializers.JSONField()  # any value, null among them
    new = serializers.JSONField()
    text = serializers.CharField(help_text="The reason, or what was said.")
    ok = serializers.BooleanField(help_text="False: it was refused.")


class Audit(ApiView):
    """Everything that was done, newest first."""

    scopes = {"GET": Scope.AUDIT}
    has_query = True

    @extend_schema(
        operation_id="list_audit",
        parameters=schema.parameters(FILTERS),
        responses={200: schema.page_of("AuditList", AuditShape), **schema.problems(400, 403)},
    )
    def get(self, request: Request) -> HttpResponse:
        """A page; a token for some accounts sees what concerns these alone."""
        asked = read_query(request.query_params, FILTERS)
        limit = asked.pop("limit", DEFAULT_LIMIT)
        wanted = Wanted(
            accounts=None if self.actor.has_all_accounts else self.access.accounts,
            person=asked.get("person"),
            account=asked.get("account"),
            order=asked.get("order"),
            kind=asked.get("kind"),
            since=asked.get("from"),
            until=asked.get("to"),
            before=asked.get("cursor"),
        )
        return page(request, entries(wanted, limit + 1), document, limit=limit, cursor=name_of)


def name_of(entry: Entry) -> str:
    """The id of an entry, by which a page goes on."""
    return ".".join(map(str, entry.place))


def document(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "id": name_of(entry),
        "at": time_text(entry.at),
        **{name: getattr(entry, name) for name in ("kind", "person", "via", "address", "account")},
        "order_id": str(entry.order_id) if entry.order_id else None,
        "subject": entry.subject,
        "old": entry.old,
        "new": entry.new,
        "text": entry.text,
        "ok": entry.ok,
    }
