"""Replace of many orders: other prices and quantities by rule or by hand, each shown old -> new first.

Every order is tried by the very way on which it would be replaced, in a transaction that is taken back. What
was typed stays on the page whatever is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from brokers.display import number_text, price_text
from brokers.fix import Side
from brokers.formats import decimal_text
from orders.access import accounts_of_person
from orders.admin.orders.blotter.blotter import as_id
from orders.admin.orders.bulk.bulk_cancel import TYPED_ABOVE, living
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.jobs import start_replaces
from orders.entry.reading.fields import Wrong, decimal
from orders.entry.reading.numbers import UnclearNumber, typed_number
from orders.entry.replace import Change, replace_order
from orders.errors import OrderError, TicketInvalid
from orders.models import Order, RequestState
from orders.risk.form.contract import tick_at

RIGHT = "orders.replace_order"
MOST = 200  # orders of one press: each is tried before
RULES = {
    "price_by": {"": "stays", "ticks": "by ticks", "percent": "by percent", "to": "to"},
    "qty_by": {"": "stays", "percent": "by percent", "add": "by", "to": "to"},
}


@dataclass
class Row:
    """One order: what is wanted of it, as typed, and what is wrong with that."""

    order: Order
    price: str = ""
    qty: str = ""
    left_out: bool = False
    problem: str = ""
    version: int = 0
    wanted: dict[str, str] = field(default_factory=dict)

    @property
    def price_field(self) -> str:
        """Which price of it is changed: the limit, of an order without one the stop; none at the market."""
        named = [name for name in ("price", "stop_px") if getattr(self.order, name) is not None]
        return named[0] if named else ""

    @property
    def old_px(self) -> Decimal | None:
        """That price now."""
        return getattr(self.order, self.price_field) if self.price_field else None

    @property
    def old_price_text(self) -> str:
        """The same, as it is shown."""
        return price_text(self.old_px, self.order.instrument)

    @property
    def old_qty_text(self) -> str:
        """The quantity now, as it is shown."""
        return number_text(self.order.order_qty)


def number_of(name: str, text: str) -> Decimal:
    """A number as it is typed at the desk; raises ValueError with words."""
    try:
        return Decimal(decimal(typed_number(name, text.strip())))
    except (UnclearNumber, Wrong) as error:
        raise ValueError(str(error)) from None


def new_price(row: Row, by: str, amount: Decimal) -> Decimal | None:
    """The order's price by the rule; a percent ends on the next tick away from the market."""
    px, rules = row.old_px, row.order.instrument
    if px is None or not by:
        return px
    tick = tick_at(rules, px)
    if by == "to":
        return amount
    if by == "ticks":
        return px + amount * tick if tick else px
    moved = px * (1 + amount / 100)
    if not (tick := tick_at(rules, moved)):
        return moved
    away = ROUND_FLOOR if row.order.side == Side.BUY else ROUND_CEILING
    return (moved / tick).to_integral_value(rounding=away) * tick


def new_qty(row: Row, by: str, amount: Decimal) -> Decimal:
    """The order's quantity by the rule, by percent in whole steps of its instrument."""
    qty, step = row.order.order_qty, row.order.instrument.size_increment
    if by == "to":
        return amount
    if by == "add":
        return qty + amount
    moved = qty * (1 + amount / 100)
    return moved // step * step if by == "percent" and step else moved if by else qty


def apply_rules(rows: Sequence[Row], posted: Mapping[str, Any]) -> str:
    """Fill in the new terms by the rules; what is wrong with the rules themselves, else empty."""
    try:
        price_by, qty_by = (posted.get(name, "") for name in RULES)
        price = number_of("price", posted.get("price_amount", "")) if price_by else Decimal(0)
        qty = number_of("order_qty", posted.get("qty_amount", "")) if qty_by else Decimal(0)
    except ValueError as error:
        return f"{error} Nothing was changed."
    if price_by == "ticks" and price != int(price):
        return f"{decimal_text(price)} is no whole number of ticks. Nothing was changed."
    for row in rows:
        wanted = new_price(row, price_by, price)
        row.price = "" if wanted is None else decimal_text(wanted)
        row.qty = decimal_text(new_qty(row, qty_by, qty))
    return ""


def read_rows(orders: Sequence[Order], posted: Mapping[str, Any]) -> list[Row]:
    """The orders with what was typed for each; before anything was, with their terms as they are."""
    rows = []
    for order in orders:
        row = Row(order=order, version=order.version)
        row.price = posted.get(f"price_{order.pk}", "" if row.old_px is None else decimal_text(row.old_px))
        row.qty = posted.get(f"qty_{order.pk}", decimal_text(order.order_qty))
        row.left_out = f"leave_{order.pk}" in posted
        rows.append(row)
    return rows


