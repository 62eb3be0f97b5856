"""The gateway: who is connected, who answers which request, what happens as time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.exchange.orders import Auction, MarketEvent
from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.faults.armed import Faults
from brokers.simulator.faults.callbacks import CallbackFaults
from brokers.simulator.faults.orders import OrderFaults
from brokers.simulator.faults.requests import RequestFaults
from brokers.simulator.gateway.accounts.advisor import AdvisorService
from brokers.simulator.gateway.accounts.allocation import Allocations
from brokers.simulator.gateway.accounts.corporate_actions import CorporateActions, OptionEnd, Split
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.reported_accounts import ReportedAccounts
from brokers.simulator.gateway.accounts.service import AccountService
from brokers.simulator.gateway.accounts.valuation import BASE_CURRENCY, Valuation
from brokers.simulator.gateway.clients.accounts import LoggedIn
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.clients.login import LoginService
from brokers.simulator.gateway.clients.pacing import Pacing, PacingMode
from brokers.simulator.gateway.clients.uplink import Uplink
from brokers.simulator.gateway.history.service import HistoryService
from brokers.simulator.gateway.history.tape import Tapes
from brokers.simulator.gateway.memory.facts import (
    AccountOpened,
    Cleared,
    Corrected,
    DayEnded,
    Executed,
    Fact,
    IdsReset,
    OrderRecord,
    PositionChanged,
    Started,
)
from brokers.simulator.gateway.memory.retention import MAX_FINISHED, Retention
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders.day_end import DayEnd
from brokers.simulator.gateway.orders.lists import OrderLists
from brokers.simulator.gateway.orders.manual import ManualOrder, ManualOrders
from brokers.simulator.gateway.orders.publisher import OrderPublisher
from brokers.simulator.gateway.orders.service import LARGEST_ID, OrderService
from brokers.simulator.gateway.quotes.depth import DepthService
from brokers.simulator.gateway.quotes.market_data import MarketDataService
from brokers.simulator.gateway.quotes.tick_by_tick import TickService
from brokers.simulator.gateway.reference.contract_details import ContractService
from brokers.simulator.gateway.reference.option_prices import OptionService
from brokers.simulator.gateway.reference.reference_data import ReferenceService
from brokers.simulator.gateway.texts import refusals
from brokers.simulator.gateway.texts.clock import GatewayClock
from brokers.simulator.gateway.texts.home import HomeZone
from brokers.simulator.gateway.texts.refusals import Refused
from brokers.simulator.gateway.timetable import Publishers, Timetable
from brokers.simulator.wire import client as requests
from brokers.simulator.wire.codec import DEFAULT_VERSION
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Record

DEFAULT_ACCOUNT = "DU1234567"
STARTING_CASH = Decimal(1_000_000)
MAX_CLIENTS = 32

Handler = Callable[[Link, Any], None]


class Gateway:
    """Serves any number of links; the shell calls it with messages and with the passing of time."""

    def __init__(
        self,
        universe: Universe,
        *,
        clock: Callable[[], datetime],
        seed: int = 0,
        accounts: tuple[str, ...] = (DEFAULT_ACCOUNT,),
        master_client_id: int | None = None,
        keeps_hours: bool = False,
        advisor: str = "",
        cash: Decimal = STARTING_CASH,
        pacing: PacingMode = PacingMode.OFF,
        keep_finished: int = MAX_FINISHED,
        home: HomeZone | None = None,
        server_version: int = DEFAULT_VERSION,
    ) -> None:
        self.universe = universe
        self.clock = GatewayClock(clock)
        self._machine_clock = clock
        self._cash = cash
        self.home = home or HomeZone()
        #: The newest that it speaks; clients that speak less are spoken to in theirs.
        self.server_version = server_version
        self.agenda = Agenda(clock)
        self.faults = Faults(universe, clock, seed)
        self.pacing = Pacing(clock, pacing)
        self._keep_finished = keep_finished
        self.links: list[Link] = []
        self.uplink = Uplink(self.links, self._serve)
        # An advisor's login has an account of its own, which is named first.
        self.login = LoggedIn((advisor, *accounts) if advisor else accounts)
        self._advisor = advisor
        self._master_client_id = master_client_id
        self._seed = seed
        self._hours = TradingHours() if keeps_hours else None
        self._exposure = Exposure()
        self.state = State(universe, self._on_fact)
        self._journal: Callable[[Fact], None] = lambda fact: None
        self._traded: dict[tuple[str, int], None] = {}
        self.reported = ReportedAccounts(self.state, self.agenda, self._on_trade)
        self._callbacks = CallbackFaults(self.state, self.faults, self.agenda)
        self._corporate_actions = CorporateActions(self.state, self.clock)
        self._publisher = OrderPublisher(self.state, self.home, self._owners)
        self._build()

    def _build(self) -> None:
        """Make the exchange and everything that works on it."""
        self.exchange = Exchange(self.universe, self._seed, self._hours)
        self.exchange.now = self.clock()
        valuation = Valuation(self.exchange)
        advisor = AdvisorService(self.state, self._advisor)
        self._build_orders(valuation, advisor)
        self._greeting = LoginService(self.state, self.login, self.clock)
        self._accounts = AccountService(self.state, self.reported, valuation, advisor, self.clock, self.login)
        self._build_services(advisor)

    def _build_orders(self, valuation: Valuation, advisor: AdvisorService) -> None:
        """Make what works orders, and what goes wrong with them."""
        self._orders = OrderService(
            self.state,
            self.exchange,
            valuation,
            self.faults,
            self.agenda,
            self._local_clock,
            self._publisher,
            self._exposure,
            Allocations(self.state, advisor, valuation),
        )
        self._day_end = DayEnd(self.state, self.exchange, self.clock, self._orders.expire)
        self._order_faults = OrderFaults(
            self.state,
            self.faults,
            self.agenda,
            self._callbacks,
            self._orders,
            self.exchange,
            self._publisher,
            self.clock,
        )
        self._requests = RequestFaults(
            self.state, self.faults, self.agenda, self._callbacks, self._order_faults, self._serve
        )
        self._retention = Retention(self.state, self._keep_finished, self._orders.forget)
        self._manual = ManualOrders(self.state, self._orders)
        self.lists = OrderLists(self.state, self.clock, self.home, self.login, self._machine_clock)

    def _local_clock(self) -> datetime:
        """The time in the gateway's own zone: in it are times of orders that name none."""
        return self.clock().astimezone(self.home.place)

    def _build_services(self, advisor: AdvisorService) -> None:
        """Make what publishes the market, and the table of who answers what."""
        options = OptionService(self.exchange, self.clock)
        tapes = Tapes(self.exchange, self._seed, self.clock)
        publishers = Publishers(
            tapes,
            MarketDataService(self.exchange, tapes, options, self.clock),
            DepthService(self.exchange),
            TickService(self.universe, tapes),
            HistoryService(self.universe, tapes, self._hours),
            self._accounts,
        )
        self._timetable = Timetable(
            self._machine_clock,
            self.links,
            self.exchange,
            self._orders,
            self._day_end,
            self._retention,
            publishers,
        )
        self._handlers: dict[type[Record], Handler] = {
            PlaceOrder: self._place,
            requests.CancelOrder: self._orders.cancel,
            requests.ReqGlobalCancel: lambda link, message: self._orders.cancel_all(),
            requests.ReqOpenOrders: self._open_orders,
            **self._greeting.handlers(),
            **self.lists.handlers(),
            **self._accounts.handlers(),
            **advisor.handlers(),
            **ContractService(self.universe, self._hours, self.clock).handlers(),
            **ReferenceService(self.universe, self.login).handlers(),
            **options.handlers(),
            **publishers.quotes.handlers(),
            **publishers.depth.handlers(),
            **publishers.ticks.handlers(),
            **publishers.history.handlers(),
        }

    # -- memory -----------------------------------------------------------------------------------

    def begin(self, journal: Callable[[Fact], None]) -> None:
        """Go to work with the state as replayed: facts go to `journal` from here on."""
        self._journal = journal
        if not self.state.epoch:
            self.state.apply(Started(epoch=int(self.clock().timestamp()), accounts=self._fresh_accounts()))
        for account in self._fresh_accounts():
            if account.name not in self.state.accounts:
                self.state.apply(AccountOpened(account=account))
        self._timetable.begin()
        self._orders.readmit()

    def reset(self) -> None:
        """Forget all orders, executions and positions; connections stay."""
        self.heal()
        self.faults.strikes.clear()
        self.forget_all()

    def forget_all(self) -> None:
        """Forget all orders, executions and positions, as a gateway does that lost its data; faults stay."""
        self.state.apply(Cleared(accounts=self._fresh_accounts()))
        self.uplink.reset()
        for link in self.links:
            link.untransmitted.clear()
            link.market_data.clear()
        self._build()

    def heal(self) -> None:
        """Disarm every fault and end what lasts."""
        self.faults.clear()
        self.agenda.clear()
        self._orders.end_cancels()
        self.pacing.restore()
        self.reported.set_lag(0)
        self._callbacks.no_commission.clear()
        self.uplink.restore()
        self.lists.empty_after_login = self.clock.offset = 0.0
        self.log_in(())
        for link in self.links:
            link.is_half_open = False

    def log_in(self, accounts: tuple[str, ...]) -> None:
        """Have these accounts and no others; none named: those that the gateway was started with."""
        self.login.change(accounts)
        for account in self._fresh_accounts():
            if account.name not in self.state.accounts:
                self.state.apply(AccountOpened(account=account))

    def _fresh_accounts(self) -> list[Account]:
        return [
            Account(name=name, cash={BASE_CURRENCY: self._cash}, positions={}) for name in self.login.accounts
        ]

    def _on_fact(self, fact: Fact) -> None:
        self._journal(fact)
        self._exposure.on_fact(fact, self.state)
        traded = self.state.execution(fact.exec_id) if isinstance(fact, Corrected) else fact
        if (
            isinstance(traded, Executed | PositionChanged)
            and traded.con_id in self.state.accounts[traded.account].positions
        ):
            self.reported.on_trade(traded.account, traded.con_id)
        if isinstance(fact, Executed):
            self._order_faults.executed(fact)

    def _on_trade(self, account: str, con_id: int) -> None:
        self._traded[account, con_id] = None

    # -- connections ------------------------------------------------------------------------------

    def start(self, link: Link, message: requests.StartApi) -> None:
        """Let a client in under its id, or refuse it."""
        if any(other.client_id == message.client_id for other in self.links):
            link.error(-1, *refusals.CLIENT_ID_IN_USE)
            link.close(f"client id {message.client_id} is in use")
            return
        if len(self.links) >= MAX_CLIENTS:
            link.close(f"{MAX_CLIENTS} clients are connected already")
            return
        link.client_id = message.client_id
        self.links.append(link)
        link.logged_in_at = self._machine_clock()
        self._greeting.greet(link)
        self.uplink.greet(link)

    def leave(self, link: Link) -> None:
        """Forget a link whose connection is gone."""
        if link in self.links:
            self.links.remove(link)
        self.uplink.forget(link)

    def _owners(self, client_id: int) -> Iterator[Link]:
        for link in self.links:
            if link.client_id in (client_id, self._master_client_id):
                yield link

    # -- requests ---------------------------------------------------------------------------------

    def handle(self, link: Link, message: Record) -> None:
        """Answer one request of a client."""
        if isinstance(message, requests.StartApi):
            if link.client_id is None:
                self.start(link, message)
        elif link.client_id is None:
            link.close(f"{type(message).__name__} before the start of the API")
        elif not link.is_half_open:
            self._requests.pass_on(link, message)

    def _serve(self, link: Link, message: Record) -> None:
        if not self.uplink.holds(link, message):
            self._handlers[type(message)](link, message)

    def _open_orders(self, link: Link, message: requests.ReqOpenOrders) -> None:
        if link.client_id == 0:
            self._manual.bind()
        self.lists.open_orders(link, message)

    def _place(self, link: Link, message: PlaceOrder) -> None:
        account = message.order.account
        if account and not self.login.shows(account):
            link.error(message.order_id, *refusals.validation(f"Invalid account code '{account}'."))
        else:
            self._orders.place(link, message)

    # -- time and market --------------------------------------------------------------------------

    def pass_time(self) -> None:
        """Do what is due by the clock."""
        if self.universe.is_rolling and self.universe.today != self.clock().date():
            self.universe.roll(self.clock().date())
        self.agenda.run_due()
        self._timetable.pass_time()

    def move_market(self, symbol: str, price: Decimal) -> list[str]:
        """Move every market that goes by `symbol` to `price`; return the local symbols moved."""
        found = self.universe.symbols(symbol)
        for instrument in found:
            self._orders.on_market_events(self.exchange.move(instrument, price))
        return [instrument.local_symbol for instrument in found]

    def shift_market(self, symbol: str, percent: Decimal) -> None:
        """Move every market that goes by `symbol` by so much of its last price."""
        for instrument in self.universe.symbols(symbol):
            last = self.exchange.last_price(instrument.con_id)
            self._orders.on_market_events(self.exchange.move(instrument, last * (1 + percent / 100)))

    def hold_auction(self, symbol: str, auction: Auction) -> list[str]:
        """Hold an auction in every market that goes by `symbol`; return their local symbols."""
        return self._in_markets(symbol, lambda con_id: self.exchange.hold_auction(con_id, auction))

    def halt_market(self, symbol: str, *, is_halted: bool) -> list[str]:
        """Stop trading in every market that goes by `symbol`, or let it begin again; their local symbols."""
        return self._in_markets(symbol, lambda con_id: self.exchange.halt(con_id, is_halted=is_halted))

    def _in_markets(self, symbol: str, act: Callable[[int], list[MarketEvent]]) -> list[str]:
        found = [instrument for instrument in self.universe.symbols(symbol) if instrument.is_tradable]
        for instrument in found:
            self._orders.on_market_events(act(instrument.con_id))
        return [instrument.local_symbol for instrument in found]

    def split(self, split: Split) -> list[str]:
        """Split every stock of this symbol: positions and price; orders in it are canceled, as IB does."""
        found = [one for one in self.universe.symbols(split.symbol) if one.sec_type == "STK"]
        for instrument in found:
            for record in self.state.open_orders():
                if record.con_id == instrument.con_id:
                    self._orders.expire(record)
            last = self.exchange.last_price(instrument.con_id)
            price = instrument.round_to_tick(last * split.denominator / split.numerator)
            self._corporate_actions.split(instrument, split, price)
            self._orders.on_market_events(self.exchange.move(instrument, price))
        return [instrument.local_symbol for instrument in found]

    def end_option(self, end: OptionEnd) -> list[str]:
        """Let an option expire, be exercised or assigned: whoever holds it is told by a position alone."""
        found = [one for one in self.universe.symbols(end.symbol) if one.is_option]
        for option in found:
            self._corporate_actions.end(option, self.universe[option.under_con_id], end.how)
        return [option.local_symbol for option in found]

    def place_manual(self, typed: ManualOrder) -> OrderRecord:
        """Work an order that somebody made by hand; raises Refused if it cannot be worked."""
        return self._manual.place(typed, self.links)

    def trade_as_stranger(self, symbol: str, action: str, number: str) -> None:
        """Somebody else trades one lot of `symbol`, told under a number that is no identity."""
        instrument = next(iter(self.universe.symbols(symbol)), None)
        if instrument is None or not instrument.is_tradable:
            return
        clients = (record for record in reversed(self.state.orders.values()) if record.client_id)
        newest = next(clients, None)
        told_as = {"hand": (0, LARGEST_ID), "zero": (0, 0)}.get(number) or (newest and newest.told_ids)
        client_id, order_id = told_as or (0, LARGEST_ID)
        through = Decimal("1.05") if action != "SELL" else Decimal("0.95")
        limit = instrument.round_to_tick(self.exchange.last_price(instrument.con_id) * through)
        typed = ManualOrder(
            symbol=symbol,
            sec_type=instrument.sec_type,
            exchange=instrument.exchange,
            currency=instrument.currency,
            con_id=instrument.con_id,
            action=action or "BUY",
            total_quantity=instrument.lot,
            order_type="LMT",
            lmt_price=limit,
            client_id=client_id,
            order_id=order_id,
        )
        with suppress(Refused):
            self.place_manual(typed)

    def end_turn(self) -> None:
        """Publish positions that changed to subscribers; the shell calls this before it sends."""
        self.agenda.run_due()
        traded, self._traded = self._traded, {}
        for account, con_id in traded:
            self._accounts.publish_position(self.links, account, con_id)
        self._callbacks.end_turn(self.links)
        for link in self.links:
            if link.is_half_open:
                link.outbox.clear()

    # -- what faults ask for -----------------------------------------------------------------------

    def notify(self, notice: refusals.Refusal, client_id: int | None = None) -> None:
        """Say something about the system to one client or to all."""
        for link in self.links:
            if client_id in (None, link.client_id):
                link.error(-1, *notice)

    def end_day(self) -> None:
        """Let it be midnight: DAY orders expire, executions and completed orders are listed no more."""
        self._day_end.expire_all()
        self.state.apply(DayEnded(at=self.clock()))

    def forget_order_ids(self) -> None:
        """Let nextValidId be 1 again for every client."""
        self.state.apply(IdsReset())
