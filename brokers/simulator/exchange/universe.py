"""Reading the universe file: instruments grouped by kind, so that a new one is one short line.

What has no con_id in the file gets one made from its names, in a range that real ones have not reached.
Option chains are listed by expiries and strikes; their opening prices follow from the underlying's. Months
that the file does not name are listed as the days pass (`listing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any
from zlib import crc32

import msgspec

from brokers.simulator.exchange.instruments import Instrument, PriceStep, Universe
from brokers.simulator.exchange.listing import Months, option_expiries
from brokers.simulator.exchange.options import option_price

#: Con_ids that are ours: real ones are below a billion.
SYNTHETIC_FROM, SYNTHETIC_COUNT = 1_900_000_000, 200_000_000
#: How many days an option that is listed after the file was made has to go, when its price is worked out.
_LISTED_FOR = 60
#: The market rule of what names none: a cent everywhere.
DEFAULT_RULE = 26

Rules = Mapping[int, tuple[PriceStep, ...]]


class InstrumentKind(msgspec.Struct, kw_only=True):
    """What a group of instruments has in common, and the instruments; the latter's values win."""

    common: dict[str, Any]
    instruments: list[dict[str, Any]]
    months: Months | None = None

    def rows(self, since: date, today: date) -> Iterator[dict[str, Any]]:
        """Yield what the file names, then the months that were listed after it was made.

        Each of those opens as far above the month before it as the file's own months are apart.
        """
        yield from self.instruments
        if self.months is None:
            return
        named = {values["local_symbol"] for values in self.instruments}
        prices = [Decimal(str(values["price"])) for values in self.instruments]
        step, price = (prices[-1] - prices[0]) / max(len(prices) - 1, 1), prices[-1]
        for local_symbol, expiry in self.months.listed(since, today):
            if local_symbol not in named or expiry > self.instruments[-1]["expiry"]:
                price += step
                yield {
                    "local_symbol": local_symbol,
                    "expiry": expiry,
                    "price": price,
                    "is_listed_later": True,
                }


class Chain(msgspec.Struct, kw_only=True):
    """The options of one underlying and trading class: every strike at every expiry, calls and puts.

    An underlying by symbol is a future: options on each of its months, which end with it. `volatility` is
    a share a year; opening prices are those of the file's date.
    """

    underlying: int | str
    expiries: list[str]
    strikes: tuple[Decimal, Decimal, Decimal]
    volatility: float
    common: dict[str, Any]
    #: How many of the next months, and of the quarters after them, are listed on any day.
    months: int = 0
    quarters: int = 0

    def underlyings(self, known: Mapping[int, Instrument]) -> list[Instrument]:
        """Return what its options are on."""
        if isinstance(self.underlying, int):
            return [known[self.underlying]]
        futures = (found for found in known.values() if found.sec_type == "FUT")
        return [future for future in futures if future.symbol == self.underlying]

    def all_expiries(self, underlying: Instrument, since: date, today: date) -> list[str]:
        """Return those of the file, and those that were listed after it was made."""
        if underlying.sec_type == "FUT":
            return [underlying.expiry]
        later = option_expiries(since, today, self.months, self.quarters)
        return sorted({*self.expiries, *(f"{expiry:%Y%m%d}" for expiry in later)})

    def all_strikes(self) -> Iterator[Decimal]:
        """Yield the strikes from the first to the last, by the step."""
        strike, last, step = self.strikes
        while strike <= last:
            yield strike
            strike += step


class UniverseFile(msgspec.Struct, kw_only=True):
    """The file: currencies in base currency, market rules by id, kinds by a name of their own, chains."""

    base_currency: str
    as_of: date
    rates: dict[str, Decimal]
    market_rules: dict[int, tuple[PriceStep, ...]]
    kinds: dict[str, InstrumentKind]
    chains: list[Chain]


