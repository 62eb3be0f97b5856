"""The gateway's whole memory.

`State.apply` is the only door: live work and the replay of the journal go through it, so that what is
written down is exactly what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.gateway.memory.facts import (
    ZERO,
    AccountOpened,
    Adjusted,
    AdvisorConfigured,
    Blocked,
    Bound,
    Cleared,
    Corrected,
    DayEnded,
    Elected,
    Executed,
    Fact,
    Forgotten,
    Hedged,
    IdSeen,
    IdsReset,
    Modified,
    Moved,
    OrderRecord,
    Placed,
    PositionChanged,
    Reduced,
    Released,
    Repeated,
    Snapshot,
    Started,
    Status,
    StatusChanged,
    combo_parts,
)

#: How many permIds one data directory has to give.
PERM_IDS = 1_000_000
OTHER_SIDE = {"BUY": "SELL", "SELL": "BUY"}
SIGNS = {"BUY": 1, "SELL": -1}


class State:
    """Orders, executions, accounts and id sequences; `on_fact` is called after every change."""

    def __init__(self, universe: Universe, on_fact: Callable[[Fact], None] = lambda fact: None) -> None:
        self.universe = universe
        self.on_fact = on_fact
        self.epoch = 0
        self.perm_count = 0
        self.exec_count = 0
        self.order_ids: dict[int, int] = {}
        self.accounts: dict[str, Account] = {}
        self.advisor: dict[int, str] = {}
        self.orders: dict[int, OrderRecord] = {}
        self.open: dict[int, OrderRecord] = {}
        self.executions: list[Executed] = []
        self.changes: list[PositionChanged] = []
        self.day_began_at: datetime | None = None
        #: How many orders there were when order ids last began at 1.
        self.ids_reset_at = 0
        self._by_order_id: dict[tuple[int, int], OrderRecord] = {}
        self._appliers: dict[type[Fact], Callable[[Any], None]] = {
            Placed: self._placed,
            Modified: self._modified,
            Adjusted: self._adjusted,
            Repeated: self._repeated,
            StatusChanged: self._status_changed,
            Elected: self._elected,
            Released: self._released,
            Moved: self._moved,
            Blocked: self._blocked,
            Hedged: self._hedged,
            Reduced: self._reduced,
            Bound: self._bound,
            Executed: self._executed,
            PositionChanged: self._position_changed,
            Forgotten: self._forget,
            Corrected: self._corrected,
            IdSeen: self._id_seen,
            IdsReset: self._ids_reset,
            DayEnded: self._day_ended,
            Started: self._started,
            Cleared: self._cleared,
            AccountOpened: self._account_opened,
            AdvisorConfigured: self._advisor_configured,
            Snapshot: self._snapshot,
        }

    def apply(self, fact: Fact) -> None:
        """Change the memory by one fact."""
        self._appliers[type(fact)](fact)
        self.on_fact(fact)

    def order(self, client_id: int, order_id: int) -> OrderRecord | None:
        """Return the order that a client calls `order_id`."""
        return self._by_order_id.get((client_id, order_id))

    def execution(self, exec_id: str) -> Executed | None:
        """Return an execution; recent ones are found fast."""
        return next((fact for fact in reversed(self.executions) if fact.exec_id == exec_id), None)

    def open_orders(self, client_id: int | None = None) -> Iterator[OrderRecord]:
        """Yield open orders, of one client or all, oldest first."""
        for record in list(self.open.values()):
            if client_id is None or record.client_id == client_id:
                yield record

    def next_order_id(self, client_id: int) -> int:
        """Return the lowest order id that this client may use for a new order."""
        return self.order_ids.get(client_id, 0) + 1

    def next_perm_id(self) -> int:
        """Return a permId: an int32 that another data directory begun at another time does not have."""
        return (self.epoch // 30 % 2_000) * PERM_IDS + self.perm_count + 1

    def next_exec_id(self) -> str:
        """Return an execution id in the shape of real ones; the last part counts corrections."""
        return f"{self.epoch:08x}.{self.exec_count + 1:08x}.01.01"

    def snapshot(self) -> Snapshot:
        """Return the memory as one fact."""
        return Snapshot(
            epoch=self.epoch,
            perm_count=self.perm_count,
            exec_count=self.exec_count,
            order_ids=self.order_ids,
            accounts=list(self.accounts.values()),
            records=list(self.orders.values()),
            executions=self.executions,
            advisor=self.advisor,
            day_began_at=self.day_began_at,
            ids_reset_at=self.ids_reset_at,
            changes=self.changes,
        )

    def _started(self, fact: Started) -> None:
        self.epoch = fact.epoch
        self.accounts = {account.name: account for account in fact.accounts}

    def _account_opened(self, fact: AccountOpened) -> None:
        self.accounts[fact.account.name] = fact.account

    def _advisor_configured(self, fact: AdvisorConfigured) -> None:
        self.advisor[fact.kind] = fact.xml

    def _placed(self, fact: Placed) -> None:
        record = fact.record
        self.perm_count += 1
        self._remember(record)
        self._use_id(record.client_id, record.order_id)

    def _remember(self, record: OrderRecord) -> None:
        if record.combo_legs:
            self.universe.add_combo(record.combo_symbol, record.exchange, combo_parts(record.combo_legs))
        self.orders[record.perm_id] = record
        if not record.is_done or record.perm_id % PERM_IDS > self.ids_reset_at:
            self._by_order_id[record.client_id, record.order_id] = record
        if not record.is_done:
            self.open[record.perm_id] = record

    def _modified(self, fact: Modified) -> None:
        record = self.orders[fact.perm_id]
        record.order = fact.order
        record.trigger = record.limit = None
        record.modifications += 1
        record.place_count += 1

    def _adjusted(self, fact: Adjusted) -> None:
        record = self.orders[fact.perm_id]
        record.order = fact.order
        record.trigger = record.limit = None

    def _repeated(self, fact: Repeated) -> None:
        self.orders[fact.perm_id].place_count += 1

    def _status_changed(self, fact: StatusChanged) -> None:
        record = self.orders[fact.perm_id]
        record.status = fact.status
        record.why_held = fact.why_held
        record.blocked_until = None
        if record.is_done:
            record.done_at = fact.at
            record.completed_status = fact.completed_status
            self.open.pop(fact.perm_id, None)

    def _elected(self, fact: Elected) -> None:
        self.orders[fact.perm_id].elected = True

    def _released(self, fact: Released) -> None:
        self.orders[fact.perm_id].released = True

    def _moved(self, fact: Moved) -> None:
        record = self.orders[fact.perm_id]
        record.trigger = fact.trigger if fact.trigger is not None else record.trigger
        record.limit = fact.limit if fact.limit is not None else record.limit

    def _blocked(self, fact: Blocked) -> None:
        record = self.orders[fact.perm_id]
        record.status, record.why_held, record.blocked_until = Status.INACTIVE, "", fact.until

    def _hedged(self, fact: Hedged) -> None:
        self.orders[fact.perm_id].order.total_quantity = fact.quantity

    def _reduced(self, fact: Reduced) -> None:
        order = self.orders[fact.perm_id].order
        order.total_quantity = (order.total_quantity or ZERO) - fact.quantity

    def _bound(self, fact: Bound) -> None:
        record = self.orders[fact.perm_id]
        record.order_id = fact.order_id
        self._by_order_id[record.client_id, fact.order_id] = record

    def _executed(self, fact: Executed) -> None:
        record = self.orders[fact.perm_id]
        if not fact.share_of:
            if fact.con_id == record.con_id:
                record.filled += fact.shares
                record.value += fact.shares * fact.price
                record.last_price = fact.price
            record.commission += fact.commission
        quantity = fact.shares if fact.side == "BUY" else -fact.shares
        instrument = self.universe[fact.con_id]
        # What is traded for several accounts is booked share by share.
        if not instrument.legs and (fact.share_of or not record.allocation):
            account = self.accounts[fact.account]
            fact.realized = account.trade(instrument, quantity, fact.price, fact.commission)
        self.exec_count += 1
        self.executions.append(fact)

    def _position_changed(self, fact: PositionChanged) -> None:
        account, instrument = self.accounts[fact.account], self.universe[fact.con_id]
        if fact.kind == "SPLIT":
            account.positions[fact.con_id].quantity += fact.quantity
        else:
            fact.realized = account.trade(instrument, fact.quantity, fact.price, ZERO)
        self.changes.append(fact)

    def _forget(self, fact: Forgotten) -> None:
        gone = set(fact.perm_ids)
        for perm_id in fact.perm_ids:
            record = self.orders.pop(perm_id)
            if self.order(record.client_id, record.order_id) is record:
                del self._by_order_id[record.client_id, record.order_id]
        self.executions = [known for known in self.executions if known.perm_id not in gone]

    def _corrected(self, fact: Corrected) -> None:
        old = self.execution(fact.of)
        if old is None:
            return  # forgotten by a reset
        record, instrument = self.orders[old.perm_id], self.universe[old.con_id]
        old.is_superseded = True
        side = OTHER_SIDE[old.side] if fact.turned else old.side
        if old.con_id == record.con_id:
            own = "BUY" if record.order.action == "BUY" else "SELL"
            of_order = fact.shares if side == own else ZERO
            before = old.shares if old.side == own else ZERO
            record.filled += of_order - before
            record.value += of_order * fact.price - before * old.price
            record.last_price = fact.price
        record.commission += fact.commission - old.commission
        new = msgspec.structs.replace(
            old,
            exec_id=fact.exec_id,
            side=side,
            shares=fact.shares,
            price=fact.price,
            commission=fact.commission,
            cum_qty=old.cum_qty + fact.shares - old.shares,
            avg_price=record.average_price,
            is_superseded=False,
        )
        if not instrument.legs:
            account = self.accounts[old.account]
            account.trade(instrument, -SIGNS[old.side] * old.shares, old.price, -old.commission)
            new.realized = account.trade(instrument, SIGNS[side] * new.shares, new.price, new.commission)
        self.executions.append(new)

    def _ids_reset(self, fact: IdsReset) -> None:
        # Orders that are open keep their ids; those that are done lose them, so that the ids serve again.
        self.order_ids, self.ids_reset_at = {}, self.perm_count
        self._by_order_id = {key: record for key, record in self._by_order_id.items() if not record.is_done}

    def _day_ended(self, fact: DayEnded) -> None:
        self.day_began_at = fact.at

    def _id_seen(self, fact: IdSeen) -> None:
        self._use_id(fact.client_id, fact.order_id)

    def _use_id(self, client_id: int, order_id: int) -> None:
        self.order_ids[client_id] = max(order_id, self.order_ids.get(client_id, 0))

    def _cleared(self, fact: Cleared) -> None:
        self.accounts = {account.name: account for account in fact.accounts}
        self.order_ids, self.orders, self.open = {}, {}, {}
        self.executions, self._by_order_id, self.day_began_at = [], {}, None
        self.changes = []

    def _snapshot(self, fact: Snapshot) -> None:
        self._cleared(Cleared(accounts=fact.accounts))
        self.epoch, self.perm_count, self.exec_count = fact.epoch, fact.perm_count, fact.exec_count
        self.order_ids, self.executions = fact.order_ids, fact.executions
        self.advisor, self.day_began_at = fact.advisor, fact.day_began_at
        self.ids_reset_at, self.changes = fact.ids_reset_at, fact.changes
        for record in fact.records:
            self._remember(record)
