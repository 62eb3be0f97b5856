"""The columns of the blotter: what each shows, what it sorts by, and which of them a person has chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from brokers.display import NOTHING, moment, number_text, price_text
from orders.admin.orders.blotter import figures
from orders.admin.shared.badges import order_badge, side_badge
from orders.admin.shared.links import order_link
from orders.models import DeskSettings, Order
from orders.templatetags.desk import age

SHORT_TYPES = {"LIMIT": "LMT", "MARKET": "MKT", "STOP": "STP", "STOP_LIMIT": "STP LMT"}
Sort = Any  # a field's path, or an expression


#: The row's heading for who listens: it can be moved, but not be left out.
ALWAYS = "order"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `show` gives the cell of an order, `sort` what it is sorted by."""

    name: str
    heading: str
    show: Callable[[Order], str]
    sort: Sort
    is_number: bool = False
    is_chosen: bool = False  # while a person has chosen nothing
    is_price: bool = False  # of the market: renewed without anything happening to the order
    hint: str = ""

    @cached_property
    def opening(self) -> SafeString:
        """The tag that opens its cells; the order's own is the heading of its row."""
        kind = " class=num" if self.is_number else ""
        tag = '<th scope="row"' if self.name == ALWAYS else "<td"
        return mark_safe(f"{tag} data-c={self.name}{kind}>")  # noqa: S308 - our own names


def type_text(ord_type: str) -> str:
    """The order type in the three letters that every desk reads."""
    return SHORT_TYPES.get(ord_type, ord_type.replace("_", " "))


def quantity(value: Decimal | None) -> str:
    """A quantity, or that there is none."""
    return NOTHING if value is None else number_text(value)


def state_cell(order: Order) -> SafeString:
    """The state and what is asked; the reason has a column of its own and stands in the title."""
    mark = order_badge(
        order, order.requests.all(), reviewed=bool(getattr(order, "reviewed", False)), why=False
    )
    return (
        format_html('<span title="{}: {}">{}</span>', order.reason_code, order.reason_text, mark)
        if (order.reason_code)
        else mark
    )


def filled_cell(order: Order) -> SafeString:
    """What is executed, with a bar for its share."""
    share = int(min(order.cum_qty / order.order_qty, Decimal(1)) * 100)
    bar = '<span class="filled">{} <progress aria-hidden="true" max="100" value="{}"></progress></span>'
    return format_html(bar, number_text(order.cum_qty), share)


def instrument_cell(order: Order) -> SafeString:
    """The symbol, and where it is traded."""
    place = order.instrument
    text = '<b>{}</b> <span class="soft">{} {}</span>'
    return format_html(text, place.symbol, place.exchange, place.currency)


def limit_cell(order: Order) -> str:
    """The limit and the stop price, or the type when it has neither."""
    prices = [price_text(px, order.instrument) for px in (order.price, order.stop_px) if px is not None]
    return " / ".join(prices) or type_text(order.ord_type)


def market_cell(name: str) -> Callable[[Order], str]:
    """The market's price, with the time at which it was told."""

    def show(order: Order) -> str:
        px, at = getattr(order.instrument, f"{name}_px"), getattr(order.instrument, f"{name}_px_at")
        if px is None or at is None:
            return NOTHING
        return format_html(
            '<span title="{} UTC">{}</span>', f"{at:%H:%M:%S}", price_text(px, order.instrument)
        )

    return show


def distance_cell(order: Order) -> str:
    """How far the market is away, in percent of the order's own price."""
    away, percent = getattr(order, "distance", None), getattr(order, "distance_percent", None)
    if away is None:
        return NOTHING
    shown = price_text(away, order.instrument)
    if percent is None:
        return shown
    return format_html('<span title="{} away">{} %</span>', shown, number_text(percent, 2))


def notional_cell(order: Order) -> str:
    """What it is worth, two decimals; the currency is the instrument's."""
    worth = getattr(order, "notional", None)
    return NOTHING if worth is None else number_text(worth, 2)


def latency_cell(order: Order) -> str:
    """Milliseconds from our sending to the broker's first answer."""
    if order.sent_at is None or order.acknowledged_at is None:
        return NOTHING
    return f"{(order.acknowledged_at - order.sent_at).total_seconds() * 1000:,.1f}"


def belongs_cell(order: Order) -> str:
    """The bracket, group or sliced order that it is part of."""
    if order.parent is not None:
        return order.parent.cl_ord_id
    return order.group.list_id if order.group is not None else NOTHING


