"""What a market looks like: views for people, and the figures that are stored for the checks of orders."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

#: Rows of each side of an order book that are asked for.
DEPTH_ROWS = 10


#: What is stored of a market, by these names, for the checks of orders.
FIGURES = ("last_px", "bid_px", "ask_px", "close_px", "average_volume", "shortable_shares", "halted")


class MarketDataType(StrEnum):
    """How fresh the broker's prices are by its own word."""

    LIVE = "LIVE"
    FROZEN = "FROZEN"  # the last ones before the market closed
    DELAYED = "DELAYED"  # by a quarter of an hour or more
    DELAYED_FROZEN = "DELAYED_FROZEN"


class LiveQuote(Protocol):
    """A quote as the adapter keeps it while ticks change it: read it at once, it goes on changing."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last_size: Decimal | None
    feed: MarketDataType | None
    at: datetime | None


class Level(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of an order book; `venue` when the broker tells whose it is."""

    price: Decimal
    size: Decimal
    venue: str = ""


class MarketView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Quote and order book of one contract as last told; None and empty mean not told.

    `problem` and `depth_problem` are the broker's own words when it does not give a quote or a book.
    """

    con_id: int
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    close: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last_size: Decimal | None = None
    feed: MarketDataType | None = None
    at: datetime | None = None
    problem: str = ""
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    depth_at: datetime | None = None
    depth_problem: str = ""


class ProfitReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Profit and loss as the broker reckons it, in its words' currency; None where it does not say.

    Of the whole account when `con_id` is 0, else of its position in one contract, with that one's value.
    """

    account: str
    con_id: int = 0
    daily: Decimal | None = None
    unrealized: Decimal | None = None
    realized: Decimal | None = None
    value: Decimal | None = None
