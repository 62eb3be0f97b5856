"""Fills as facts: ids, venue, liquidity, and the commission that the order owes more than before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from brokers.simulator.exchange.book import ZERO, Side
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import ComboFilled, Filled, LegFill
from brokers.simulator.gateway.accounts.allocation import allot
from brokers.simulator.gateway.memory.facts import Executed, OrderRecord
from brokers.simulator.gateway.memory.state import State

#: Commissions are worked out to this.
_LEAST_CHARGE = Decimal("0.000001")


class Fills:
    """Books what the market reports as traded."""

    def __init__(self, state: State, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock

    def book(self, record: OrderRecord, event: Filled) -> tuple[Executed, list[Executed]]:
        """Book a fill of an ordinary order, with the shares that several accounts have in it."""
        whole = self._book_whole(record, event)
        return whole, self._allocate(record, whole) if record.allocation else []

    def _allocate(self, record: OrderRecord, whole: Executed) -> list[Executed]:
        """Give every account what it is short of its share of all that was filled."""
        lot = self._state.universe[record.con_id].lot
        before = allot(record.filled - whole.shares, record.allocation, lot)
        after = allot(record.filled, record.allocation, lot)
        # A remainder may move on to another account as the order fills: nobody gives anything back.
        wanted = {name: max(after[name] - before[name], ZERO) for name in after}
        allotted = allot(whole.shares, wanted, lot)
        charged = allot(whole.commission, allotted, _LEAST_CHARGE)
        booked = []
        for account, shares in allotted.items():
            if shares:
                share = msgspec.structs.replace(
                    whole,
                    exec_id=self._state.next_exec_id(),
                    account=account,
                    shares=shares,
                    cum_qty=after[account],
                    commission=charged[account].normalize(),
                    realized=None,
                    share_of=whole.exec_id,
                )
                self._state.apply(share)
                booked.append(share)
        return booked

    def _book_whole(self, record: OrderRecord, event: Filled) -> Executed:
        instrument = self._state.universe[record.con_id]
        total = record.value + event.quantity * event.price
        # The plan speaks of the whole order: an execution is charged what the order owes more than before.
        owed = instrument.commission.total(record.filled + event.quantity, total * instrument.multiplier)
        return self._apply(
            record,
            instrument,
            record.order.action,
            event.quantity,
            event.price,
            max(owed - record.commission, ZERO),
            1 if event.added_liquidity else 2,
        )

    def book_combo(self, record: OrderRecord, event: ComboFilled) -> tuple[Executed, list[Executed]]:
        """Book a fill of a combination: one execution for the whole, which is free, one per leg."""
        whole = self._apply(
            record,
            self._state.universe[record.con_id],
            record.order.action,
            event.quantity,
            event.price,
            ZERO,
            2,
        )
        return whole, [self._book_leg(record, leg) for leg in event.legs]

    def _book_leg(self, record: OrderRecord, leg: LegFill) -> Executed:
        instrument = self._state.universe[leg.con_id]
        value = leg.quantity * leg.price * instrument.multiplier
        commission = instrument.commission.total(leg.quantity, value)
        return self._apply(record, instrument, leg.side, leg.quantity, leg.price, commission, 2)

    def _apply(
        self,
        record: OrderRecord,
        instrument: Instrument,
        side: str | Side,
        quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        liquidity: int,
    ) -> Executed:
        is_whole = instrument.con_id == record.con_id
        filled = record.filled + quantity if is_whole else quantity
        value = record.value + quantity * price if is_whole else quantity * price
        fact = Executed(
            exec_id=self._state.next_exec_id(),
            perm_id=record.perm_id,
            con_id=instrument.con_id,
            account=record.account,
            side=str(side),
            shares=quantity,
            price=price,
            at=self._clock(),
            venue=self._venue(record, instrument),
            liquidity=liquidity,
            cum_qty=filled,
            avg_price=round(value / filled, 8).normalize(),
            commission=commission,
            currency=instrument.currency,
        )
        self._state.apply(fact)
        return fact

    def _venue(self, record: OrderRecord, instrument: Instrument) -> str:
        """SMART is no venue: such an order executes at one after the other."""
        venues = [venue for venue in instrument.venues if venue != "SMART"]
        if record.exchange != "SMART" or not venues:
            return record.exchange
        return venues[self._state.exec_count % len(venues)]