def try_out(row: Row, actor: str, version: int) -> None:
    """Try the replace and take it back: `wanted` is what would be asked, `problem` why not."""
    try:
        terms = {"order_qty": number_of("order_qty", row.qty)}
        if row.price_field:
            terms[row.price_field] = number_of(row.price_field, row.price)
    except ValueError as error:
        row.problem = str(error)
        return
    row.wanted = {name: decimal_text(value) for name, value in terms.items()}
    change = Change(
        cl_ord_id=f"preview-{uuid4()}",
        order_qty=terms["order_qty"],
        price=terms.get("price"),
        stop_px=terms.get("stop_px"),
    )
    try:
        with transaction.atomic():
            asked = replace_order(row.order.pk, change, actor=actor, at=timezone.now(), version=version)
            transaction.set_rollback(True)
    except TicketInvalid as error:
        row.problem = " ".join(error.texts)
    except OrderError as error:
        row.problem = str(error)
    else:
        if asked.request.state == RequestState.REFUSED:
            row.problem = f"Refused by the checks: {asked.request.reason_text}"


def chosen(request: HttpRequest, ids: Sequence[UUID]) -> list[Order]:
    """Those of the person's accounts, the newest first."""
    mine = Order.objects.filter(pk__in=ids, account__in=accounts_of_person(request.user))
    return list(mine.select_related("instrument").order_by("-id"))


def preview(request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse:
    """The page as it is first seen; nothing is asked yet."""
    total = orders.count()
    ids = list(living(orders).order_by("-id").values_list("pk", flat=True)[:MOST])
    rows = read_rows(chosen(request, ids), {})
    return page(request, rows, {}, over=total - len(ids))


def page(
    request: HttpRequest, rows: Sequence[Row], posted: Mapping[str, Any], problem: str = "", over: int = 0
) -> HttpResponse:
    """Everything that was typed, and what is wrong with it."""
    going = [row for row in rows if not row.left_out]
    context = {
        "rows": rows,
        "ids": ",".join(str(row.order.pk) for row in rows),
        "key": posted.get("key") or uuid4(),
        "rules": {name: {"choices": choices, "now": posted.get(name, "")} for name, choices in RULES.items()},
        "posted": posted,
        "count": len(going),
        "wrong": [row for row in going if row.problem],
        "typed": len(going) > TYPED_ABOVE,
        "problem": problem,
        "over": over,
        "most": MOST,
        "checked": any(row.wanted for row in going),
    }
    answer = show(request, "desk/bulk_replace.html", "Replace orders", **context)
    answer.status_code = 400 if problem or context["wrong"] else 200
    return answer


@desk_page("orders.view_order", RIGHT)
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Fill in by the rules, check, or send: what is sent is what was shown, once per key."""
    posted, user = request.POST, person_of(request)
    ids = [found for text in posted.get("ids", "").split(",")[:MOST] if (found := as_id(text))]
    rows = read_rows(chosen(request, ids), posted)
    sends = posted.get("do") == "send"
    problem = apply_rules(rows, posted) if posted.get("do") == "fill" else ""
    going = [row for row in rows if not row.left_out]
    for row in going if not problem else ():
        seen = posted.get(f"version_{row.order.pk}", "")
        version = int(seen) if sends and seen.isdigit() else row.version
        try_out(row, f"desk:{user.get_username()}", version)
    if not sends or problem or any(row.problem for row in going):
        return page(request, rows, posted, problem)
    key, problem = as_id(posted.get("key", "")), problem_of(posted, len(going))
    if key is None or problem:
        return page(request, rows, posted, problem or "This page is too old; nothing was sent.")
    wanted = [(row.order, {**row.wanted, "version": posted[f"version_{row.order.pk}"]}) for row in going]
    job = start_replaces(key, wanted, user=user, reason=posted["reason"].strip()[:500])
    messages.warning(request, f"{len(going)} replaces are on their way. Until answered, the old terms work.")
    return HttpResponseRedirect(reverse("desk:job", args=[job.id]), status=303)


def problem_of(posted: Mapping[str, Any], count: int) -> str:
    """Why it is not started; empty when it is."""
    if not count:
        return "Nothing was chosen, so nothing was replaced."
    if not posted.get("reason", "").strip():
        return "Please give a reason; nothing was replaced yet."
    if count > TYPED_ABOVE and posted.get("typed", "").strip() != str(count):
        return f"Type {count}, the number of orders; nothing was replaced yet."
    return ""
