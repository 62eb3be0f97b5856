"""What alerts and breaks have in common: rows of a session or of one account that a person closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.paginator import InfinitePaginator

from orders.access import accounts_of_person
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.mixins import OwnAccounts
from orders.admin.shared.pages import person_of
from orders.errors import OrderError

Do = Callable[[Any, User, str], str]


class AttentionAdmin(DetailPage, OwnAccounts):  # type: ignore[misc]
    """Base of such a list; what is about one account is for who has that account."""

    paginator = InfinitePaginator
    account_path = "session__accounts"
    #: What a row is about, empty for the session as a whole, and the account of that.
    about = "account"
    account_of_row = "account"
    get_only = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows of the person's accounts and of the sessions that carry them."""
        mine = Q(**{f"{self.account_of_row}__in": accounts_of_person(request.user)})
        return super().get_queryset(request).filter(mine | Q(**{f"{self.about}__isnull": True}))


def visible(request: HttpRequest, model: type[Model], pk: int) -> Any:
    """The row, where it is the person's to see; raises Http404."""
    row = admin.site.get_model_admin(model).get_queryset(request).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def decide(request: HttpRequest, model: type[Model], pk: int, do: Do) -> HttpResponse:
    """A person decides about a row, in words; back to its page with what came of it."""
    row = visible(request, model, pk)
    try:
        messages.success(request, do(row, person_of(request), request.POST.get("text", "")))
    except (OrderError, ValueError) as error:
        messages.error(request, str(error))
    page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return HttpResponseRedirect(reverse(page, args=[pk]), status=303)
