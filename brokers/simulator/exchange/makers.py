"""Seeded market makers: they quote several levels on both sides, refill them, and move the price.

The walk is pulled back to an anchor and never leaves its neighbourhood, so that an order placed a percent
away rests for as long as nobody moves the anchor. The same seed and the same calls give the same day.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from brokers.simulator.exchange.book import BookOrder, Side
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.options import implied_volatility, option_price
from brokers.simulator.exchange.orders import MarketEvent

#: How likely the price moves one tick in a step, and how far from its anchor it may get, in ticks.
MOVE_PROBABILITY = 0.15
FURTHEST_TICKS = 12


class OptionModel:
    """What an option is worth at its underlying's last price, at the volatility of its opening price.

    `years` says how long it has to go. An option without a volatility is worth what it is worth at expiry.
    """

    def __init__(self, option: Instrument, underlying: Market, years: Callable[[], float]) -> None:
        self._option = option
        self._underlying = underlying
        self._years = years
        self._strike = float(option.strike)
        opening = float(option.price), float(underlying.instrument.price)
        self._volatility = implied_volatility(option.right, *opening, self._strike, years()) or 0.0

    def worth(self) -> Decimal:
        """Return the option's worth now, at least a tick and on one."""
        last = float(self._underlying.day.last)
        price = option_price(self._option.right, last, self._strike, self._years(), self._volatility)
        return self._option.round_to_tick(Decimal(repr(price)))


class MarketMaker:
    """The makers of one instrument, as one."""

    def __init__(
        self,
        instrument: Instrument,
        seed: int,
        next_id: Callable[[], int],
        model: OptionModel | None = None,
    ) -> None:
        self._instrument = instrument
        self._random = Random(f"{seed}/{instrument.con_id}")  # noqa: S311 - a day that can be repeated is the point
        self._next_id = next_id
        self._anchor = self._fair = instrument.round_to_tick(instrument.price)
        self._model = model
        self._worth = model.worth() if model else self._fair
        self._anchor = self._fair = self._worth
        self._quotes: list[BookOrder] = []
        self._sizes: list[Decimal] = []

    def open(self, market: Market) -> list[MarketEvent]:
        """Put the first quotes into the book."""
        return self._requote(market) + market.settle()

    def step(self, market: Market) -> list[MarketEvent]:
        """Move the price or refill what was traded away; options first follow their underlying."""
        if self._model is not None and self._follows(self._model):
            return self._trade_at(market, self._fair)
        if self._random.random() >= MOVE_PROBABILITY:
            return self._refill(market)
        tick = self._instrument.increment(self._fair)
        distance = int((self._fair - self._anchor) / tick)
        # The further away, the likelier the way back; at the edge it is certain.
        up = self._random.random() < 0.5 - distance / (2 * FURTHEST_TICKS)
        self._fair = max(self._instrument.next_tick(self._fair, up=up), tick)
        return self._trade_at(market, self._fair)

    def move_to(self, market: Market, price: Decimal) -> list[MarketEvent]:
        """Make `price` the new anchor and quote around it at once."""
        self._anchor = self._fair = self._instrument.round_to_tick(price)
        return self._trade_at(market, self._fair)

    def _follows(self, model: OptionModel) -> bool:
        """Move with the model; False if it has not moved. What else happened to the price stays."""
        before, self._worth = self._worth, model.worth()
        if self._worth == before:
            return False
        self._anchor = self._instrument.round_to_tick(self._anchor + self._worth - before)
        self._fair = self._instrument.round_to_tick(self._fair + self._worth - before)
        return True

    def _trade_at(self, market: Market, price: Decimal) -> list[MarketEvent]:
        """Quote around `price` first, so that no better order of a client is passed; then report a trade."""
        events = self._requote(market)
        size = self._instrument.lot * self._random.randint(1, 100)
        return events + market.print_trade(price, size)

    def _requote(self, market: Market) -> list[MarketEvent]:
        for quote in self._quotes:
            market.book.remove(quote)
        events: list[MarketEvent] = []
        self._quotes, self._sizes = [], []
        prices = dict.fromkeys(Side, self._fair)
        for level in range(1, self._instrument.quote_levels + 1):
            for side in Side:
                price = prices[side] = self._instrument.next_tick(prices[side], up=side is Side.SELL)
                if price > 0:
                    self._quote(market, side, price, self._size(level), events)
        return events

    def _quote(
        self, market: Market, side: Side, price: Decimal, size: Decimal, events: list[MarketEvent]
    ) -> None:
        quote = BookOrder(self._next_id(), side, size, price, is_maker=True)
        self._quotes.append(quote)
        self._sizes.append(size)
        events += market.quote(quote)

    def _refill(self, market: Market) -> list[MarketEvent]:
        events: list[MarketEvent] = []
        for index, (quote, size) in enumerate(zip(self._quotes, self._sizes, strict=True)):
            if quote.remaining == size:
                continue
            market.book.remove(quote)
            fresh = BookOrder(self._next_id(), quote.side, size, quote.price, is_maker=True)
            self._quotes[index] = fresh
            events += market.quote(fresh)
        return events + market.settle()

    def _size(self, level: int) -> Decimal:
        """Deeper levels are larger; a fifth more or less, in whole lots."""
        lots = self._instrument.quote_size / self._instrument.lot * (level + 1) / 2
        return max(int(float(lots) * self._random.uniform(0.8, 1.2)), 1) * self._instrument.lot
