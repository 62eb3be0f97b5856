"""Reading the universe file: instruments grouped by kind, so that a new one is one short line.

What has no con_id in the file gets one made from its names, in a range that real ones have not reached.
Option chains are listed by expiries and strikes; their opening prices follow from the underlying's.
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
from brokers.simulator.exchange.options import option_price

#: Con_ids that are ours: real ones are below a billion.
SYNTHETIC_FROM, SYNTHETIC_COUNT = 1_900_000_000, 200_000_000
#: The market rule of what names none: a cent everywhere.
DEFAULT_RULE = 26

Rules = Mapping[int, tuple[PriceStep, ...]]


class InstrumentKind(msgspec.Struct, kw_only=True):
    """What a group of instruments has in common, and the instruments; the latter's values win."""

    common: dict[str, Any]
    instruments: list[dict[str, Any]]


class Chain(msgspec.Struct, kw_only=True):
    """The options of one underlying and trading class: every strike at every expiry, calls and puts.

    `volatility` is a share a year; opening prices are those of the file's date.
    """

    underlying: int
    expiries: list[str]
    strikes: tuple[Decimal, Decimal, Decimal]
    volatility: float
    common: dict[str, Any]

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


def load_universe(text: bytes | None = None) -> Universe:
    """Return the universe in `text`, by default the one that comes with the package.

    Raises msgspec.ValidationError naming the value that does not fit, ValueError for a con_id used twice.
    """
    data = text or resources.files("brokers.simulator").joinpath("data/universe.json").read_bytes()
    file = msgspec.json.decode(data, type=UniverseFile)
    listed = [
        _instrument({**kind.common, **values}, file.market_rules)
        for kind in file.kinds.values()
        for values in kind.instruments
    ]
    by_con_id = {instrument.con_id: instrument for instrument in listed}
    options = (
        option for chain in file.chains for option in _options(chain, by_con_id[chain.underlying], file)
    )
    rates = {file.base_currency: Decimal(1), **file.rates}
    return Universe([*listed, *options], rates, file.market_rules)


def _instrument(values: Mapping[str, Any], rules: Rules) -> Instrument:
    """Return the instrument; its own symbol stands for the names that the file leaves out."""
    symbol = values["symbol"]
    local = values.get("local_symbol", symbol)
    names = {"local_symbol": local, "trading_class": local, "market_name": values.get("trading_class", local)}
    key = f"{values['sec_type']} {local} {values.get('primary_exchange', values['exchange'])}"
    con_id = {"con_id": SYNTHETIC_FROM + crc32(key.encode()) % SYNTHETIC_COUNT}
    steps = {"price_steps": rules.get(values.get("market_rule", DEFAULT_RULE), ())}
    return msgspec.convert({**con_id, **names, **steps, **values}, Instrument, strict=False)


def _options(chain: Chain, underlying: Instrument, file: UniverseFile) -> Iterator[Instrument]:
    for expiry in chain.expiries:
        years = (date.fromisoformat(expiry) - file.as_of).days / 365
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
    return {
        "symbol": underlying.symbol,
        "currency": underlying.currency,
        "long_name": underlying.long_name,
        "industry": underlying.industry,
        "category": underlying.category,
        "subcategory": underlying.subcategory,
        "trading_class": trading_class,
        # As listed since 2010: root, date, right, strike in thousandths.
        "local_symbol": f"{trading_class:<6}{expiry[2:]}{right}{int(strike * 1000):08}",
        "expiry": expiry,
        "strike": strike,
        "right": right,
        "under_con_id": underlying.con_id,
    }
