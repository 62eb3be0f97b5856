"""Limits of accounts as rows: the list leads to the pages of limits, which are the one way to change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from brokers.desk import ReadOnlyAdmin
from orders.access import accounts_of_person
from orders.admin.accounts.limit_pages import scope_of_account
from orders.models import AccountLimit


@admin.register(AccountLimit)
class AccountLimitAdmin(ReadOnlyAdmin):
    """Nothing is edited here."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        """All scopes with their meters."""
        return HttpResponseRedirect(reverse("desk:limits"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The account's form."""
        mine = AccountLimit.objects.filter(account__in=accounts_of_person(request.user))
        return HttpResponseRedirect(scope_of_account(str(get_object_or_404(mine, pk=object_id).account_id)))
