"""Positions: ours beside the broker's. The difference is the column that matters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import FieldTextFilter

from brokers.desk import DeskList, moment, number
from brokers.display import figure
from brokers.models import GatewaySession, Instrument, Position, Profit
from orders.access import accounts_of_person
from orders.admin.accounts.profits import ProfitColumns, add_profits, chart_context
from orders.admin.people.acts import who
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.mixins import OwnAccountFilter, OwnAccounts
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.halts.close import close_position, reverse_position
from orders.entry.place import Placed
from orders.errors import OrderError
from orders.models import Break, BreakKind, ReconciliationKind, ReconciliationRun, Source
from orders.reconciliation.positions import executed_quantities

PLACE = "orders.place_order"


class PositionList(DeskList):
    """Adds to each row what our own executions say, by the rule of reconciliation."""

    def get_results(self, request: HttpRequest) -> None:
        """One look at the executions per session, however many rows there are."""
        super().get_results(request)
        add_expected(list(self.result_list))
        add_profits(list(self.result_list))


def add_expected(positions: list[Position]) -> None:
    """Set on each position `expected_qty`, what was there before us plus our executions, and its break."""
    keys = [Break.position_key(position.account_id, position.con_id) for position in positions]
    found = Break.objects.filter(kind=BreakKind.POSITION, closed_at=None, key__in=keys)
    breaks = dict(found.order_by("pk").values_list("key", "pk"))
    ours: dict[tuple[str, int], Decimal] = {}
    for name in GatewaySession.objects.values_list("name", flat=True):
        ours |= executed_quantities(name)
    for position in positions:
        executed = ours.get((position.account_id, position.con_id), Decimal(0))
        position.expected_qty = position.baseline_qty + executed  # type: ignore[attr-defined]
        position.break_id = breaks.get(Break.position_key(position.account_id, position.con_id))  # type: ignore[attr-defined]


@admin.register(Position)
class PositionAdmin(ProfitColumns, DetailPage, OwnAccounts):  # type: ignore[misc]
    """Positions as the broker reports them, against our own books."""

    list_display = (
        *("account", "contract", "ours", "broker", "difference", "cost"),
        *("value", "daily", "unrealized", "realized", "reported"),
    )
    list_before_template = "desk/compared.html"  # type: ignore[assignment]
    list_filter = (("account", OwnAccountFilter), ("symbol", FieldTextFilter))
    list_select_related = ("account",)
    search_fields = ("symbol",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PositionList]:  # type: ignore[override]
        """The list that knows our side."""
        return PositionList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Position | None:
        """With our side."""
        position: Position | None = super().get_object(request, object_id, from_field)
        if position is not None:
            add_expected([position])
            add_profits([position])
        return position

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """The list, with when positions were last compared."""
        mine = GatewaySession.objects.filter(accounts__in=accounts_of_person(request.user)).distinct()
        runs = ReconciliationRun.objects.filter(kind=ReconciliationKind.POSITIONS)
        newest = [runs.filter(session=session).first() for session in mine]
        context: Any = {**(extra_context or {}), "compared": [run for run in newest if run]}
        return super().changelist_view(request, context)

    def row_view(self, request: HttpRequest, row: Position) -> HttpResponse:
        """One position: both sides, what it made, how that came."""
        runs = ReconciliationRun.objects.filter(session=row.account.session_id)
        return show(
            request,
            "desk/position.html",
            f"{row.symbol} in {row.account_id}",
            opts=self.opts,
            position=row,
            difference=self.difference(row),
            instrument=Instrument.objects.filter(con_id=row.con_id).first(),
            breaks=Break.objects.filter(pk=row.break_id),  # type: ignore[attr-defined]
            runs=runs.filter(kind=ReconciliationKind.POSITIONS)[:1],
            may_close=bool(row.position_qty) and request.user.has_perm(PLACE),
            key=uuid4().hex,  # the same form sent twice is one order
            **chart_context(request, row.account_id, row.con_id),
        )

    @admin.display(description="instrument", ordering="symbol")
    def contract(self, position: Position) -> str:
        """What is held."""
        return f"{position.symbol} {position.sec_type} {position.currency}"

    @admin.display(description="ours")
    def ours(self, position: Position) -> SafeString:
        """What was there at the baseline plus our executions since."""
        return number(position.expected_qty)  # type: ignore[attr-defined]

    @admin.display(description="broker", ordering="position_qty")
    def broker(self, position: Position) -> SafeString:
        """What the broker reports."""
        return number(position.position_qty)

    @admin.display(description="difference")
    def difference(self, position: Position) -> SafeString:
        """What the broker has more; a break once a comparison made one: a fill may be on its way."""
        gap = position.position_qty - position.expected_qty  # type: ignore[attr-defined]
        if not gap:
            return number(gap)
        sign, break_id = "+" if gap > 0 else "", position.break_id  # type: ignore[attr-defined]
        if break_id is None:
            return format_html("differs {}{}", sign, number(gap))
        url = reverse("admin:orders_break_change", args=[break_id])
        return format_html('<a class="state bad" href="{}">break {}{}</a>', url, sign, number(gap))

    @admin.display(description="value")
    def value(self, position: Position) -> SafeString:
        """What the position is worth as the broker reckons it."""
        return figure(self.profit_of(position), "value")

    def profit_of(self, row: Position) -> Profit | None:
        """What `add_profits` found for it."""
        profit: Profit | None = row.profit  # type: ignore[attr-defined]
        return profit

    @admin.display(description="avg cost")
    def cost(self, position: Position) -> SafeString:
        """Average cost as the broker reports it."""
        return number(position.avg_cost, 4)

    @admin.display(description="as of", ordering="reported_at")
    def reported(self, position: Position) -> SafeString:
        """When the broker reported it."""
        return moment(position.reported_at)


@desk_page("orders.view_order", PLACE)
@require_POST
def close(request: HttpRequest, account: str, con_id: int) -> HttpResponse:
    """Close a position."""
    return _order(request, close_position, account, con_id)


@desk_page("orders.view_order", PLACE)
@require_POST
def turn_over(request: HttpRequest, account: str, con_id: int) -> HttpResponse:
    """Reverse a position."""
    return _order(request, reverse_position, account, con_id)


def _order(request: HttpRequest, act: Callable[..., Placed], account: str, con_id: int) -> HttpResponse:
    """Place what the act makes of the position; its order's page, or the position's with what is wrong."""
    person, reason = person_of(request), request.POST.get("reason", "").strip()[:500]
    row = Position.objects.filter(account=account, con_id=con_id).first()
    if row is None or account not in accounts_of_person(person):
        raise Http404
    here = reverse("admin:brokers_position_change", args=[row.pk])
    if not reason:
        messages.error(request, "Please give a reason; nothing was ordered.")
        return HttpResponseRedirect(here, status=303)
    said = {"source": Source.DESK, "by": who(request, reason=reason), "key": request.POST.get("key", "")[:64]}
    try:
        order = act(account, con_id, client=person, **said).order
    except OrderError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(here, status=303)
    return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]), status=303)
