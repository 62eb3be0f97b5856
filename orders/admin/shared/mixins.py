"""Only the accounts of the person: in lists, pages, search, autocomplete, filters, export and history."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter

from brokers.desk import ReadOnlyAdmin
from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.models import Order
from orders.models.order import of_accounts


def _of_codes(accounts: Collection[str], path: str) -> Q:
    return Q(**{f"{path}__in": accounts})


class OwnAccounts(ReadOnlyAdmin):
    """Base of a list whose rows belong to accounts; `account_path` leads from a row to its account."""

    account_path = "account"
    #: The row tells of everything on a session: only for who has all accounts of it.
    whole_session = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows of the person's accounts: everything in the admin that finds a row begins here."""
        mine = accounts_of_person(request.user)
        rows: QuerySet[Any] = super().get_queryset(request)
        of_orders = rows.model is Order or self.account_path == "order__account"
        of_mine = of_accounts if of_orders else _of_codes
        found = rows.filter(of_mine(mine, self.account_path))
        if self.whole_session:
            found = found.exclude(session__accounts__in=BrokerAccount.objects.exclude(pk__in=mine))
        return found.distinct() if self.account_path.endswith("accounts") else found


class OwnAccountFilter(RelatedDropdownFilter):
    """Filter by account, offering the person's own."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Codes of the person's accounts."""
        return [(code, code) for code in sorted(accounts_of_person(request.user)) if code]
