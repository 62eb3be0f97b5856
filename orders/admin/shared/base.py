"""What every page shows: PAPER or LIVE, the way to the workers, the number of things that wait."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from brokers.account_codes import is_paper
from brokers.models import BrokerAccount
from orders import statistics
from orders.access import accounts_of_person
from orders.admin.shared.pages import desk_page
from orders.models.order import GROUP_ORDERS
from orders.templatetags.desk import WAITING


def environment(request: HttpRequest) -> list[str]:
    """PAPER or LIVE, by the accounts and not by a setting; both at once is an error that nobody may miss.

    A desk where nothing needs a second person says so beside it.
    """
    alone = "" if settings.FOUR_EYES else " - ONE PERSON"
    paper = {is_paper(code) for code in every_account(request)}
    if not paper:
        return ["no account", "info"]
    if paper == {True}:
        return [f"PAPER{alone}", "warning" if alone else "success"]
    return [f"LIVE - real money{alone}", "danger"] if paper == {False} else ["PAPER AND LIVE MIXED", "danger"]


def every_account(request: HttpRequest) -> Iterable[str]:
    """The codes of all accounts; who sees all of them has them already."""
    mine = accounts_of_person(request.user)
    return (
        mine - {GROUP_ORDERS}
        if GROUP_ORDERS in mine
        else BrokerAccount.objects.values_list("code", flat=True)
    )


def title_prefix(request: HttpRequest) -> str:
    """The tab's title begins with how much waits; the request keeps what, for the header."""
    if not request.user.has_perm("orders.view_order"):
        return ""
    found = statistics.waiting(accounts_of_person(request.user))
    setattr(request, WAITING, found)
    return f"({found.count})" if found.count else ""


@desk_page("orders.view_order")
def attention_part(request: HttpRequest) -> HttpResponse:
    """The number of things that wait, for a page that is open already."""
    return TemplateResponse(
        request, "desk/attention_part.html", {"environment_title_prefix": title_prefix(request)}
    )


@desk_page("orders.view_order")
def strip(request: HttpRequest) -> HttpResponse:
    """How the way to the broker is, for a page that is open already."""
    return TemplateResponse(request, "desk/strip_part.html")
