"""Subscriptions that are not about orders: quotes, order books, profit and loss. All on the session's loop.

They share the gateway's count of messages with orders, so each goes out on its own, a tenth of a second
after the one before: ten a second, which is what the pacing of orders leaves free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from brokers.errors import BrokerUnavailable
from brokers.fix import SecType
from brokers.ib import codes, contracts
from brokers.ib.order_books import FEEDS, MARKET_FACTS, NO_PRICE, PRICES, Book, Quote
from brokers.market import DEPTH_ROWS, Level, MarketView, ProfitReport
from brokers.messages import InstrumentRef, Refusal
from brokers.port import Listener
from brokers.postgres import clock, storable

GAP = 0.1  # seconds between two messages
#: Average volume (165) and what can be sold short (236); of other kinds the gateway refuses the list (321).
GENERIC_TICKS = "165,236"
DEPTH_RESET = 317
TOO_MANY_BOOKS = 309

BookKey = tuple[int, str]  # con_id, exchange
ProfitKey = tuple[str, int]  # account, con_id; 0 for the whole account
Send = Callable[[Any], None]


class PricesSession(Protocol):
    """What prices need of the session."""

    listener: Listener

    def next_id(self) -> int:
        """A fresh request id."""

    async def room(self) -> None:
        """Wait until the gateway's pace lets one more message out."""

    def live_client(self) -> Any:
        """The client; raises BrokerUnavailable when its socket would not take bytes."""


