"""What is kept of markets that people and orders once looked at: nothing, when nobody does any more."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any, cast

import pytest

from brokers.fix import SecType
from brokers.ib import prices
from brokers.ib.prices import Prices
from brokers.messages import InstrumentRef


class Gateway:
    """A connection that takes all, and keeps none of it."""

    def __init__(self) -> None:
        self.listener, self._numbers, self.lines = self, count(1), set[int]()

    def next_id(self) -> int:
        return next(self._numbers)

    async def room(self) -> None:
        """There is always room."""

    def live_client(self) -> Any:
        return self

    def reqMktData(self, number: int, *_: object) -> None:
        self.lines.add(number)

    def cancelMktData(self, number: int) -> None:
        self.lines.remove(number)

    def price_seen(self, *_: object) -> None:
        """A price went to the books."""

    quote_changed = price_seen


def instruments(first: int, how_many: int = 2) -> list[InstrumentRef]:
    return [
        InstrumentRef(symbol="X", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=con_id)
        for con_id in range(first, first + how_many)
    ]


async def look_at_ever_others(watched: Prices, gateway: Gateway, looks: int) -> None:
    for look in range(looks):
        watched.watch(instruments(1 + 2 * look))
        while watched._queue:
            await asyncio.sleep(0)
        for number in [*gateway.lines, *watched.watched]:
            watched.tick(number, 1, 5.0)
        if look % 10 == 9:  # a new connection knows no subscription of the old one
            gateway.lines.clear()
            watched.disconnected()
            watched.connected()


@pytest.mark.parametrize("looks", [10, 1_000])
def test_quotes_of_ever_other_instruments_are_not_kept(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    monkeypatch.setattr(prices, "GAP", 0)
    gateway = Gateway()
    watched = Prices(cast(Any, gateway))
    asyncio.run(look_at_ever_others(watched, gateway, looks))
    kept = [one for one in vars(watched).values() if hasattr(one, "__len__")]
    assert all(len(one) <= 4 for one in kept)
