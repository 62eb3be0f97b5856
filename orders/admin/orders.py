"""The blotter, and the way to an order's page and to its cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    FieldTextFilter,
    MultipleChoicesDropdownFilter,
    RelatedDropdownFilter,
)

from brokers.desk import ReadOnlyAdmin, moment, number
from orders import selectors
from orders.admin.filters import UtcRangeFilter
from orders.admin.marks import filled_bar, order_mark, side_mark
from orders.admin.order_page import page_context
from orders.models import Order, RequestState
from orders.services.desk_decisions import give_held_up, send_held_again
from orders.services.errors import OrderError
from orders.services.order_entry import cancel_order

CANCEL = "orders.cancel_order"
RESOLVE = "orders.resolve_order"


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders: looked at and canceled here, entered and changed only through the services."""

    list_display = (
        "state_now",
        "updated",
        "shown_side",
        "qty",
        "instrument",
        "filled",
        "leaves",
        "limit",
        "stop",
        "average",
        "terms",
        "account",
        "cl_ord_id",
    )
    list_display_links = ("cl_ord_id",)
    list_filter = (
        ("state", MultipleChoicesDropdownFilter),
        ("account", RelatedDropdownFilter),
        ("instrument__symbol", FieldTextFilter),
        ("side", ChoicesDropdownFilter),
        ("received_at", UtcRangeFilter),
    )
    list_filter_submit = True
    search_fields = ("cl_ord_id",)
    search_help_text = "cl_ord_id, order_ref or perm_id from its start, or a symbol"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """With everything that a row shows."""
        return (
            super()
            .get_queryset(request)
            .select_related("instrument", "client", "account")
            .prefetch_related("requests")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """By the ids and the symbol, so that indexes can answer."""
        text = search_term.strip()
        return (queryset.filter(selectors.order_named(text)) if text else queryset), False

    def get_urls(self) -> list[URLPattern]:
        """What a person can do to an order has URLs of its own that only take POST."""
        acts = {"cancel": self.cancel_view, "send_again": self.send_again_view, "give_up": self.give_up_view}
        own = [
            path(
                f"<uuid:order_id>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"orders_order_{name}",
            )
            for name, view in acts.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The order's page."""
        return require_GET(self.order_view)(request, object_id)

    def order_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One order: what happened, where the time went, what can be done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            **page_context(
                order, may_cancel=request.user.has_perm(CANCEL), may_resolve=request.user.has_perm(RESOLVE)
            ),
            "title": order.cl_ord_id,
            "opts": self.opts,
            "is_fullwidth": "1",
        }
        return TemplateResponse(request, "desk/order.html", context)

    def cancel_view(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Ask for the cancel, through the service that the API uses."""

        def act(actor: str) -> str:
            asked = cancel_order(order_id, actor=actor, at=timezone.now())
            if asked.state == RequestState.ACCEPTED:
                return "Canceled. The order had not left us."
            return "Cancel asked. Until the broker answers, the order can still fill."

        return self._act(request, order_id, CANCEL, act)

    def send_again_view(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Send a held order that never reached the broker."""

        def act(actor: str) -> str:
            send_held_again(order_id, actor=actor, at=timezone.now())
            return "It is sent again."

        return self._act(request, order_id, RESOLVE, act)

    def give_up_view(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Give a held order up."""

        def act(actor: str) -> str:
            give_held_up(order_id, actor=actor, at=timezone.now())
            return "Given up: it is FAILED and nobody will send it any more."

        return self._act(request, order_id, RESOLVE, act)

    def _act(
        self, request: HttpRequest, order_id: UUID, permission: str, act: Callable[[str], str]
    ) -> HttpResponse:
        """Let a person who may do it, say what came of it, and go back to the order's page."""
        if not (self.has_view_permission(request) and request.user.has_perm(permission)):
            raise PermissionDenied
        try:
            words = act(f"desk:{request.user.get_username()}")
        except Order.DoesNotExist:
            raise Http404 from None
        except OrderError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, Order.objects.get(pk=order_id), words)
            messages.warning(request, words)
        page = reverse("admin:orders_order_change", args=[order_id])
        return HttpResponseRedirect(page, status=303)

    @admin.display(description="state", ordering="state")
    def state_now(self, order: Order) -> SafeString:
        """State, reason and open requests."""
        return order_mark(order, order.requests.all())

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, order: Order) -> SafeString:
        """When anything last happened to it (UTC)."""
        return moment(order.updated_at)

    @admin.display(description="side", ordering="side")
    def shown_side(self, order: Order) -> SafeString:
        """Buy or sell."""
        return side_mark(order.side)

    @admin.display(description="qty")
    def qty(self, order: Order) -> SafeString:
        """What was ordered."""
        return number(order.order_qty)

    @admin.display(description="filled")
    def filled(self, order: Order) -> SafeString:
        """What is executed."""
        return filled_bar(order)

    @admin.display(description="leaves")
    def leaves(self, order: Order) -> SafeString:
        """What may still execute."""
        return number(order.leaves_qty)

    @admin.display(description="limit")
    def limit(self, order: Order) -> SafeString:
        """The limit price."""
        return number(order.price)

    @admin.display(description="stop")
    def stop(self, order: Order) -> SafeString:
        """The trigger price."""
        return number(order.stop_px)

    @admin.display(description="avg px")
    def average(self, order: Order) -> SafeString:
        """The average price of what is executed."""
        return number(order.avg_px if order.cum_qty else None)

    @admin.display(description="type")
    def terms(self, order: Order) -> SafeString:
        """Order type and time in force."""
        return format_html("{} {}", order.ord_type, order.time_in_force)