def load_universe(text: bytes | None = None, today: date | None = None) -> Universe:
    """Return the universe in `text`, by default the one that comes with the package, as of `today`.

    Without a day it is as of the file's for ever. Raises msgspec.ValidationError naming the value that
    does not fit, ValueError for a con_id used twice.
    """
    data = text or resources.files("brokers.simulator").joinpath("data/universe.json").read_bytes()
    file = msgspec.json.decode(data, type=UniverseFile)
    rates = {file.base_currency: Decimal(1), **file.rates}
    universe = Universe((), rates, file.market_rules, listing=lambda day: _listed(file, day))
    universe.roll(today or file.as_of)
    universe.is_rolling = today is not None
    return universe


def _listed(file: UniverseFile, today: date) -> Iterator[Instrument]:
    """Yield everything that was listed from the file's day to `today`."""
    by_con_id: dict[int, Instrument] = {}
    for kind in file.kinds.values():
        for values in kind.rows(file.as_of, today):
            instrument = _instrument({**kind.common, **values}, file.market_rules)
            by_con_id[instrument.con_id] = instrument
            yield instrument
    for chain in file.chains:
        for underlying in chain.underlyings(by_con_id):
            yield from _options(chain, underlying, file, today)


def _instrument(values: Mapping[str, Any], rules: Rules) -> Instrument:
    """Return the instrument; its own symbol stands for the names that the file leaves out."""
    symbol = values["symbol"]
    local = values.get("local_symbol", symbol)
    names = {"local_symbol": local, "trading_class": local, "market_name": values.get("trading_class", local)}
    key = f"{values['sec_type']} {local} {values.get('primary_exchange', values['exchange'])}"
    if values.get("is_listed_later") or values["sec_type"] == "FOP":
        key += f" {values['expiry']}"  # ESZ6 is listed again in 2036
    con_id = {"con_id": SYNTHETIC_FROM + crc32(key.encode()) % SYNTHETIC_COUNT}
    steps = {"price_steps": rules.get(values.get("market_rule", DEFAULT_RULE), ())}
    made = msgspec.convert({**con_id, **names, **steps, **values}, Instrument, strict=False)
    if not values.get("is_listed_later"):
        return made
    return msgspec.structs.replace(made, price=made.round_to_tick(made.price))


def _options(chain: Chain, underlying: Instrument, file: UniverseFile, today: date) -> Iterator[Instrument]:
    for expiry in chain.all_expiries(underlying, file.as_of, today):
        # One that was listed later opens as one of two months.
        days = (date.fromisoformat(expiry) - file.as_of).days if expiry in chain.expiries else _LISTED_FOR
        years = days / 365
        for strike in chain.all_strikes():
            for right in ("C", "P"):
                price = option_price(
                    right, float(underlying.price), float(strike), max(years, 0.0), chain.volatility
                )
                names = _option_names(chain, underlying, expiry, strike, right)
                tick = Decimal(str(chain.common.get("min_tick", "0.01")))
                opening = {"price": max(Decimal(str(price)) // tick, Decimal(1)) * tick}
                option = _instrument({**names, **opening, **chain.common}, file.market_rules)
                # The rule may be coarser than the tick at this price.
                yield msgspec.structs.replace(option, price=option.round_to_tick(option.price))


def _option_names(
    chain: Chain, underlying: Instrument, expiry: str, strike: Decimal, right: str
) -> dict[str, Any]:
    trading_class = chain.common.get("trading_class", underlying.symbol)
    if chain.common["sec_type"] == "FOP":
        # Options on futures: the class, month and year of the future, right and strike.
        local_symbol = f"{underlying.local_symbol} {right}{strike.normalize():f}"
    else:
        # As listed since 2010: root, date, right, strike in thousandths.
        local_symbol = f"{trading_class:<6}{expiry[2:]}{right}{int(strike * 1000):08}"
    return {
        "symbol": underlying.symbol,
        "currency": underlying.currency,
        "long_name": underlying.long_name,
        "industry": underlying.industry,
        "category": underlying.category,
        "subcategory": underlying.subcategory,
        "trading_class": trading_class,
        "local_symbol": local_symbol,
        "expiry": expiry,
        "strike": strike,
        "right": right,
        "under_con_id": underlying.con_id,
    }
