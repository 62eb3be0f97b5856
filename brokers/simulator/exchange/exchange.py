"""The exchange: one market with its maker per instrument. No clock of its own: whoever owns it beats time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.makers import MarketMaker
from brokers.simulator.exchange.market import Market, MarketEvent, MarketOrder


class Exchange:
    """Markets by con_id. Makers' quotes have negative ids, clients' orders the positive ones they bring.

    A market opens when somebody first looks at it: most of the universe is never asked for.
    """

    def __init__(self, universe: Universe, seed: int) -> None:
        self.universe = universe
        self._seed = seed
        self._quote_ids = count(-1, -1)
        self._markets: dict[int, Market] = {}
        self._makers: dict[int, MarketMaker] = {}

    def market(self, con_id: int) -> Market:
        """Return the market of an instrument; raises KeyError if there is no such instrument."""
        return self._markets.get(con_id) or self._open(con_id)

    def _open(self, con_id: int) -> Market:
        instrument = self.universe[con_id]
        market = self._markets[con_id] = Market(instrument)
        maker = self._makers[con_id] = MarketMaker(instrument, self._seed, lambda: next(self._quote_ids))
        maker.open(market)
        return market

    def submit(self, con_id: int, order: MarketOrder) -> list[MarketEvent]:
        """Take a client's order in."""
        return self.market(con_id).submit(order)

    def replace(self, con_id: int, order: MarketOrder) -> list[MarketEvent]:
        """Put new terms in place of a client's order."""
        return self.market(con_id).replace(order)

    def cancel(self, con_id: int, order_id: int) -> bool:
        """Take a client's order out; False if the market no longer has it."""
        return self.market(con_id).cancel(order_id)

    def beat(self) -> Iterator[MarketEvent]:
        """Let every maker act once, and market orders without a counterpart try again."""
        for con_id, maker in list(self._makers.items()):
            market = self._markets[con_id]
            yield from maker.beat(market)
            yield from market.retry_waiting()

    def move(self, instrument: Instrument, price: Decimal) -> list[MarketEvent]:
        """Move a market to `price` (rounded to its tick)."""
        market = self.market(instrument.con_id)
        events = self._makers[instrument.con_id].move_to(market, price)
        return events + market.retry_waiting()
