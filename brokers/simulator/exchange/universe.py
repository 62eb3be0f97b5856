"""Reading the universe file: instruments grouped by kind, so that a new one is one short line."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from brokers.simulator.exchange.instruments import Instrument, Universe


class Kind(msgspec.Struct, kw_only=True):
    """What a group of instruments has in common, and the instruments; the latter's values win."""

    common: dict[str, Any]
    instruments: list[dict[str, Any]]


class UniverseFile(msgspec.Struct, kw_only=True):
    """The file: rates of currencies in base currency, and the kinds by a name of their own."""

    base_currency: str
    rates: dict[str, Decimal]
    kinds: dict[str, Kind]


def load_universe(text: bytes | None = None) -> Universe:
    """Return the universe in `text`, by default the one that comes with the package.

    Raises msgspec.ValidationError naming the value that does not fit.
    """
    data = text or resources.files("brokers.simulator").joinpath("data/universe.json").read_bytes()
    file = msgspec.json.decode(data, type=UniverseFile)
    instruments = [
        msgspec.convert({**kind.common, **values}, Instrument, strict=False)
        for kind in file.kinds.values()
        for values in kind.instruments
    ]
    return Universe(instruments, {file.base_currency: Decimal(1), **file.rates})
