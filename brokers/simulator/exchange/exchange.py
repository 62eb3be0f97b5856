"""The exchange: one market with its maker per instrument. It has no clock: its owner calls `step`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.combos import ComboMarket, Leg
from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.makers import MarketMaker, OptionModel
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.oca import OcaGroups
from brokers.simulator.exchange.options import years_until
from brokers.simulator.exchange.orders import Auction, MarketEvent, MarketOrder, Phase


class Exchange:
    """Markets by con_id. Makers' quotes have negative ids, clients' orders the positive ones they bring.

    A market begins when it is first asked for. Without `hours` every one is open at any time.
    """

    def __init__(self, universe: Universe, seed: int, hours: TradingHours | None = None) -> None:
        self.universe = universe
        self.hours = hours
        self.now = datetime.min.replace(tzinfo=UTC)
        self.oca = OcaGroups(self.cancel, self._shrink)
        self._seed = seed
        self._quote_ids = count(-1, -1)
        self._markets: dict[int, Market] = {}
        self._makers: dict[int, MarketMaker] = {}
        self._combos: dict[int, ComboMarket] = {}

    def market(self, con_id: int) -> Market:
        """Return the market of an instrument (combinations have none)."""
        return self._markets.get(con_id) or self._open_market(self.universe.instruments[con_id])

    def last_price(self, con_id: int) -> Decimal:
        """Return the price of the last trade; of a combination, the net of its legs'."""
        found = self._where(con_id)
        return found.last if isinstance(found, ComboMarket) else found.day.last

    def has(self, con_id: int, order_id: int) -> bool:
        """Whether an order is in its market."""
        return order_id in self._where(con_id).orders

    def working(self, con_id: int, order_id: int) -> Decimal:
        """Return how much of an order is in its market."""
        order = self._where(con_id).orders.get(order_id)
        return order.book_order.remaining if order else Decimal(0)

    def next_opening(
        self, con_id: int, *, outside_rth: bool, at_night: bool = False, by_day: bool = True
    ) -> datetime | None:
        """Return when the market opens for an order that comes now; None if it need not wait."""
        if self.hours is None or con_id in self.universe.combos:
            return None
        market = self.market(con_id)
        if at_night and market.is_night:
            return None
        if not by_day:
            return self.hours.next_night(market.instrument, self.now)
        if market.phase is Phase.OPEN or (market.phase is Phase.EXTENDED and outside_rth):
            return None
        return self.hours.next_opening(market.instrument, self.now)

    def submit(self, con_id: int, order: MarketOrder) -> list[MarketEvent]:
        """Take a client's order in."""
        return self._finish(self._where(con_id).submit(order))

    def replace(self, con_id: int, order: MarketOrder) -> list[MarketEvent]:
        """Put new terms in place of a client's order."""
        return self._finish(self._where(con_id).replace(order))

    def cancel(self, con_id: int, order_id: int) -> bool:
        """Take a client's order out; False if the market no longer has it."""
        return self._where(con_id).cancel(order_id)

    def step(self) -> Iterator[MarketEvent]:
        """Let every maker act once; who waits in its market reacts."""
        # Whoever follows the events may open further markets.
        for con_id, maker in list(self._makers.items()):
            market = self._markets[con_id]
            if market.phase is not Phase.CLOSED:
                yield from self._finish(maker.step(market))
        yield from self._settle_combos()

    def move(self, instrument: Instrument, price: Decimal) -> list[MarketEvent]:
        """Move a market to `price` (rounded to its tick)."""
        market = self.market(instrument.con_id)
        events = self._makers[instrument.con_id].move_to(market, price)
        return self._finish(events + self._settle_combos())

    def hold_auction(self, con_id: int, auction: Auction) -> list[MarketEvent]:
        """Hold an auction now."""
        return self._finish(self.market(con_id).hold_auction(auction))

    def halt(self, con_id: int, *, is_halted: bool) -> list[MarketEvent]:
        """Stop trading in a market, or let it begin again."""
        return self._finish(self.market(con_id).halt(is_halted=is_halted))

    def keep_hours(self, now: datetime) -> Iterator[MarketEvent]:
        """Bring every market into the part of the day that it should be in by its hours, if it has any."""
        self.now = now
        if self.hours is None:
            return
        for market in list(self._markets.values()):
            phase = self.hours.phase(market.instrument, now)
            is_night = self.hours.is_night(market.instrument, now)
            yield from self._finish(market.change_phase(phase, is_night=is_night))

    def _where(self, con_id: int) -> Market | ComboMarket:
        if con_id in self.universe.combos:
            return self._combos.get(con_id) or self._open_combo(con_id)
        return self.market(con_id)

    def _open_market(self, instrument: Instrument) -> Market:
        """Begin a market: nobody has asked for it before, so nothing can have happened in it."""
        model = self._model(instrument)
        market = Market(instrument, self.oca.traded, model.worth() if model else None)
        maker = MarketMaker(instrument, self._seed, lambda: next(self._quote_ids), model)
        if self.hours is not None:
            market.phase = self.hours.phase(instrument, self.now)
            market.is_night = self.hours.is_night(instrument, self.now)
        maker.open(market)
        self._markets[instrument.con_id], self._makers[instrument.con_id] = market, maker
        return market

    def _model(self, instrument: Instrument) -> OptionModel | None:
        """Return the model of an option whose underlying has a market; that begins, and moves, before it."""
        if not instrument.is_option or instrument.under_con_id not in self.universe.instruments:
            return None
        underlying = self.market(instrument.under_con_id)
        return OptionModel(instrument, underlying, lambda: years_until(instrument.expiry, self.now))

    def _open_combo(self, con_id: int) -> ComboMarket:
        instrument = self.universe[con_id]
        legs = tuple(
            Leg(self.market(leg.con_id), Side.BUY if leg.ratio > 0 else Side.SELL, Decimal(abs(leg.ratio)))
            for leg in instrument.legs
        )
        combo = self._combos[con_id] = ComboMarket(instrument, legs, self.oca.traded)
        return combo

    def _settle_combos(self) -> list[MarketEvent]:
        return [event for combo in list(self._combos.values()) for event in combo.settle()]

    def _shrink(self, con_id: int, order_id: int, quantity: Decimal) -> None:
        self._where(con_id).shrink(order_id, quantity)

    def _finish(self, events: Iterable[MarketEvent]) -> list[MarketEvent]:
        """Add what a group's orders have to give up after the fact."""
        return [*events, *self.oca.flush()]
