"""Webhooks and what was posted to them; made and ended over the API, where their secret is told."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from brokers.desk import LongListAdmin, ReadOnlyAdmin, moment
from orders.models import Webhook, WebhookDelivery


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Who is told what, and how well it answers."""

    list_display = ("url", "client", "active", "failures", "next_post", "made_by", "made")
    list_select_related = ("client",)
    search_fields = ("url", "client__username")
    list_filter = ("active",)
    exclude = ("txid", "event_id", "busy_until")

    @admin.display(description="not before", ordering="not_before")
    def next_post(self, webhook: Webhook) -> SafeString:
        """Nothing is posted before this time."""
        return moment(webhook.not_before)

    @admin.display(description="made", ordering="created_at")
    def made(self, webhook: Webhook) -> SafeString:
        """When it was made."""
        return moment(webhook.created_at)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(LongListAdmin):
    """The delivery log."""

    list_display = ("id", "webhook", "state", "events", "attempts", "made", "taken")
    list_select_related = ("webhook",)
    list_filter = ("state",)

    @admin.display(description="made", ordering="created_at")
    def made(self, delivery: WebhookDelivery) -> SafeString:
        """When its events were collected."""
        return moment(delivery.created_at)

    @admin.display(description="delivered", ordering="delivered_at")
    def taken(self, delivery: WebhookDelivery) -> SafeString:
        """When it was taken."""
        return moment(delivery.delivered_at)
