"""The market of one instrument: book, orders that wait for a price, for liquidity or for their hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal

from brokers.simulator.exchange.auction import uncross
from brokers.simulator.exchange.book import ZERO, BookOrder, OrderBook, Side, Trade
from brokers.simulator.exchange.day import DayStatistics
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import (
    Auction,
    Expired,
    Filled,
    Killed,
    MarketEvent,
    MarketOrder,
    Parked,
    Phase,
    Repriced,
    Resting,
    StopElected,
    TimeInForce,
)
from brokers.simulator.exchange.pegs import Peg
from brokers.simulator.exchange.triggers import Triggers

Traded = Callable[[int, Decimal], list[MarketEvent]]


class Market:
    """Matches orders of one instrument. Every method returns what happened, in order.

    `traded` is called with every fill of a client's order before the next trade, and returns what follows
    from it for other orders. `opening` is where it begins if that is not the instrument's own price.
    """

    def __init__(
        self,
        instrument: Instrument,
        traded: Traded = lambda order_id, quantity: [],
        opening: Decimal | None = None,
    ) -> None:
        self.instrument = instrument
        self.book = OrderBook()
        self.day = DayStatistics(opening or instrument.price)
        self.orders: dict[int, MarketOrder] = {}
        self.phase = Phase.OPEN
        #: Whether the overnight session trades: beside a closed market, or always where nothing closes.
        self.is_night = True
        #: Whether its exchange has stopped trading in it; what comes is taken, and waits.
        self.is_halted = False
        self._traded = traded
        self._triggers = Triggers(instrument, lambda: (self.book.bid, self.book.ask))
        self._waiting: OrderedDict[int, MarketOrder] = OrderedDict()
        self._pegged: dict[int, MarketOrder] = {}
        self._discreet: dict[int, MarketOrder] = {}
        self._parked: dict[int, MarketOrder] = {}

    # -- orders -----------------------------------------------------------------------------------

    def submit(self, order: MarketOrder) -> list[MarketEvent]:
        """Take a client's order in."""
        events: list[MarketEvent] = []
        self.orders[order.order_id] = order
        self._admit(order, events)
        self._settle(events)
        return events

    def cancel(self, order_id: int) -> bool:
        """Take a client's order out; False if the market no longer has it."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        self._withdraw(order)
        return True

    def replace(self, order: MarketOrder) -> list[MarketEvent]:
        """Put new terms in place of the order with the same id.

        A smaller quantity at the same price keeps the place in the queue, anything else loses it.
        """
        old = self.orders[order.order_id]
        if _is_smaller(old, order):
            self.book.reduce(old.book_order, order.book_order.remaining)
            old.time_in_force = order.time_in_force
            return []
        self.cancel(order.order_id)
        return self.submit(order)

    def shrink(self, order_id: int, quantity: Decimal) -> None:
        """Make an order want `quantity` less; it keeps its place."""
        order = self.orders.get(order_id)
        if order is None:
            return
        remaining = order.book_order.remaining - quantity
        if remaining <= 0:
            self.cancel(order_id)
        elif self.book.holds(order.book_order):
            self.book.reduce(order.book_order, remaining)
        else:
            order.book_order.resize(remaining)

    # -- the market's own life --------------------------------------------------------------------

    def quote(self, quote: BookOrder) -> list[MarketEvent]:
        """Take a market maker's quote in; like any order it first trades with what it crosses.

        The others react when the maker is done and the market settles.
        """
        events: list[MarketEvent] = []
        self._match(quote, events)
        if quote.remaining:
            self.book.rest(quote)
        return events

    def take(self, side: Side, quantity: Decimal, price: Decimal) -> tuple[list[Trade], list[MarketEvent]]:
        """Trade at once for one leg of a combination, at `price` or better."""
        events: list[MarketEvent] = []
        taker = BookOrder(0, side, quantity, price, is_maker=True)
        trades = self._match(taker, events)
        self._settle(events)
        return trades, events

    def print_trade(self, price: Decimal, size: Decimal) -> list[MarketEvent]:
        """Report a trade between others; it moves the last price and may elect stops."""
        self.day.add(price, size)
        return self.settle()

    def settle(self) -> list[MarketEvent]:
        """Let everybody who waits react to what has changed."""
        events: list[MarketEvent] = []
        self._settle(events)
        return events

    def change_phase(self, phase: Phase, *, is_night: bool) -> list[MarketEvent]:
        """Begin another part of the day: hold the auction due, park and wake the orders it concerns."""
        before, self.phase = self.phase, phase
        was_night, self.is_night = self.is_night, is_night
        if (phase, is_night) == (before, was_night):
            return []
        events: list[MarketEvent] = []
        if before is Phase.OPEN and phase is not before:
            events += self.hold_auction(Auction.CLOSE)
            self._expire(events, lambda order: order.works_by_day and not order.outside_rth)
        if phase is Phase.CLOSED and phase is not before:
            self._expire(events, lambda order: order.works_by_day and order.outside_rth)
        if was_night and not is_night:
            self._expire(events, lambda order: not order.works_by_day)
        if phase is Phase.OPEN and phase is not before:
            events += self.hold_auction(Auction.OPEN)
        self._park_sleepers(events)
        self._wake(events)
        self._settle(events)
        return events

    def halt(self, *, is_halted: bool) -> list[MarketEvent]:
        """Stop trading, or begin again: no order trades meanwhile, and each can be canceled."""
        self.is_halted = is_halted
        events: list[MarketEvent] = []
        self._park_sleepers(events)
        self._wake(events)
        self._settle(events)
        return events

    def hold_auction(self, auction: Auction) -> list[MarketEvent]:
        """Trade the auction's orders and the book at one price; what its orders have left is killed.

        Orders for the auction and what follows (AUC) go on as limit orders at its price.
        """
        mine = [order for order in self._parked.values() if order.auction is auction]
        events: list[MarketEvent] = []
        if not mine:
            return events
        for trade in uncross(self.book, [order.book_order for order in mine], self.day.last, self._is_alive):
            self._record(trade, events)
        for order in mine:
            if order.order_id not in self._parked:
                continue
            if order.time_in_force is TimeInForce.AUC:
                self._work_after_auction(order, events)
            else:
                self._kill(order, events)
        self._settle(events)
        return events

    def _work_after_auction(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        """Work the rest at the auction's price; if it had none, at the best price that is there now."""
        del self._parked[order.order_id]
        order.auction, order.time_in_force = None, TimeInForce.DAY
        if any(isinstance(event, Filled) and event.order_id == order.order_id for event in events):
            order.book_order.price, order.to_limit = self.day.last, False
            events.append(Repriced(order.order_id, self.day.last))
        self._admit(order, events)

    # -- working ----------------------------------------------------------------------------------

    def _admit(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        if not self._works(order):
            self._parked[order.order_id] = order
            events.append(Parked(order.order_id))
        elif order.trigger is not None:
            self._triggers.add(order, order.trigger)
        else:
            self._work(order, events)

    def _work(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        """Trade what can be traded now; the rest waits, rests or is killed."""
        book_order = order.book_order
        if order.peg is not None:
            self._take_aim(order, order.peg)
        if self._may_trade(order):
            self._trade(order, events)
        if not book_order.remaining or order.order_id not in self.orders:
            return
        if order.time_in_force.is_immediate:
            self._kill(order, events)
            return
        if book_order.price is None or order.least:
            self._waiting[order.order_id] = order
        else:
            self._rest(order)
        events.append(Resting(order.order_id))

    def _take_aim(self, order: MarketOrder, peg: Peg) -> None:
        """Price the order by the market; one that aims only once is a limit order from then on."""
        order.book_order.price = self._peg_price(order)
        if peg.once and order.book_order.price is not None:
            order.peg = None
            self._pegged.pop(order.order_id, None)
        else:
            self._pegged[order.order_id] = order

    def _rest(self, order: MarketOrder) -> None:
        self.book.rest(order.book_order)
        if order.discretion:
            self._discreet[order.order_id] = order

    def _may_trade(self, order: MarketOrder) -> bool:
        """Whether enough is there; an order pegged to a market that is not there waits for it."""
        if order.peg is not None and order.book_order.price is None:
            return False
        least = order.least
        return not least or self.book.available(order.book_order) >= least

    def _trade(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        if order.to_limit:
            order.book_order.price = self.book.crosses(order.book_order)
        limit = order.book_order.price
        if limit is not None:
            order.book_order.price = limit + order.book_order.side.sign * order.discretion
        trades = self._match(order.book_order, events)
        order.book_order.price = limit
        if not trades:
            return
        order.minimum = ZERO
        if order.to_limit and limit is not None and order.book_order.remaining:
            order.to_limit = False
            events.append(Repriced(order.order_id, limit))

    def _match(self, taker: BookOrder, events: list[MarketEvent]) -> list[Trade]:
        trades = []
        for trade in self.book.match(taker):
            trades.append(trade)
            self._record(trade, events)
            if not self._is_alive(taker):
                break
        return trades

    def _record(self, trade: Trade, events: list[MarketEvent]) -> None:
        self.day.add(trade.price, trade.quantity)
        self._fill(trade.resting, trade, events, added=True)
        self._fill(trade.taker, trade, events, added=False)
        # Both have traded before either takes anything from the rest of its group.
        for order in (trade.resting, trade.taker):
            if not order.is_maker:
                events += self._traded(order.order_id, trade.quantity)

    def _fill(self, order: BookOrder, trade: Trade, events: list[MarketEvent], *, added: bool) -> None:
        if order.is_maker:
            return
        events.append(Filled(order.order_id, trade.quantity, trade.price, added))
        if not order.remaining:
            self._forget(order.order_id)

    def _is_alive(self, order: BookOrder) -> bool:
        return order.is_maker or order.order_id in self.orders

    def _kill(self, order: MarketOrder, events: list[MarketEvent]) -> None:
        self._forget(order.order_id)
        events.append(Killed(order.order_id, order.time_in_force))

    def _forget(self, order_id: int) -> None:
        self.orders.pop(order_id, None)
        self._waiting.pop(order_id, None)
        self._pegged.pop(order_id, None)
        self._discreet.pop(order_id, None)
        self._parked.pop(order_id, None)

    def _withdraw(self, order: MarketOrder) -> None:
        """Take the order out of everything it may be in."""
        self._triggers.drop(order)
        self._waiting.pop(order.order_id, None)
        self._pegged.pop(order.order_id, None)
        self._discreet.pop(order.order_id, None)
        self._parked.pop(order.order_id, None)
        self.book.remove(order.book_order)

    # -- reacting ---------------------------------------------------------------------------------

    def _settle(self, events: list[MarketEvent]) -> None:
        if self.phase is Phase.CLOSED:
            return
        self._elect(events)
        if self._pegged or self._waiting or self._discreet:
            self._follow_market(events)
            self._retry_waiting(events)
            self._use_discretion(events)
            self._elect(events)

    def _elect(self, events: list[MarketEvent]) -> None:
        """Work every order whose trigger the market reaches; their trades may elect further ones."""
        events += self._triggers.follow(self.day.last)
        self._triggers.record(self.day.last, self.day.volume)
        while (order := self._triggers.next_elected()) is not None:
            events.append(StopElected(order.order_id))
            self._work(order, events)
            events += self._triggers.follow(self.day.last)
            self._triggers.record(self.day.last, self.day.volume)

    def _retry_waiting(self, events: list[MarketEvent]) -> None:
        for order in list(self._waiting.values()):
            if order.order_id in self._waiting and self._may_trade(order):
                self._trade(order, events)
                self._rest_if_free(order)

    def _use_discretion(self, events: list[MarketEvent]) -> None:
        """Let orders that show less than they would pay take what has come within their reach."""
        for order in list(self._discreet.values()):
            if order.order_id not in self._discreet or not self._reaches(order):
                continue
            self.book.remove(order.book_order)
            self._trade(order, events)
            if order.order_id in self.orders and order.book_order.remaining:
                self.book.rest(order.book_order)

    def _reaches(self, order: MarketOrder) -> bool:
        side, limit = order.book_order.side, order.book_order.price
        best = self.book.sides[side.other].best
        if best is None or limit is None:
            return False
        return (best - limit) * side.sign <= order.discretion

    def _rest_if_free(self, order: MarketOrder) -> None:
        """An order that had to wait for its minimum works like any other from then on."""
        alive = order.order_id in self.orders and order.book_order.remaining
        if alive and order.book_order.price is not None and not order.least:
            del self._waiting[order.order_id]
            self._rest(order)

    def _follow_market(self, events: list[MarketEvent]) -> None:
        for order in list(self._pegged.values()):
            price = self._peg_price(order)
            if order.order_id not in self._pegged or price == order.book_order.price:
                continue
            self.book.remove(order.book_order)
            self._waiting.pop(order.order_id, None)
            silent: list[MarketEvent] = []
            self._work(order, silent)
            events += (event for event in silent if not isinstance(event, Resting))

    def _peg_price(self, order: MarketOrder) -> Decimal | None:
        assert order.peg is not None  # noqa: S101
        bid, ask = (self._unpegged_best(side) for side in (Side.BUY, Side.SELL))
        if bid is None or ask is None:
            return None
        return order.peg.price(order.book_order.side, bid, ask, self.instrument)

    def _unpegged_best(self, side: Side) -> Decimal | None:
        """Return the best price of orders that follow nobody: pegs that followed pegs would run away."""
        book_side = self.book.sides[side]
        for price in book_side.prices():
            if any(not order.is_pegged for order in book_side.levels[price].orders.values()):
                return price
        return None

    # -- the trading day --------------------------------------------------------------------------

    def _works(self, order: MarketOrder) -> bool:
        return not self.is_halted and order.works_in(self.phase, is_night=self.is_night)

    def _expire(self, events: list[MarketEvent], is_over: Callable[[MarketOrder], bool]) -> None:
        """End the day orders whose day this was; those for the next opening are not in the market yet."""
        for order in list(self.orders.values()):
            if order.time_in_force is TimeInForce.DAY and is_over(order):
                self.cancel(order.order_id)
                events.append(Expired(order.order_id))

    def _park_sleepers(self, events: list[MarketEvent]) -> None:
        for order in list(self.orders.values()):
            if order.order_id not in self._parked and not self._works(order):
                trigger = order.trigger
                self._withdraw(order)
                order.trigger = trigger
                self._parked[order.order_id] = order
                events.append(Parked(order.order_id))

    def _wake(self, events: list[MarketEvent]) -> None:
        for order in list(self._parked.values()):
            if order.order_id in self._parked and self._works(order):
                del self._parked[order.order_id]
                self._admit(order, events)


def _is_smaller(old: MarketOrder, new: MarketOrder) -> bool:
    """Whether the new terms only ask for less of a resting order."""
    return (
        old.trigger is None
        and new.trigger is None
        and old.peg is None
        and new.peg is None
        and old.discretion == new.discretion
        and not old.least
        and not new.least
        and old.auction is new.auction is None
        and old.book_order.price is not None
        and old.book_order.price == new.book_order.price
        and old.book_order.display == new.book_order.display
        and not new.time_in_force.is_immediate
        and new.book_order.remaining <= old.book_order.remaining
    )
