"""The end of the day: which orders go with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders.terms import NIGHT_VENUES

_OF_THE_DAY = ("DAY", "OPG", "AUC")


class DayEnd:
    """Takes out day orders; `expire` does it to one."""

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        clock: Callable[[], datetime],
        expire: Callable[[OrderRecord], None],
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._clock = clock
        self._expire = expire

    def expire_before(self, midnight: datetime) -> None:
        """Take out the day orders whose day is over: without trading hours, those from before `midnight`."""
        self._expire_if(lambda record: self._is_over(record, midnight))

    def expire_all(self) -> None:
        """Take out every day order, whatever the time is."""
        self._expire_if(lambda record: True)

    def _expire_if(self, is_over: Callable[[OrderRecord], bool]) -> None:
        for record in self._state.open_orders():
            # One that went may have taken others with it.
            if record.order.tif in _OF_THE_DAY and not record.is_done and is_over(record):
                self._expire(record)

    def _is_over(self, record: OrderRecord, midnight: datetime) -> bool:
        hours = self._exchange.hours
        if hours is None or record.combo_legs:
            return record.received_at < midnight
        instrument = self._state.universe[record.con_id]
        if record.exchange in NIGHT_VENUES:
            end = hours.night_end(instrument, record.received_at)
        else:
            end = hours.day_end(instrument, record.received_at, outside_rth=bool(record.order.outside_rth))
        return end <= self._clock() if end else record.received_at < midnight
