"""The sample orders: a mix that a desk might send in a morning. Pure: a seed and prices in, bodies out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

from brokers.fix import OrdType, SecType, Side, TimeInForce
from orders.models import State

Body = dict[str, Any]

#: With fewer, some kinds of order would be left out.
FEWEST = 60
#: Seconds. The pace of a slow machine is no reason for an order of the demo to be stale.
MAX_AGE = "300"
#: No account may buy that many.
FAR_TOO_MANY = 10_000_000
#: How far a market is moved to trigger stops, as a fraction of its price.
MOVE = Decimal("0.01")


class Outcome(StrEnum):
    """What a sample order is meant to come to."""

    FILLS = "fills"
    RESTS = "rests"
    CANCELED = "is canceled"
    MISSES = "finds nobody and ends"
    ENDS = "fills as far as it goes and ends"
    TRIGGERED = "is triggered and fills"
    REFUSED = "is refused by a limit"


#: The states that each outcome may be seen in, once nothing more is expected.
STATES: dict[Outcome, frozenset[State]] = {
    Outcome.FILLS: frozenset({State.COMPLETED}),
    Outcome.RESTS: frozenset({State.ACCEPTED, State.PENDING}),
    Outcome.CANCELED: frozenset({State.CANCELED}),
    Outcome.MISSES: frozenset({State.CANCELED, State.EXPIRED, State.REJECTED}),
    Outcome.ENDS: frozenset({State.COMPLETED, State.CANCELED, State.EXPIRED}),
    Outcome.TRIGGERED: frozenset({State.COMPLETED}),
    Outcome.REFUSED: frozenset({State.REJECTED}),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One kind of sample.

    `price` and `stop` are offsets from the last price, as fractions of it, in the direction of the
    order's side: +0.02 is above the market for a BUY and below it for a SELL. `lots` bounds the
    quantity in tens of shares.
    """

    weight: int
    ord_type: OrdType
    outcome: Outcome
    time_in_force: TimeInForce = TimeInForce.DAY
    price: Decimal | None = None
    stop: Decimal | None = None
    lots: tuple[int, int] = (1, 30)


