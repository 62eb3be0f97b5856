"""Why an order was executed at its price: from the mid when it came to the mid when it was sent to its fills.

Each hop is a price, when that was, and by how much the price got worse on the way to it (better is negative),
per unit. What is not known is not guessed: without a live quote a hop has no price, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from brokers.formats import decimal_text
from orders.models import FillCost, Order, OrderCost
from orders.reports.cost.costs import ZERO, sign_of

STEP = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class PriceHop:
    """A price on the way; `worse` against the hop before, None where either is not known."""

    name: str
    at: datetime | None
    px: Decimal | None
    worse: Decimal | None
    cost: Decimal | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """The hops, and the whole in one sentence."""

    sentence: str
    hops: list[PriceHop]
    cost: OrderCost


def story_of(order: Order) -> Story | None:
    """What became of the price; None while the cost is not computed (some seconds after the fill)."""
    cost = OrderCost.objects.filter(order=order).first()
    if cost is None:
        return None
    fills = list(FillCost.objects.filter(order=order).order_by("pk"))
    hops = [_received(order, cost), _sent(order, cost), *_filled(order, cost, fills), *_left(order, cost)]
    return Story(sentence=sentence(order, cost, hops), hops=hops, cost=cost)


def _received(order: Order, cost: OrderCost) -> PriceHop:
    at = order.parent.received_at if order.parent else order.received_at
    why = "its parent was decided" if order.parent else "the request came"
    return PriceHop(name="arrival", at=at, px=cost.decision_px, worse=None, cost=None, why=why)


def _sent(order: Order, cost: OrderCost) -> PriceHop:
    moved = _worse(order, cost.decision_px, cost.arrival_px)
    why = f"the market moved {_signed(moved)} until it was sent" if moved is not None else "no quote then"
    return PriceHop(name="sent", at=order.sent_at, px=cost.arrival_px, worse=moved, cost=cost.delay, why=why)


def _filled(order: Order, cost: OrderCost, fills: Sequence[FillCost]) -> list[PriceHop]:
    if not cost.filled_qty:
        return []
    moved = _worse(order, cost.arrival_px, cost.avg_px)
    why = "no quote when it was sent"
    if moved is not None:
        why = f"{_signed(moved)} was paid against the mid then"
        spread = _spread(order, fills)
        if spread is not None:
            drift = moved - spread
            why += f": {_signed(spread)} of the spread, {_signed(drift)} the market moved meanwhile"
    return [
        PriceHop(
            name="filled", at=order.last_fill_at, px=cost.avg_px, worse=moved, cost=cost.trading, why=why
        )
    ]


def _left(order: Order, cost: OrderCost) -> list[PriceHop]:
    """What was not executed, at the end of an order that is over."""
    left = cost.order_qty - cost.filled_qty
    if left <= 0 or cost.ended is None:
        return []
    moved = _worse(order, cost.decision_px, cost.end_px)
    why = f"{decimal_text(left)} were not executed; the market moved {_signed(moved)} since arrival"
    return [PriceHop(name="ended", at=None, px=cost.end_px, worse=moved, cost=cost.opportunity, why=why)]


def _spread(order: Order, fills: Sequence[FillCost]) -> Decimal | None:
    """What was paid beyond the mid at each execution, per unit; None where one had no live quote."""
    worse = ZERO
    for fill in fills:
        mid = (fill.quote or {}).get("mid")
        if mid is None or fill.effective is None:
            return None
        worse += sign_of(order.side) * (fill.px - Decimal(mid)) * fill.qty
    qty = sum((fill.qty for fill in fills), ZERO)
    return worse / qty if qty else None


def _worse(order: Order, before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else sign_of(order.side) * (after - before)


def _signed(moved: Decimal | None) -> str:
    if moved is None:
        return "by nobody knows how much"
    text = decimal_text(moved.quantize(STEP))
    return text if moved < 0 else f"+{text}"


def sentence(order: Order, cost: OrderCost, hops: Sequence[PriceHop]) -> str:
    """The whole: "100 became 101 because ..."; what is not known is said to be so."""
    if not cost.filled_qty:
        return "Nothing was executed, so no price became another."
    if cost.decision_px is None or cost.avg_px is None:
        return "There was no live quote when it came, so nobody can say what its price became."
    first, last = (decimal_text(px.quantize(STEP)) for px in (cost.decision_px, cost.avg_px))
    reasons = [hop.why for hop in hops if hop.name in ("sent", "filled") and hop.worse]
    if not reasons:
        return f"{first} stayed {last}."
    verb = f"{first} became {last}" if first != last else f"{first} stayed {last} all in all"
    left = "".join(f" {hop.why}." for hop in hops if hop.name == "ended")
    return f"{verb} because {', and '.join(reasons)} (+ is worse for a {order.side.lower()}).{left}"
