"""Faults on the way out: what becomes of the messages of one turn before they are sent."""

from __future__ import annotations

from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.faults.armed import Faults
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS, Site, message_name
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import CommissionReport, ErrMsg, ExecutionData, OrderStatus

_KINDS = [name for name, kind in KINDS.items() if kind.site is Site.CALLBACK]


class CallbackFaults:
    """Rewrites the outbox of a link at the end of a turn."""

    def __init__(self, state: State, faults: Faults, agenda: Agenda) -> None:
        self._state = state
        self._faults = faults
        self._agenda = agenda
        self._silenced: set[tuple[int | None, int]] = set()
        #: Executions (and the permId of their orders) whose commission is not to be reported.
        self.no_commission: dict[str, int] = {}
        #: Executions that come so many seconds late, once.
        self.late_executions: dict[str, float] = {}

    def silence(self, link: Link, order_id: int) -> None:
        """Let nothing out about an order for the rest of this turn."""
        self._silenced.add((link.client_id, order_id))

    def end_turn(self, links: list[Link]) -> None:
        """Do to what was said in this turn whatever is to be done."""
        held = self._silenced or self.no_commission or self.late_executions
        if held or self._faults.is_armed(_KINDS):
            for link in list(links):
                if link.outbox:
                    self._rewrite(link)
            self._silenced.clear()
        for link in links:
            if link.late:
                link.outbox += link.late
                link.late = []

    def _rewrite(self, link: Link) -> None:
        said, link.outbox = [m for m in link.outbox if not self._is_silenced(link, m)], []
        behind: list[Record] = []
        said = self._fills_first(link, said)
        for number, message in enumerate(said):
            if self._has_cut(link, message):
                return
            if self._strike("drop_callback", link, message) or self._is_late(link, message):
                continue
            if len(said) == 1 or not self._strike("reorder_callback", link, message):
                link.outbox.append(message)
                self._repeat(link, message)
            elif number < len(said) - 1 or behind:
                behind.append(message)
            else:
                # The last one has nothing to be sent behind: it comes first instead.
                link.outbox.insert(0, message)
        link.outbox += behind

    def _is_late(self, link: Link, message: Record) -> bool:
        delay = None
        if isinstance(message, ExecutionData):
            delay = self.late_executions.pop(message.execution.exec_id, None)
        if delay is None and (late := self._strike("late_callback", link, message)):
            delay = late.delay
        if delay is not None:
            self._agenda.after(delay, lambda: link.late.append(message))
        return delay is not None

    def _repeat(self, link: Link, message: Record) -> None:
        again = self._strike("duplicate_callback", link, message)
        if again is None:
            return
        if again.delay_ms:
            self._agenda.after(again.delay, lambda: link.late.append(message))
        else:
            link.outbox.append(message)

    def _has_cut(self, link: Link, message: Record) -> bool:
        cut = self._strike("cut_out", link, message)
        if cut is None:
            return False
        if cut.where == "after":
            link.outbox.append(message)
        elif cut.where == "middle":
            link.torn = message
        link.close(f"a fault was asked for: {cut.where} {message_name(type(message))}")
        return True

    def _fills_first(self, link: Link, said: list[Record]) -> list[Record]:
        """Move executions before the first word about their orders."""
        for message in [m for m in said if isinstance(m, ExecutionData)]:
            order = self.order_of(link, message)
            first = next((m for m in said if self.order_of(link, m) is order), message)
            if order is None or first is message or isinstance(first, ExecutionData):
                continue
            if self._strike("fill_before_ack", link, message):
                said.remove(message)
                said.insert(said.index(first), message)
        return said

    def _is_silenced(self, link: Link, message: Record) -> bool:
        order = self.order_of(link, message)
        if isinstance(message, CommissionReport) and message.exec_id in self.no_commission:
            return True
        if order is None:
            return isinstance(message, ErrMsg) and (link.client_id, message.req_id) in self._silenced
        if (order.client_id, order.order_id) in self._silenced:
            return True
        has_commission = isinstance(message, OpenOrder) and message.state.commission is not None
        return has_commission and order.perm_id in self.no_commission.values()

    def _strike(self, kind: str, link: Link, message: Record) -> Fault | None:
        if not self._faults.is_armed((kind,)):
            return None
        return self._faults.strike(
            kind, self.order_of(link, message), client_id=link.client_id, message=message_name(type(message))
        )

    def order_of(self, link: Link, message: Record) -> OrderRecord | None:
        """Return the order that a message is about."""
        match message:
            case OpenOrder() | CompletedOrder():
                return self._state.orders.get(message.order.perm_id or 0)
            case OrderStatus():
                return self._state.orders.get(message.perm_id)
            case ExecutionData():
                return self._state.orders.get(message.execution.perm_id)
            case CommissionReport():
                fact = self._state.execution(message.exec_id)
                return self._state.orders.get(fact.perm_id) if fact else None
            case ErrMsg() if link.client_id is not None:
                return self._state.order(link.client_id, message.req_id)
        return None
