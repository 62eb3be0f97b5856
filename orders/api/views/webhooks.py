"""Webhooks: made, tried, rotated and ended; their deliveries, and asking for one again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from brokers.models import BrokerAccount
from orders import selectors
from orders.api.authentication import Access
from orders.api.base import ApiView, answer
from orders.api.bodies import WEBHOOK_FIELDS, read_fields
from orders.api.problems import Problem, invalid
from orders.api.queries import page, read_query, whole_list
from orders.api.resources import delivery_document, webhook_document
from orders.api.schema import webhooks as schema
from orders.errors import FieldError
from orders.models import Scope, Webhook
from orders.webhooks import manage
from orders.webhooks.addresses import AddressRefused, resolve


class WebhookView(ApiView):
    """What the views of one webhook share."""

    def webhook(self, webhook_id: UUID, *, living: bool = False) -> Webhook:
        """One within the caller's accounts; raises Webhook.DoesNotExist, and Problem for an ended one."""
        found = selectors.webhooks_of(self.access.accounts).get(pk=webhook_id)
        if living and not found.active:
            raise Problem("WEBHOOK_OVER")
        return found

    def told_once(self, webhook_id: UUID, secret: str) -> HttpResponse:
        """A webhook with its secret."""
        document = {**webhook_document(self.webhook(webhook_id)), "secret": secret}
        headers = {"Location": f"/api/v1/webhooks/{webhook_id}", "Cache-Control": "no-store"}
        return answer(document, status=201, headers=headers)


class WebhookList(WebhookView):
    """Webhooks that tell of nothing but the caller's accounts."""

    scopes = {"GET": Scope.ADMIN, "POST": Scope.ADMIN}

    @extend_schema(**schema.LIST_WEBHOOKS)
    def get(self, request: Request) -> HttpResponse:
        """Webhooks, newest first, ended ones too."""
        rows = selectors.webhooks_of(self.access.accounts)
        return whole_list(webhook_document(webhook) for webhook in rows)

    @extend_schema(**schema.MAKE_WEBHOOK)
    def post(self, request: Request) -> HttpResponse:
        """Make one; its secret is in this answer and nowhere else."""
        wanted = read_fields(request.data, WEBHOOK_FIELDS)
        if errors := refused(self.access, wanted):
            raise invalid(errors)
        webhook, secret = manage.make_webhook(
            wanted["url"],
            client=self.access.user,
            accounts=list(BrokerAccount.objects.filter(pk__in=wanted["accounts"])),
            kinds=[str(kind) for kind in wanted.get("kinds", ())],
            made_by=self.access.actor,
        )
        return self.told_once(webhook.id, secret)


class WebhookDetail(WebhookView):
    """One webhook."""

    scopes = {"GET": Scope.ADMIN}

    @extend_schema(**schema.READ_WEBHOOK)
    def get(self, request: Request, webhook_id: UUID) -> HttpResponse:
        """The webhook, without its secret."""
        return answer(webhook_document(self.webhook(webhook_id)))


class WebhookEnd(WebhookView):
    """Ending a webhook."""

    has_body = False
    scopes = {"POST": Scope.ADMIN}

    @extend_schema(**schema.END_WEBHOOK)
    def post(self, request: Request, webhook_id: UUID) -> HttpResponse:
        """Tell it nothing more; its log stays."""
        manage.end_webhook(self.webhook(webhook_id))
        return answer(webhook_document(self.webhook(webhook_id)))


class WebhookPing(WebhookView):
    """Trying a webhook."""

    has_body = False
    scopes = {"POST": Scope.ADMIN}

    @extend_schema(**schema.PING_WEBHOOK)
    def post(self, request: Request, webhook_id: UUID) -> HttpResponse:
        """Send a delivery without events."""
        delivery = manage.ping(self.webhook(webhook_id, living=True))
        delivery.refresh_from_db()
        return answer(delivery_document(delivery), status=202)


class WebhookRotate(WebhookView):
    """A new secret for a webhook."""

    has_body = False
    scopes = {"POST": Scope.ADMIN}

    @extend_schema(**schema.ROTATE_WEBHOOK)
    def post(self, request: Request, webhook_id: UUID) -> HttpResponse:
        """The new secret, told once; the one before signs beside it for a day."""
        return self.told_once(webhook_id, manage.rotate_secret(self.webhook(webhook_id, living=True)))


class Deliveries(WebhookView):
    """The delivery log of a webhook."""

    has_query = True
    scopes = {"GET": Scope.ADMIN}

    @extend_schema(**schema.LIST_DELIVERIES)
    def get(self, request: Request, webhook_id: UUID) -> HttpResponse:
        """Deliveries with their attempts, newest first."""
        query = read_query(request.query_params, schema.DELIVERY_FIELDS)
        rows = self.webhook(webhook_id).deliveries.prefetch_related("log").order_by("-id")
        if "state" in query:
            rows = rows.filter(state=query.pop("state"))
        if "cursor" in query:
            rows = rows.filter(id__lt=query.pop("cursor"))
        return page(request, rows, delivery_document, cursor=lambda row: row.id, **query)


class Redeliver(WebhookView):
    """Asking for a delivery again."""

    has_body = False
    scopes = {"POST": Scope.ADMIN}

    @extend_schema(**schema.REDELIVER)
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
        """Post it again, soon, in the same bytes."""
        webhook = self.webhook(webhook_id, living=True)
        manage.redeliver(webhook.deliveries.get(pk=delivery_id))
        return answer(delivery_document(webhook.deliveries.get(pk=delivery_id)), status=202)


def refused(access: Access, wanted: dict[str, Any]) -> list[FieldError]:
    """Accounts that do not exist for the caller, and a URL that leads where no webhook may go."""
    errors = [
        FieldError(f"accounts.{place}", "UNKNOWN", "There is no such account.")
        for place, account in enumerate(wanted["accounts"])
        if account not in access.accounts
    ]
    try:
        resolve(wanted["url"])
    except AddressRefused as why:
        errors.append(FieldError("url", "ADDRESS_REFUSED", str(why)))
    return errors
