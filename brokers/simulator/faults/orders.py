"""Faults of orders and executions: late fills, corrections, busts, commissions that do not come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.orders import Filled
from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.faults.armed import Faults
from brokers.simulator.faults.callbacks import CallbackFaults
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS, Site
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import Corrected, Executed, OrderRecord, Status, StatusChanged
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders import echo
from brokers.simulator.gateway.orders.fills import Fills
from brokers.simulator.gateway.orders.publisher import OrderPublisher
from brokers.simulator.gateway.orders.service import OrderService
from brokers.simulator.gateway.texts.numbers import plain
from brokers.simulator.wire.values import UNSET_DOUBLE

_KINDS = [name for name, kind in KINDS.items() if kind.site is Site.EXECUTION]
_BUSTED = "Cancelled by System:\nTrade busted"
ZERO = Decimal(0)


class OrderFaults:
    """Makes happen to orders what the market would not."""

    def __init__(
        self,
        state: State,
        faults: Faults,
        agenda: Agenda,
        callbacks: CallbackFaults,
        orders: OrderService,
        exchange: Exchange,
        publisher: OrderPublisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._faults = faults
        self._agenda = agenda
        self._callbacks = callbacks
        self._orders = orders
        self._exchange = exchange
        self._publisher = publisher
        self._fills = Fills(state, clock)
        self._clock = clock

    # -- fills at the wrong time ------------------------------------------------------------------

    def fill_first(self, record: OrderRecord, fraction: float) -> None:
        """Fill a part of an open order just before the cancel that is being read."""
        if _is_one_trade(record):
            self._orders.fill_elsewhere(self._fill(record, fraction))

    def cancel_late(self, link: Link, record: OrderRecord, delay: float) -> None:
        """Answer a cancel as if one was under way already."""
        self._orders.cancel_late(link, record, delay)

    def late_fill(self, record: OrderRecord, fraction: float) -> None:
        """Report a fill of an order whose cancel was confirmed."""
        is_known = record.perm_id in self._state.orders
        if not (is_known and _is_one_trade(record) and record.remaining > 0):
            return
        fact, _ = self._fills.book(record, self._fill(record, fraction))
        self._publisher.publish_execution(record, fact)
        if not record.remaining:
            self._end(record, Status.FILLED, _filled(record))
        self._publisher.publish_order(record)
        self._publisher.publish(record, echo.commission_report(fact))

    def _fill(self, record: OrderRecord, fraction: float) -> Filled:
        lot = self._state.universe[record.con_id].lot
        lots = max(int(record.remaining / lot * Decimal(str(fraction))), 1)
        quantity = min(lots * lot, record.remaining)
        price = record.limit or record.order.lmt_price or self._exchange.last_price(record.con_id)
        return Filled(record.perm_id, quantity, price, added_liquidity=True)

    # -- executions -------------------------------------------------------------------------------

    def executed(self, fact: Executed) -> None:
        """Strike an execution that was just booked."""
        if not self._faults.is_armed(_KINDS):
            return
        record = self._state.orders[fact.perm_id]
        self._withhold_commission(record, fact)
        if not _is_one_trade(record):
            return
        wrong = self._faults.strike("correct_execution", record)
        if wrong:
            self._agenda.after(wrong.delay, lambda: self._correct(fact.exec_id, wrong))
        turn = self._faults.strike("turn_execution", record)
        if turn:
            self._agenda.after(turn.delay, lambda: self._turn(fact.exec_id))
        bust = self._faults.strike("bust_execution", record)
        first = self._faults.strike("bust_first", record)
        if first:
            self._callbacks.late_executions[fact.exec_id] = first.delay
            self._agenda.after(0, lambda: self._replace(fact.exec_id, ZERO, fact.price, ZERO))
        if bust:
            self._agenda.after(bust.delay, lambda: self._replace(fact.exec_id, ZERO, fact.price, ZERO))

    def _withhold_commission(self, record: OrderRecord, fact: Executed) -> None:
        late = self._faults.strike("late_commission", record)
        if late or self._faults.strike("no_commission", record):
            self._callbacks.no_commission[fact.exec_id] = record.perm_id
        if late:
            self._agenda.after(late.delay, lambda: self._publish_commission(record, fact))
        if unknown := self._faults.strike("unknown_commission", record):
            self._callbacks.no_commission[fact.exec_id] = record.perm_id
            nothing = {"commission": UNSET_DOUBLE, "realized_pnl": UNSET_DOUBLE}
            self._agenda.after(0, lambda: self._publish_other(record, fact, **nothing))
            self._agenda.after(unknown.delay, lambda: self._publish_other(record, fact))
        if waver := self._faults.strike("wavering_commission", record):
            other = {"commission": fact.commission + 1}
            self._agenda.after(waver.delay, lambda: self._publish_other(record, fact, **other))
            self._agenda.after(2 * waver.delay, lambda: self._publish_other(record, fact))

    def _publish_other(self, record: OrderRecord, fact: Executed, **figures: Decimal) -> None:
        """A commission report, with these figures instead of those in the books."""
        self._callbacks.no_commission.pop(fact.exec_id, None)
        told = msgspec.structs.replace(echo.commission_report(fact), **figures)
        self._publisher.publish(record, told)

    def _publish_commission(self, record: OrderRecord, fact: Executed) -> None:
        if self._callbacks.no_commission.pop(fact.exec_id, None) is None:
            return
        if record.status is Status.FILLED:
            self._publisher.publish_order(record, with_commission=True)
        self._publisher.publish(record, echo.commission_report(fact))

    def _correct(self, exec_id: str, wrong: Fault) -> None:
        fact = self._newest(exec_id)
        if fact is None or not fact.shares:
            return  # forgotten, or a bust, which nothing brings back
        price_change = wrong.price_change
        if not (price_change or wrong.shares_change):
            price_change = self._state.universe[fact.con_id].min_tick
        shares = max(fact.shares + wrong.shares_change, ZERO)
        self._replace(exec_id, shares, fact.price + price_change, fact.commission)

    def _turn(self, exec_id: str) -> None:
        fact = self._newest(exec_id)
        if fact is not None and fact.shares:
            self._replace(exec_id, fact.shares, fact.price, fact.commission, turned=True)

    def _replace(
        self, exec_id: str, shares: Decimal, price: Decimal, commission: Decimal, *, turned: bool = False
    ) -> None:
        """Put another version in an execution's place (ib-api section 3: only the suffix differs)."""
        old = self._newest(exec_id)
        if old is None:
            return
        stem, _, version = old.exec_id.rpartition(".")
        new_id = f"{stem}.{int(version) + 1:02d}"
        other = Corrected(
            of=old.exec_id, exec_id=new_id, shares=shares, price=price, commission=commission, turned=turned
        )
        self._state.apply(other)
        record, new = self._state.orders[old.perm_id], self._state.execution(new_id)
        assert new is not None  # noqa: S101 - it was just made
        self._settle(record)
        self._publisher.publish_execution(record, new)
        self._publisher.publish_order(record)
        self._publisher.publish(record, echo.commission_report(new))

    def _newest(self, exec_id: str) -> Executed | None:
        stem = exec_id.rpartition(".")[0]
        versions = [fact for fact in self._state.executions if fact.exec_id.rpartition(".")[0] == stem]
        return versions[-1] if versions else None

    def _settle(self, record: OrderRecord) -> None:
        """Bring an order's status in line with what is left of its fills.

        What a bust takes from an order that was done does not come back to the market.
        """
        if not record.is_done:
            self._orders.resubmit(record)
        elif record.status is Status.FILLED and record.remaining > 0:
            self._end(record, Status.CANCELLED, _BUSTED)
        elif record.status is Status.CANCELLED and record.remaining <= 0:
            self._end(record, Status.FILLED, _filled(record))

    def _end(self, record: OrderRecord, status: Status, completed_status: str) -> None:
        self._state.apply(
            StatusChanged(
                perm_id=record.perm_id, status=status, at=self._clock(), completed_status=completed_status
            )
        )


def _is_one_trade(record: OrderRecord) -> bool:
    """Whether a fill is one execution, and not one per leg or per account of a group."""
    return not (record.combo_legs or record.allocation)


def _filled(record: OrderRecord) -> str:
    return f"Filled Size: {plain(record.filled):f}"