COLUMNS: tuple[Column, ...] = (
    Column(name="state", heading="State", show=state_cell, sort="state", is_chosen=True),
    Column(
        name="updated",
        heading="Updated",
        show=lambda order: moment(order.updated_at),
        sort="updated_at",
        is_chosen=True,
    ),
    Column(name="age", heading="Age", show=lambda order: age(order.received_at), sort="received_at"),
    Column(
        name="side", heading="Side", show=lambda order: side_badge(order.side), sort="side", is_chosen=True
    ),
    Column(
        name="qty",
        heading="Qty",
        show=lambda order: number_text(order.order_qty),
        sort="order_qty",
        is_number=True,
        is_chosen=True,
    ),
    Column(
        name="instrument",
        heading="Instrument",
        show=instrument_cell,
        sort="instrument__symbol",
        is_chosen=True,
    ),
    Column(name="filled", heading="Filled", show=filled_cell, sort="cum_qty", is_number=True, is_chosen=True),
    Column(
        name="leaves",
        heading="Leaves",
        sort=figures.LEAVES,
        is_number=True,
        is_chosen=True,
        show=lambda order: number_text(order.leaves_qty) if order.is_alive else NOTHING,
    ),
    Column(
        name="limit",
        heading="Limit / stop",
        show=limit_cell,
        sort=Coalesce("price", "stop_px"),
        is_number=True,
        is_chosen=True,
    ),
    Column(
        name="last",
        heading="Last",
        show=market_cell("last"),
        sort=figures.LAST,
        is_number=True,
        is_price=True,
        is_chosen=True,
    ),
    Column(
        name="bid", heading="Bid", show=market_cell("bid"), sort=figures.BID, is_number=True, is_price=True
    ),
    Column(
        name="ask", heading="Ask", show=market_cell("ask"), sort=figures.ASK, is_number=True, is_price=True
    ),
    Column(
        name="distance",
        heading="Distance",
        show=distance_cell,
        sort=figures.DISTANCE_PERCENT,
        is_number=True,
        is_price=True,
        is_chosen=True,
        hint="How far the market must move before the order is reached",
    ),
    Column(
        name="average",
        heading="Avg px",
        sort="avg_px",
        is_number=True,
        is_chosen=True,
        show=lambda order: price_text(order.avg_px, order.instrument, 2) if order.cum_qty else NOTHING,
    ),
    Column(
        name="notional",
        heading="Notional",
        show=notional_cell,
        sort=figures.NOTIONAL,
        is_number=True,
        hint="Quantity at the order's own price, in the currency of its instrument",
    ),
    Column(
        name="type",
        heading="Type",
        sort="ord_type",
        is_chosen=True,
        show=lambda order: format_html(
            '{} <span class="soft">{}</span>', type_text(order.ord_type), order.time_in_force
        ),
    ),
    Column(
        name="account",
        heading="Account",
        show=lambda order: order.account_id or "group order",
        sort="account",
        is_chosen=True,
    ),
    Column(
        name="trader",
        heading="Trader",
        sort="client__username",
        is_chosen=True,
        show=lambda order: order.client.get_username() if order.client else "external",
    ),
    Column(
        name="strategy", heading="Strategy", show=lambda order: order.strategy or NOTHING, sort="strategy"
    ),
    Column(name="order", heading="Order", show=order_link, sort="cl_ord_id", is_chosen=True),
    Column(
        name="belongs",
        heading="Belongs to",
        show=belongs_cell,
        sort=Coalesce("parent__cl_ord_id", "group__list_id"),
    ),
    Column(
        name="reason", heading="Reason", show=lambda order: order.reason_code or NOTHING, sort="reason_code"
    ),
    Column(
        name="received", heading="Received", show=lambda order: moment(order.received_at), sort="received_at"
    ),
    Column(
        name="arrival",
        heading="Arrival px",
        sort="arrival_px",
        is_number=True,
        show=lambda order: price_text(order.arrival_px, order.instrument),
    ),
    Column(
        name="latency",
        heading="Ack ms",
        show=latency_cell,
        sort=F("acknowledged_at") - F("sent_at"),
        is_number=True,
        hint="Milliseconds from sending to the broker's first answer",
    ),
    Column(name="order_ref", heading="Order ref", show=lambda order: order.order_ref, sort="order_ref"),
    Column(
        name="perm_id",
        heading="Perm id",
        is_number=True,
        sort="perm_id",
        show=lambda order: str(order.perm_id) if order.perm_id else NOTHING,
    ),
)
BY_NAME: Mapping[str, Column] = {column.name: column for column in COLUMNS}


def chosen(user: User | AnonymousUser) -> list[Column]:
    """The columns that this person sees, in the order of their choice."""
    kept = DeskSettings.objects.filter(user__pk=user.pk or 0).values_list("columns", flat=True).first()
    return named(kept or [])


def named(names: Sequence[Any]) -> list[Column]:
    """These columns, each once and those that exist; the desk's own choice when none is left."""
    known = [BY_NAME[name] for name in dict.fromkeys(map(str, names)) if name in BY_NAME]
    if not known:
        return [column for column in COLUMNS if column.is_chosen]
    return known if BY_NAME[ALWAYS] in known else [*known, BY_NAME[ALWAYS]]


def ordering(wanted: str) -> list[Any]:
    """What `name` or `-name` sorts by, orders without a value last; the newest first for anything else."""
    column = BY_NAME.get(wanted.removeprefix("-"))
    if column is None:
        return ["-pk"]
    by = F(column.sort) if isinstance(column.sort, str) else column.sort
    return [by.desc(nulls_last=True) if wanted.startswith("-") else by.asc(nulls_last=True), "-pk"]