class Prices:
    """What is wanted, what is subscribed on the present connection, and what was told."""

    def __init__(self, session: PricesSession) -> None:
        self._session = session
        self._watching: dict[int, InstrumentRef] = {}
        #: Quotes asked for on the present connection, or waiting in the queue: watched or looked at.
        self._quoted: dict[int, InstrumentRef] = {}
        self._books_wanted: dict[BookKey, InstrumentRef] = {}
        self._profits_wanted: set[ProfitKey] = set()
        self._quotes: dict[int, Quote] = {}
        self._books: dict[BookKey, Book] = {}
        #: Request ids of the present connection.
        self.watched: dict[int, int] = {}
        self._book_ids: dict[int, BookKey] = {}
        self._profit_ids: dict[int, ProfitKey] = {}
        self._queue: deque[Send] = deque()
        self._sending: asyncio.Task[None] | None = None

    # --- what is wanted ----------------------------------------------------------------------------
    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        """Quotes of exactly these, on this and every later connection, beside those of the books shown."""
        self._watching = {instrument.con_id: instrument for instrument in instruments}
        self._settle_quotes()

    def _settle_quotes(self) -> None:
        """A login has so many lines of market data: what nobody wants any more gives its line back first."""
        snapshot_at = {ref.con_id: ref for ref in self._books_wanted.values()}
        wanted = {**snapshot_at, **self._watching}
        had, self._quoted = self._quoted, wanted
        for con_id in had.keys() - wanted.keys():
            self._end_quote(con_id)
        for con_id, ref in wanted.items():
            if con_id not in had:
                self._subscribe_quote(ref)

    def show_books(self, instruments: Sequence[InstrumentRef]) -> None:
        """The order books of exactly these from now on."""
        wanted = {(ref.con_id, ref.exchange): ref for ref in instruments}
        ended = [key for key in self._books_wanted if key not in wanted]
        fresh = [ref for key, ref in wanted.items() if key not in self._books_wanted]
        self._books_wanted = wanted
        for key in ended:
            self._end_book(key)
        if ended:
            fresh += self._without_room()
        for ref in fresh:
            self._subscribe_book(ref)
        self._settle_quotes()

    def follow_profits(self, wanted: set[ProfitKey]) -> None:
        """Profit and loss of exactly these from now on."""
        ended, fresh = self._profits_wanted - wanted, wanted - self._profits_wanted
        self._profits_wanted = set(wanted)
        for number in [number for number, key in self._profit_ids.items() if key in ended]:
            self._end_profit(number)
        for key in sorted(fresh):
            self._subscribe_profit(key)

    def connected(self) -> None:
        """Everything anew: on a new connection, and when the gateway has lost its subscriptions (1101)."""
        self.watched.clear()
        self._profit_ids.clear()
        self._queue.clear()
        for number in list(self._book_ids):
            self._cancel_book(number)
        for book in self._books.values():
            book.clear()
        self._quoted = {}
        self._settle_quotes()
        self._quotes = {con_id: quote for con_id, quote in self._quotes.items() if con_id in self._quoted}
        for key in sorted(self._profits_wanted):
            self._subscribe_profit(key)
        for ref in self._books_wanted.values():
            self._subscribe_book(ref)

    def disconnected(self) -> None:
        """Nothing is subscribed any more. Quotes stay, with their age; books would only pretend."""
        self.watched.clear()
        self._profit_ids.clear()
        self._book_ids.clear()
        self._queue.clear()
        for book in self._books.values():
            book.clear()

    # --- messages to the gateway ---------------------------------------------------------------------
    def _subscribe_quote(self, instrument: InstrumentRef) -> None:
        contract = contracts.to_contract(instrument)

        def ask(client: Any) -> None:
            if instrument.con_id in self._quoted and instrument.con_id not in self.watched.values():
                self.watched[key := self._session.next_id()] = instrument.con_id
                generic = GENERIC_TICKS if instrument.sec_type == SecType.STK else ""
                client.reqMktData(key, contract, generic, False, False, [])

        self._send(ask)

    def _end_quote(self, con_id: int) -> None:
        def end(client: Any) -> None:
            for number in [number for number, known in self.watched.items() if known == con_id]:
                if con_id not in self._quoted:  # nobody came back to it while this waited
                    del self.watched[number]
                    self._quotes.pop(con_id, None)
                    client.cancelMktData(number)

        self._send(end)

    def _subscribe_book(self, ref: InstrumentRef) -> None:
        book_key = (ref.con_id, ref.exchange)
        self._books[book_key] = Book()
        contract = contracts.to_contract(ref)

        def ask(client: Any) -> None:
            if book_key in self._books_wanted and book_key not in self._book_ids.values():
                self._book_ids[key := self._session.next_id()] = book_key
                client.reqMktDepth(key, contract, DEPTH_ROWS, ref.exchange == "SMART", [])

        self._send(ask)

    def _end_book(self, key: BookKey) -> None:
        self._books.pop(key, None)
        for number in [number for number, known in self._book_ids.items() if known == key]:
            self._cancel_book(number)

    def _cancel_book(self, number: int) -> None:
        is_smart = self._book_ids.pop(number)[1] == "SMART"
        self._send(lambda client: client.cancelMktDepth(number, is_smart))

    def _without_room(self) -> list[InstrumentRef]:
        """Wanted books that the gateway had no room for, now that another has ended."""
        refused = str(TOO_MANY_BOOKS)
        waiting = {key for key, book in self._books.items() if book.problem.startswith(refused)}
        return [ref for key, ref in self._books_wanted.items() if key in waiting]

    def _subscribe_profit(self, key: ProfitKey) -> None:
        account, con_id = key

        def ask(client: Any) -> None:
            if key not in self._profits_wanted or key in self._profit_ids.values():
                return
            self._profit_ids[number := self._session.next_id()] = key
            if con_id:
                client.reqPnLSingle(number, account, "", con_id)
            else:
                client.reqPnL(number, account, "")

        self._send(ask)

    def _end_profit(self, number: int) -> None:
        _, con_id = self._profit_ids.pop(number)
        self._send(lambda c: c.cancelPnLSingle(number) if con_id else c.cancelPnL(number))

    def _send(self, message: Send) -> None:
        """Queue a message; the queue is dropped with the connection, and made anew from what is wanted."""
        self._queue.append(message)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_paced())

    async def _send_paced(self) -> None:
        while self._queue:
            await self._session.room()
            if not self._queue:  # the connection has ended meanwhile
                return
            message = self._queue.popleft()
            try:
                message(self._session.live_client())
            except (BrokerUnavailable, ConnectionError):
                self._queue.clear()
                return
            await asyncio.sleep(GAP)

    # --- what the gateway tells ----------------------------------------------------------------------
    def tick(self, number: int, tick_type: int, value: float) -> None:
        """A price or a size of a watched contract; the close is its price only until there was a trade."""
        quote = self._quote_of(number)
        if quote is None:
            return
        had, told = quote.last, storable.number(contracts.amount(value))
        if told is None:
            return
        con_id, seen = self.watched[number], self._session.listener.price_seen
        if quote.tick(tick_type, told, clock.now()):
            self._session.listener.quote_changed(con_id, quote)
        name = PRICES.get(tick_type)
        if told > 0 and (name == "last" or (name == "close" and had is None)):
            seen(con_id, "last_px", str(told))
        if name in ("bid", "ask"):
            seen(con_id, f"{name}_px", "" if told == NO_PRICE else str(told))
        elif name == "close" and told > 0:
            seen(con_id, "close_px", str(told))
        elif figure := MARKET_FACTS.get(tick_type):
            seen(con_id, figure, str(told))

    def feed(self, number: int, feed: int) -> None:
        """How fresh the prices of a request are."""
        if quote := self._quote_of(number):
            quote.feed = FEEDS.get(feed)

    def _quote_of(self, number: int) -> Quote | None:
        con_id = self.watched.get(number)
        return None if con_id is None else self._quotes.setdefault(con_id, Quote())

    def depth(self, number: int, operation: int, side: int, position: int, level: Level) -> None:
        """A row of an order book changed."""
        key = self._book_ids.get(number)
        if key in self._books:
            self._books[key].change(operation, side, position, level, clock.now())

    def profit(self, number: int, **figures: float) -> None:
        """Profit and loss of an account or of one of its positions."""
        key = self._profit_ids.get(number)
        if key is not None:
            told = {name: contracts.amount(value) for name, value in figures.items()}
            self._session.listener.profit_seen(ProfitReport(account=key[0], con_id=key[1], **told))

    def refused(self, number: int, code: int, text: str) -> None:
        """The gateway has something to say about a subscription; a warning ends nothing."""
        if code == DEPTH_RESET:
            if book := self._books.get(self._book_ids.get(number, (0, ""))):
                book.clear()
        elif codes.classify(code) is not Refusal.WARNING:
            words = f"{code}: {text}"
            if quote := self._quote_of(number):
                quote.problem = words
            elif book := self._books.get(self._book_ids.pop(number, (0, ""))):
                book.clear()
                book.problem = words

    # --- what is shown -------------------------------------------------------------------------------
    def view(self, ref: InstrumentRef) -> MarketView:
        """Quote and book as they are now."""
        quote = self._quotes.get(ref.con_id) or Quote()
        book = self._books.get((ref.con_id, ref.exchange)) or Book()
        asks, bids = book.rows
        return MarketView(
            con_id=ref.con_id,
            bids=tuple(bids[:DEPTH_ROWS]),
            asks=tuple(asks[:DEPTH_ROWS]),
            depth_at=book.at,
            depth_problem=book.problem,
            **vars(quote),
        )
