"""Order conditions: price, time, margin, execution, volume, percent change (IB's kinds 1, 3, 4, 5, 6, 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import takewhile

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.exchange.market import Market
from brokers.simulator.exchange.orders import Phase
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.times import parse_moment
from brokers.simulator.wire.records import Condition

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7
_KINDS = frozenset({PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE})
_ABOUT_AN_INSTRUMENT = (PRICE, VOLUME, PERCENT_CHANGE)
#: Trigger methods of a price condition that use the quotes and not the last trade.
_BID_ASK, _MIDPOINT = (1, 4), 8


def invalid_reason(condition: Condition, universe: Universe, now: datetime) -> str:
    """Return what is wrong with a condition, nothing if it can be watched."""
    if condition.kind not in _KINDS:
        return f"The condition type {condition.kind} is unknown"
    if condition.conjunction not in ("a", "o"):
        return "The condition's conjunction is neither and nor or"
    if condition.kind == EXECUTION:
        return "" if condition.symbol else "The execution condition names no symbol"
    if condition.kind in _ABOUT_AN_INSTRUMENT and (condition.con_id or 0) not in universe.instruments:
        return "The condition's contract is unknown"
    try:
        if condition.kind == TIME:
            parse_moment(condition.value, now)
        elif not Decimal(condition.value).is_finite():
            return f"The condition's value '{condition.value}' is no number"
    except (ValueError, InvalidOperation):
        return f"The condition's value '{condition.value}' cannot be read"
    return ""


class Conditions:
    """Decides whether an order's conditions are met."""

    def __init__(
        self, state: State, exchange: Exchange, valuation: Valuation, clock: Callable[[], datetime]
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._valuation = valuation
        self._clock = clock
        self._tests: dict[int, Callable[[OrderRecord, Condition], bool]] = {
            PRICE: self._price,
            TIME: self._time,
            MARGIN: self._margin,
            EXECUTION: self._execution,
            VOLUME: self._volume,
            PERCENT_CHANGE: self._percent_change,
        }

    def are_met(self, record: OrderRecord) -> bool:
        """Whether the conditions hold now: `and` binds closer than `or`, a conjunction looks ahead."""
        order = record.order
        if not (order.conditions_ignore_rth or self._is_regular(record)):
            return False
        return any(
            all(self._tests[condition.kind](record, condition) for condition in together)
            for together in _alternatives(order.conditions)
        )

    def _is_regular(self, record: OrderRecord) -> bool:
        """Whether the order's own market is in regular hours; of a combination, that of its first leg."""
        con_id = record.combo_legs[0].con_id if record.combo_legs else record.con_id
        return self._exchange.market(con_id).phase is Phase.OPEN

    def _market(self, condition: Condition) -> Market:
        return self._exchange.market(condition.con_id or 0)

    def _price(self, record: OrderRecord, condition: Condition) -> bool:
        price = self._observed(self._market(condition), condition)
        return price is not None and _compare(price, condition)

    @staticmethod
    def _observed(market: Market, condition: Condition) -> Decimal | None:
        bid, ask = market.book.bid, market.book.ask
        if condition.trigger_method in _BID_ASK:
            return bid if condition.is_more else ask
        if condition.trigger_method == _MIDPOINT and bid is not None and ask is not None:
            return (bid + ask) / 2
        return market.day.last

    def _time(self, record: OrderRecord, condition: Condition) -> bool:
        moment = parse_moment(condition.value, record.received_at)
        return self._clock() >= moment if condition.is_more else self._clock() <= moment

    def _margin(self, record: OrderRecord, condition: Condition) -> bool:
        totals = self._valuation.totals(self._state.accounts[record.account])
        net = totals.net_liquidation
        cushion = (net - totals.margin) / net * 100 if net else Decimal(0)
        return _compare(cushion, condition)

    def _execution(self, record: OrderRecord, condition: Condition) -> bool:
        since = takewhile(lambda fact: fact.at >= record.received_at, reversed(self._state.executions))
        return any(self._is_about(fact.con_id, condition) for fact in since)

    def _is_about(self, con_id: int, condition: Condition) -> bool:
        instrument = self._state.universe[con_id]
        return (
            instrument.symbol == condition.symbol
            and condition.sec_type in ("", instrument.sec_type)
            and instrument.trades_at(condition.exchange)
        )

    def _volume(self, record: OrderRecord, condition: Condition) -> bool:
        return _compare(self._market(condition).day.volume, condition)

    def _percent_change(self, record: OrderRecord, condition: Condition) -> bool:
        day = self._market(condition).day
        return _compare((day.last - day.close) / day.close * 100, condition)


def _compare(value: Decimal, condition: Condition) -> bool:
    wanted = Decimal(condition.value)
    return value >= wanted if condition.is_more else value <= wanted


def _alternatives(conditions: Iterable[Condition]) -> list[list[Condition]]:
    groups: list[list[Condition]] = [[]]
    for condition in conditions:
        groups[-1].append(condition)
        if condition.conjunction == "o":
            groups.append([])
    return [group for group in groups if group]
