"""The outbox: commands on their way to the broker."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from brokers.desk import moment
from orders.admin.shared.mixins import OwnAccounts
from orders.models import OutboxCommand


@admin.register(OutboxCommand)
class OutboxCommandAdmin(OwnAccounts):
    """Commands; one without a time under "claimed" waits."""

    paginator = InfinitePaginator
    account_path = "order__account"

    list_display = ("id", "kind", "order", "session", "created", "due", "attempts", "claimed", "error")
    list_select_related = ("order", "session")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("session", RelatedDropdownFilter),
        ("done_at", admin.EmptyFieldListFilter),
    )

    @admin.display(description="created", ordering="created_at")
    def created(self, command: OutboxCommand) -> SafeString:
        """When it was decided."""
        return moment(command.created_at, "milliseconds")

    @admin.display(description="not before")
    def due(self, command: OutboxCommand) -> SafeString:
        """When it may be claimed."""
        return moment(command.not_before, "milliseconds")

    @admin.display(description="claimed")
    def claimed(self, command: OutboxCommand) -> SafeString:
        """When it was claimed: from then on it may be at the broker."""
        return moment(command.done_at, "milliseconds")
