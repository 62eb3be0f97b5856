"""The page of an instrument: its market, our side of it, and the broker's rules."""

from __future__ import annotations

from typing import Any

from django.db.models import DecimalField, F, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from brokers import admin as brokers_admin
from brokers.display import price_text
from brokers.market import DEPTH_ROWS
from brokers.models import Instrument, Position
from orders.access import Accounts, accounts_of_person
from orders.admin.accounts.broker_rows import replaces
from orders.admin.accounts.positions import add_expected
from orders.admin.market.live_market import market_context, trading_words
from orders.admin.shared.badges import state_badge
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.pages import show
from orders.models import ALIVE, Execution, Order
from orders.models.execution import WHOLES

SHOWN = 20


@replaces(Instrument)
class InstrumentAdmin(DetailPage, brokers_admin.InstrumentAdmin):  # type: ignore[misc]
    """Instruments, each with a page of its own."""

    def may_see(self, request: HttpRequest) -> bool:
        """Our side of it is orders."""
        return super().may_see(request) and request.user.has_perm("orders.view_order")

    def row_view(self, request: HttpRequest, row: Instrument) -> HttpResponse:
        """One instrument."""
        context = {
            **market_context(request, row, DEPTH_ROWS),
            **our_side(row, accounts_of_person(request.user)),
            "opts": self.opts,
            "trading": trading_words(row, timezone.now()),
            "tick": price_text(row.min_tick, row),
        }
        return show(request, "desk/instrument.html", str(row), **context)


def our_side(instrument: Instrument, accounts: Accounts) -> dict[str, Any]:
    """Working orders, today's executions and positions of the person's accounts."""
    orders = Order.objects.filter(state__in=ALIVE, account__in=accounts, instrument=instrument)
    positions = Position.objects.filter(con_id=instrument.con_id or 0, account__in=accounts)
    held = list(positions.select_related("account"))
    add_expected(held)
    return {
        "working": [
            {"order": order, "mark": state_badge(order.state), "price": price_text(order.price, instrument)}
            for order in orders.order_by("-id")[:SHOWN]
        ],
        "fills": fills_today(instrument, accounts),
        "positions": held,
    }


def fills_today(instrument: Instrument, accounts: Accounts) -> list[dict[str, Any]]:
    """Bought and sold since midnight UTC, with the average price of each."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Execution.objects.filter(
        account__in=accounts,
        con_id=instrument.con_id or 0,
        transact_time__gte=midnight,
        superseded=False,
    ).exclude(WHOLES)
    spent = Sum(F("last_qty") * F("last_px"), output_field=DecimalField())
    sums = rows.order_by().values("side").annotate(qty=Sum("last_qty"), spent=spent).order_by("side")
    return [
        {"side": row["side"], "qty": row["qty"], "vwap": price_text(row["spent"] / row["qty"], instrument, 2)}
        for row in sums
        if row["qty"]
    ]
