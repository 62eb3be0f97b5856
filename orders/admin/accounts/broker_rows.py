"""Lists of `brokers.admin` as people of the desk see them: only what belongs to their accounts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.paginator import InfinitePaginator

from brokers import admin as brokers_admin
from brokers.models import AccountValue, InboxMessage
from orders.admin.shared.mixins import OwnAccountFilter, OwnAccounts


def replaces(model: type[Any]) -> Any:
    """Register instead of the list that `brokers.admin` has registered."""
    admin.site.unregister(model)
    return admin.register(model)


@replaces(AccountValue)
class AccountValueAdmin(OwnAccounts, brokers_admin.AccountValueAdmin):  # type: ignore[misc]
    """Values of the person's accounts."""

    list_filter = (("account", OwnAccountFilter), ("key", FieldTextFilter))


@replaces(InboxMessage)
class InboxAdmin(OwnAccounts, brokers_admin.InboxMessageAdmin):  # type: ignore[misc]
    """Messages on the sessions that carry the person's accounts."""

    account_path = "session__accounts"
    whole_session = True
    paginator = InfinitePaginator