ACROSS, AWAY, BEYOND = Decimal("0.02"), Decimal("-0.06"), Decimal("0.06")
NEAR_STOP = MOVE / 2
RECIPES = (
    Recipe(weight=70, ord_type=OrdType.MARKET, outcome=Outcome.FILLS),
    Recipe(weight=60, ord_type=OrdType.LIMIT, outcome=Outcome.FILLS, price=ACROSS),
    Recipe(weight=18, ord_type=OrdType.LIMIT, outcome=Outcome.RESTS, price=AWAY),
    Recipe(
        weight=8,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.RESTS,
        time_in_force=TimeInForce.GTC,
        price=AWAY,
    ),
    Recipe(weight=20, ord_type=OrdType.LIMIT, outcome=Outcome.CANCELED, price=AWAY),
    Recipe(
        weight=10,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.FILLS,
        time_in_force=TimeInForce.IOC,
        price=ACROSS,
    ),
    Recipe(  # for more than stands at a price or two
        weight=4,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.ENDS,
        time_in_force=TimeInForce.IOC,
        price=Decimal("0.0001"),
        lots=(250, 300),
    ),
    Recipe(
        weight=8,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.MISSES,
        time_in_force=TimeInForce.IOC,
        price=AWAY,
    ),
    Recipe(
        weight=8,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.FILLS,
        time_in_force=TimeInForce.FOK,
        price=ACROSS,
    ),
    Recipe(
        weight=6,
        ord_type=OrdType.LIMIT,
        outcome=Outcome.MISSES,
        time_in_force=TimeInForce.FOK,
        price=AWAY,
    ),
    Recipe(weight=6, ord_type=OrdType.STOP, outcome=Outcome.RESTS, stop=BEYOND),
    Recipe(
        weight=6,
        ord_type=OrdType.STOP_LIMIT,
        outcome=Outcome.RESTS,
        stop=BEYOND,
        price=BEYOND + ACROSS,
    ),
    Recipe(weight=6, ord_type=OrdType.STOP, outcome=Outcome.TRIGGERED, stop=NEAR_STOP),
    Recipe(
        weight=5,
        ord_type=OrdType.STOP_LIMIT,
        outcome=Outcome.TRIGGERED,
        stop=NEAR_STOP,
        price=MOVE + ACROSS,
    ),
    Recipe(
        weight=5,
        ord_type=OrdType.MARKET,
        outcome=Outcome.REFUSED,
        lots=(FAR_TOO_MANY // 10, FAR_TOO_MANY // 10),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What is known of an instrument before the first order. Prices per share."""

    symbol: str
    last_px: Decimal
    min_tick: Decimal

    def at(self, offset: Decimal) -> Decimal:
        """The price this far from the last one (a fraction of it), on the tick."""
        ticks = (self.last_px * (1 + offset) / self.min_tick).to_integral_value()
        return ticks * self.min_tick


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One order to be sent: its body for `POST /api/v1/orders` and what should become of it."""

    outcome: Outcome
    body: Body

    @property
    def cl_ord_id(self) -> str:
        """The id that we gave it."""
        return str(self.body["cl_ord_id"])

    def is_settled(self, state: str) -> bool:
        """Whether this is a state in which the order was meant to end up."""
        return state in STATES[self.outcome]


def sample_orders(
    count: int, quotes: Sequence[Quote], *, account: str, run: str, seed: int, can_move: bool
) -> list[Sample]:
    """`count` samples in a random but repeatable order; `run` makes their ids differ from other runs'.

    Without `can_move` (nobody can move the market) there are none that wait to be triggered.
    """
    random = Random(seed)  # noqa: S311 - a mix that can be repeated is the point
    recipes = [recipe for recipe in RECIPES if can_move or recipe.outcome != Outcome.TRIGGERED]
    shares = apportion([recipe.weight for recipe in recipes], count)
    drawn = [recipe for recipe, share in zip(recipes, shares, strict=True) for _ in range(share)]
    random.shuffle(drawn)
    directions = market_moves(quotes)
    return [
        _sample(recipe, random, random.choice(quotes), directions, f"demo-{run}-{number:04}", account)
        for number, recipe in enumerate(drawn, start=1)
    ]


def apportion(weights: Sequence[int], total: int) -> list[int]:
    """`total` shared out by weight, by the largest remainder."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def market_moves(quotes: Sequence[Quote]) -> Mapping[str, Side]:
    """Which stops each market will trigger: those to BUY where it will rise, to SELL where it will fall."""
    return {quote.symbol: Side.SELL if index % 2 else Side.BUY for index, quote in enumerate(quotes)}


def signed(offset: Decimal, side: Side) -> Decimal:
    """An offset in the direction of a side as one of the price."""
    return offset if side is Side.BUY else -offset


def _sample(
    recipe: Recipe, random: Random, quote: Quote, moves: Mapping[str, Side], cl_ord_id: str, account: str
) -> Sample:
    side = random.choice((Side.BUY, Side.SELL))
    if recipe.outcome is Outcome.TRIGGERED:
        side = moves[quote.symbol]
    body: Body = {
        "cl_ord_id": cl_ord_id,
        "account": account,
        "instrument": {
            "symbol": quote.symbol,
            "sec_type": SecType.STK.value,
            "exchange": "SMART",
            "currency": "USD",
        },
        "side": side.value,
        "order_qty": str(random.randint(*recipe.lots) * 10),
        "ord_type": recipe.ord_type.value,
        "time_in_force": recipe.time_in_force.value,
        "max_age": MAX_AGE,
    }
    for field, offset in (("price", recipe.price), ("stop_px", recipe.stop)):
        if offset is not None:
            body[field] = f"{quote.at(signed(offset, side)):f}"
    return Sample(outcome=recipe.outcome, body=body)
