"""Quotes and order books as IB's ticks and depth rows build them up; plain data, no connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from brokers.market import Level, MarketDataType

#: Tick types of IB, live and delayed.
PRICES = {1: "bid", 2: "ask", 4: "last", 9: "close", 66: "bid", 67: "ask", 68: "last", 75: "close"}
SIZES = {0: "bid_size", 3: "ask_size", 5: "last_size", 69: "bid_size", 70: "ask_size", 71: "last_size"}
#: Facts about the market that are stored beside its prices: average volume of 90 days, shares that can be
#: borrowed, and whether trading is halted (0 no, 1 and 2 yes, -1 not known).
MARKET_FACTS = {21: "average_volume", 89: "shortable_shares", 49: "halted"}
FEEDS = {
    1: MarketDataType.LIVE,
    2: MarketDataType.FROZEN,
    3: MarketDataType.DELAYED,
    4: MarketDataType.DELAYED_FROZEN,
}
INSERT, UPDATE, DELETE = 0, 1, 2
ASKS, BIDS = 0, 1
NO_PRICE = -1


@dataclass
class Quote:
    """The latest ticks of one contract."""

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

    def tick(self, tick_type: int, value: Decimal, at: datetime) -> bool:
        """Take a price or a size, and say whether it is one; a price of -1 means that there is none now."""
        if name := PRICES.get(tick_type):
            setattr(self, name, None if value == NO_PRICE else value)
        elif name := SIZES.get(tick_type):
            setattr(self, name, value)
        else:
            return False
        self.at, self.problem = at, ""
        return True


@dataclass
class Book:
    """One order book by position, best first, as the gateway's row changes make it."""

    rows: tuple[list[Level], list[Level]] = field(default_factory=lambda: ([], []))  # asks, bids
    at: datetime | None = None
    problem: str = ""

    def change(self, operation: int, side: int, position: int, level: Level, at: datetime) -> None:
        """Insert, update or delete a row; one that does not fit the rows we have is left out."""
        rows = self.rows[side]
        if operation == INSERT and position <= len(rows):
            rows.insert(position, level)
        elif operation == UPDATE and position < len(rows):
            rows[position] = level
        elif operation == UPDATE and position == len(rows):  # IB sends some first rows as updates
            rows.append(level)
        elif operation == DELETE and position < len(rows):
            del rows[position]
        self.at, self.problem = at, ""

    def clear(self) -> None:
        """The gateway begins anew (317), or nothing more will come."""
        for rows in self.rows:
            rows.clear()
