"""Instruments of the simulated market, and finding them from what a client says about a contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from zlib import crc32

import msgspec

_MAX_ANSWERS = 10_000
#: Con_ids of combinations are made from their legs, in a range that nothing else has.
_COMBOS_FROM, _COMBO_COUNT = 2_100_100_000, 40_000_000


class CommissionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """IB's fixed pricing for one kind of instrument; amounts in the instrument's currency, per order.

    `per_unit` is charged per share or contract, `rate` as a share of trade value; `maximum_rate` caps the
    sum as a share of trade value and wins over `minimum` (US stocks: 0.005 a share, at least 1, at most 1 %).
    """

    per_unit: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    maximum_rate: Decimal | None = None

    def total(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Return the commission of an order that has filled `quantity` for `value` so far."""
        charge = max(self.per_unit * quantity + self.rate * value, self.minimum)
        if self.maximum is not None:
            charge = min(charge, self.maximum)
        if self.maximum_rate is not None:
            charge = min(charge, self.maximum_rate * value)
        return charge.quantize(Decimal("0.000001")).normalize()


class Bond(msgspec.Struct, frozen=True, kw_only=True):
    """What only bonds have; dates are `yyyymmdd`, the coupon is in percent a year."""

    cusip: str
    coupon: Decimal
    maturity: str
    issue_date: str
    ratings: str = ""
    bond_type: str = ""
    coupon_type: str = "FIXED"


class PriceStep(msgspec.Struct, frozen=True, array_like=True):
    """From `low_edge` upwards prices are multiples of `increment`."""

    low_edge: Decimal
    increment: Decimal


class ComboPart(msgspec.Struct, frozen=True, kw_only=True):
    """A leg of a combination; `ratio` is negative if buying the combination sells the leg."""

    con_id: int
    ratio: int


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is traded, or (an index) only quoted. `price` is where its market opens."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str
    price: Decimal
    commission: CommissionPlan
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    market_name: str = ""
    multiplier: Decimal = Decimal(1)
    min_tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal(1)
    quote_size: Decimal = Decimal(500)
    quote_levels: int = 10
    expiry: str = ""
    #: When it stops trading on that day, as contract details say it (`08:30:00`).
    last_trade_time: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    is_tradable: bool = True
    #: Whether this login has live market data of it; the others are to be had delayed.
    has_live_data: bool = True
    market_rule: int = 26
    bond: Bond | None = None
    long_name: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stock_type: str = ""
    time_zone: str = "US/Eastern"
    open_hours: tuple[str, str] = ("0000", "2359")
    venues: tuple[str, ...] = ()
    order_types: str = "ACTIVETIM,DAY,FOK,GTC,IOC,LMT,MKT,STP,STPLMT,WHATIF"
    isin: str = ""
    under_con_id: int = 0
    margin_rate: Decimal = Decimal("0.25")
    #: How long it takes to find shares that can be sold short; 0: they are at hand.
    locate_seconds: int = 0
    legs: tuple[ComboPart, ...] = ()
    #: What its market rule says; without any, prices are multiples of `min_tick` everywhere.
    price_steps: tuple[PriceStep, ...] = ()

    @property
    def multiplier_text(self) -> str:
        """The multiplier as contracts carry it: empty for what has none (a bond's is in its price)."""
        return "" if self.multiplier == 1 or self.bond else f"{self.multiplier.normalize():f}"

    @property
    def is_currency_pair(self) -> bool:
        return self.sec_type == "CASH"

    @property
    def is_option(self) -> bool:
        return bool(self.right)

    def trades_at(self, exchange: str) -> bool:
        """Whether an order or a request may name this exchange (an empty one means the usual)."""
        return exchange in ("", self.exchange, self.primary_exchange) or exchange in self.venues

    def increment(self, price: Decimal) -> Decimal:
        """Return how fine prices are at this level."""
        found = self.min_tick
        for step in self.price_steps:
            if step.low_edge > price:
                break
            found = step.increment
        return found

    def is_on_tick(self, price: Decimal) -> bool:
        """Whether an order may have this price."""
        return price % self.increment(price) == 0

    def round_to_tick(self, price: Decimal) -> Decimal:
        """Return the nearest price that an order may have, at least one tick."""
        increment = self.increment(price)
        return max((price / increment).to_integral_value(), Decimal(1)) * increment

    def next_tick(self, price: Decimal, *, up: bool) -> Decimal:
        """Return the next price on tick above or below; 0 below the first."""
        if up:
            return price + self.increment(price)
        # Just below an edge the finer increment of the band underneath holds.
        below = self.increment(price)
        return price - self.increment(price - below if price > below else price)


class ContractQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a client said about a contract; empty fields say nothing."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    multiplier: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    isin: str = ""
    cusip: str = ""
    includes_expired: bool = False

    def fits(self, instrument: Instrument) -> bool:
        """Whether nothing that was said contradicts the instrument."""
        cusip = instrument.bond.cusip if instrument.bond else ""
        said = (
            (self.sec_type, instrument.sec_type),
            (self.currency, instrument.currency),
            (self.local_symbol, instrument.local_symbol),
            (self.trading_class, instrument.trading_class),
            (self.primary_exchange, instrument.primary_exchange),
            (self.multiplier, instrument.multiplier_text),
            (self.strike, instrument.strike),
            (self.right[:1], instrument.right),
            (self.isin, instrument.isin),
            (self.cusip, cusip),
        )
        return (
            all(not wanted or wanted == value for wanted, value in said)
            # Bonds go by their CUSIP as well.
            and self.symbol in ("", instrument.symbol, cusip)
            # An expiry may be a month (202612) or a day (20261218).
            and instrument.expiry.startswith(self.expiry)
            and instrument.trades_at(self.exchange)
        )


