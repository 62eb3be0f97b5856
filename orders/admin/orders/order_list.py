"""The blotter, and the way to an order's page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    FieldTextFilter,
    MultipleChoicesDropdownFilter,
)

from orders import selectors
from orders.access import accounts_of_person
from orders.admin.orders.blotter import blotter, columns, list_views
from orders.admin.orders.blotter.change_list import FewRowsPaginator, OrderChangeList
from orders.admin.orders.blotter.grouping import PARENT, grouped, grouping_of
from orders.admin.orders.bulk import bulk_cancel, bulk_replace, bulk_review
from orders.admin.orders.order.order_page import page_context
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.mixins import OwnAccountFilter, OwnAccounts
from orders.admin.shared.pages import show
from orders.models import Order

CANCEL = "orders.cancel_order"


@admin.register(Order)
class OrderAdmin(DetailPage, OwnAccounts):  # type: ignore[misc]
    """Orders: looked at here, entered and changed only through the services."""

    # The cells are those of `columns`, which carry the sorting too.
    list_display = ("cl_ord_id",)
    list_filter = (
        list_views.ViewFilter,
        ("state", MultipleChoicesDropdownFilter),
        ("account", OwnAccountFilter),
        ("instrument__symbol", FieldTextFilter),
        ("client__username", FieldTextFilter),
        ("side", ChoicesDropdownFilter),
        ("strategy", FieldTextFilter),
        ("reason_code", FieldTextFilter),
        ("received_at", list_views.ReceivedFilter),
    )
    list_filter_submit = True
    list_filter_sheet = True
    search_fields = ("cl_ord_id",)
    search_help_text = "An id or a symbol"
    ordering = ("-id",)
    paginator = FewRowsPaginator
    actions = ("cancel_chosen", "replace_chosen", "review_chosen")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OrderChangeList]:  # type: ignore[override]
        """The list that sorts by our columns."""
        return OrderChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """With what an order is shown with anywhere."""
        return super().get_queryset(request).select_related("instrument", "client", "parent", "group")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """By the ids and the symbol, so that indexes can answer."""
        text = search_term.strip()
        return (queryset.filter(list_views.order_named(text)) if text else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with rows, views and sums of our own."""
        place = selectors.newest_settled_event()  # before the rows are read: what happens later is news
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        if cl := context.get("cl"):
            shown = columns.chosen(request.user)
            context |= {
                "rows": grouped(
                    request, cl.queryset, blotter.page_rows(request, list(cl.result_list), shown)
                ),
                "wide": len(shown),
                "by_parent": getattr(grouping_of(request), "name", "") == PARENT,
                "group_choices": cl.group_choices(request),
                "chips": list_views.chips(request, accounts_of_person(request.user)),
                "headings": cl.headings(shown),
                "place": place,
            }
            answer.context_data = context
        return answer

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Who may see the action."""
        return request.user.has_perm(CANCEL)

    @admin.action(description="Cancel the chosen orders…", permissions=["cancel"])
    def cancel_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """A preview; nothing is canceled before a person confirms it there."""
        return bulk_cancel.preview(request, queryset)

    def has_replace_permission(self, request: HttpRequest) -> bool:
        """Who may see the action."""
        return request.user.has_perm(bulk_replace.RIGHT)

    @admin.action(description="Replace the chosen orders…", permissions=["replace"])
    def replace_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """A preview; nothing is asked before a person has seen each order's new terms."""
        return bulk_replace.preview(request, queryset)

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Who may see the action."""
        return request.user.has_perm(bulk_review.REVIEW.permission)

    @admin.action(description="Mark the chosen orders reviewed…", permissions=["review"])
    def review_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """A preview; nothing is marked before a person gives the reason there."""
        return bulk_review.preview(request, queryset)

    def row_view(self, request: HttpRequest, row: Order) -> HttpResponse:
        """One order: what happened, where the time went, what can be done."""
        context = {**page_context(row, request.user), "opts": self.opts}
        if request.GET.get("live"):
            return TemplateResponse(request, "desk/order_live.html", context)
        return show(request, "desk/order.html", row.cl_ord_id, **context)
