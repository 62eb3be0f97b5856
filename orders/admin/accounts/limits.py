"""Limits of accounts: the one thing that the desk edits here; Django's log keeps who changed what."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, DecimalField, Field, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from brokers.desk import moment, number
from orders.controls.limits import PER_ACCOUNT
from orders.models import AccountLimit
from orders.risk.catalogue import FIELDS


@admin.register(AccountLimit)
class AccountLimitAdmin(ModelAdmin):
    """Limits; without a row, or without an instrument in it, nothing may be ordered."""

    list_display = ("account", "quantity", "notional", "instruments", "updated")
    fields = (
        "account",
        "max_order_qty",
        "max_notional",
        *PER_ACCOUNT,
        "any_instrument",
        "allowed_instruments",
    )
    list_select_related = ("account",)
    autocomplete_fields = ("allowed_instruments",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountLimit]:
        """With the number of instruments."""
        return super().get_queryset(request).annotate(allowed=Count("allowed_instruments"))  # type: ignore[no-any-return]

    def get_readonly_fields(self, request: HttpRequest, obj: AccountLimit | None = None) -> tuple[str, ...]:
        """Limits do not move to another account."""
        return ("account",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: AccountLimit | None = None) -> bool:
        """To allow nothing, allow no instrument: that leaves a trace."""
        return False

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """The catalogue's words; a limit below zero is a slip."""
        if isinstance(db_field, DecimalField):
            kwargs["min_value"] = 0
        if limit := FIELDS.get(db_field.name):
            kwargs |= {"label": limit.label, "help_text": limit.description}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="max qty", ordering="max_order_qty")
    def quantity(self, limit: AccountLimit) -> SafeString:
        """Per order."""
        return number(limit.max_order_qty)

    @admin.display(description="max notional", ordering="max_notional")
    def notional(self, limit: AccountLimit) -> SafeString:
        """Per order, in the instrument's currency."""
        return number(limit.max_notional)

    @admin.display(description="instruments")
    def instruments(self, limit: AccountLimit) -> SafeString:
        """How many may be traded."""
        return number(limit.allowed)  # type: ignore[attr-defined]

    @admin.display(description="changed", ordering="updated_at")
    def updated(self, limit: AccountLimit) -> SafeString:
        """When it was last changed."""
        return moment(limit.updated_at)