class Universe:
    """All instruments, by con_id, the exchange rates to the base currency, and the market rules by id."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        rates: dict[str, Decimal],
        market_rules: dict[int, tuple[PriceStep, ...]] | None = None,
        listing: Callable[[date], Iterable[Instrument]] = lambda day: (),
    ) -> None:
        self._listing = listing
        #: What expired before this day is known, but no longer listed; None: everything is.
        self.today: date | None = None
        #: Whether the listing follows the gateway's clock.
        self.is_rolling = False
        self.instruments: dict[int, Instrument] = {}
        self.combos: dict[int, Instrument] = {}
        #: Every order of a client asks the same question again.
        self._answers: dict[ContractQuery, list[Instrument]] = {}
        self.rates = rates
        self.market_rules = market_rules or {}
        self._by_symbol: dict[str, list[Instrument]] = defaultdict(list)
        self._by_local_symbol: dict[str, list[Instrument]] = defaultdict(list)
        self._by_isin: dict[str, list[Instrument]] = defaultdict(list)
        self._options: dict[int, list[Instrument]] = defaultdict(list)
        for instrument in instruments:
            self._add(instrument)

    def roll(self, today: date) -> None:
        """Have the months listed that are listed on this day; those before it are expired."""
        self.today = today
        self._answers.clear()
        for instrument in self._listing(today):
            if self.instruments.get(instrument.con_id) != instrument:
                self._add(instrument)

    def is_listed(self, instrument: Instrument) -> bool:
        """Whether it has not expired."""
        return self.today is None or not instrument.expiry or instrument.expiry >= f"{self.today:%Y%m%d}"

    def _add(self, instrument: Instrument) -> None:
        known = self.instruments.setdefault(instrument.con_id, instrument)
        if known is not instrument:
            raise ValueError(f"{instrument.local_symbol} has the con_id of {known.local_symbol}")
        self._by_symbol[instrument.symbol].append(instrument)
        self._by_local_symbol[instrument.local_symbol].append(instrument)
        if instrument.bond:
            self._by_symbol[instrument.bond.cusip].append(instrument)
        self._by_isin[instrument.isin].append(instrument)
        if instrument.is_option:
            self._options[instrument.under_con_id].append(instrument)

    def add_combo(self, symbol: str, exchange: str, legs: tuple[ComboPart, ...]) -> Instrument:
        """Return the combination of these legs, the same one for the same legs. All legs share a currency."""
        first = self.instruments[legs[0].con_id]
        name = ",".join(f"{leg.con_id}|{leg.ratio}" for leg in legs)
        con_id = _COMBOS_FROM + crc32(name.encode()) % _COMBO_COUNT
        while (known := self.combos.get(con_id)) is not None and known.legs != legs:
            con_id += 1
        combo = known or Instrument(
            con_id=con_id,
            symbol=symbol or first.symbol,
            sec_type="BAG",
            currency=first.currency,
            exchange=exchange or "SMART",
            local_symbol=symbol or first.symbol,
            trading_class="COMB",
            min_tick=first.min_tick,
            multiplier=first.multiplier,
            price=Decimal(1),
            commission=CommissionPlan(),
            legs=legs,
        )
        return self.combos.setdefault(con_id, combo)

    def __getitem__(self, con_id: int) -> Instrument:
        return self.instruments.get(con_id) or self.combos[con_id]

    def find(self, query: ContractQuery) -> list[Instrument]:
        """Return every instrument that the query may mean, in the order of the file."""
        found = self._answers.get(query)
        if found is None:
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.clear()
            found = self._answers[query] = self._look_up(query)
        return found

    def _look_up(self, query: ContractQuery) -> list[Instrument]:
        if query.con_id > 0:
            # A con_id says it all; gateways then only look at the exchange.
            found = self.instruments.get(query.con_id)
            return [found] if found and found.trades_at(query.exchange) and self._shows(query, found) else []
        if query.symbol:
            candidates = self._by_symbol.get(query.symbol, [])
        elif query.local_symbol:
            candidates = self._by_local_symbol.get(query.local_symbol, [])
        elif query.isin:
            candidates = self._by_isin.get(query.isin, [])
        elif query.cusip:
            candidates = self._by_symbol.get(query.cusip, [])
        else:
            return []
        return [found for found in candidates if query.fits(found) and self._shows(query, found)]

    def _shows(self, query: ContractQuery, instrument: Instrument) -> bool:
        return query.includes_expired or self.is_listed(instrument)

    def symbols(self, symbol: str) -> list[Instrument]:
        """Return the instruments that go by this symbol or local symbol (`EUR`, `EUR.USD`), but options."""
        found = [known for known in self._by_symbol.get(symbol, []) if not known.is_option]
        found = found or self._by_local_symbol.get(symbol, [])
        listed = [instrument for instrument in found if self.is_listed(instrument)]
        shares = {instrument.con_id for instrument in listed if instrument.sec_type == "STK"}
        # A CFD on a share has its ticker.
        return [instrument for instrument in listed if instrument.under_con_id not in shares]

    def options(self, con_id: int) -> list[Instrument]:
        """Return the options on an underlying, in the order of the file."""
        return [option for option in self._options.get(con_id, []) if self.is_listed(option)]

    def rate(self, currency: str) -> Decimal:
        """Return how much one unit of `currency` is worth in base currency."""
        return self.rates.get(currency, Decimal(1))
