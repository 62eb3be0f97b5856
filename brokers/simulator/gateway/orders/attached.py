"""Orders that belong together: parents with children, and one-cancels-all groups.

Parents and children are sent together and held until the last of them is transmitted.
"""

from __future__ import annotations

from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.exchange.oca import Member, OcaGroups, OcaType
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.reference.contracts import resolve
from brokers.simulator.gateway.texts.refusals import MISSING_PARENT, Refused, no_such_order
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Order


class Families:
    """Finds the relatives of an order."""

    def __init__(self, state: State) -> None:
        self._state = state

    def parent(self, client_id: int, order: Order) -> OrderRecord | None:
        """Return the order that this one is attached to."""
        return self._state.order(client_id, order.parent_id) if order.parent_id else None

    def parent_instrument(self, link: Link, client_id: int, order: Order) -> Instrument | None:
        """Return what the order that this one is attached to trades, be it held or at work."""
        held = link.untransmitted.get(order.parent_id or 0)
        if held is not None:
            return resolve(self._state.universe, held.contract)
        parent = self.parent(client_id, order)
        return self._state.universe[parent.con_id] if parent else None

    def check_parent(self, link: Link, client_id: int, message: PlaceOrder) -> None:
        """Raise Refused if the parent is neither known nor held (10006), or over (135; ib_insync 647).

        A hedge is made for what its parent has executed, so that one may come late.
        """
        parent_id = message.order.parent_id
        if not parent_id or parent_id in link.untransmitted:
            return
        parent = self.parent(client_id, message.order)
        if parent_id == message.order_id or parent is None:
            raise Refused(MISSING_PARENT)
        if parent.is_done and not message.order.hedge_type:
            raise Refused(no_such_order(parent_id))

    @staticmethod
    def released_by(link: Link, message: PlaceOrder) -> list[PlaceOrder]:
        """Return the order with the held ones that go with it, parents first, and hold them no longer."""
        wanted = {message.order_id}
        wanted |= _ancestors(link, message)
        while (
            more := {
                order_id for order_id, held in link.untransmitted.items() if held.order.parent_id in wanted
            }
            - wanted
        ):
            wanted |= more
        link.untransmitted[message.order_id] = message
        # In the order in which they came: a child can only name a parent that was there before it.
        return [
            link.untransmitted.pop(order_id) for order_id in list(link.untransmitted) if order_id in wanted
        ]


def _ancestors(link: Link, message: PlaceOrder) -> set[int]:
    found: set[int] = set()
    parent_id = message.order.parent_id
    while parent_id and parent_id in link.untransmitted and parent_id not in found:
        found.add(parent_id)
        parent_id = link.untransmitted[parent_id].order.parent_id
    return found


def join_group(record: OrderRecord, groups: OcaGroups, universe: Universe) -> None:
    """Put an order into the group that it names; a hedge, whose size is not its own, is in none."""
    order = record.order
    if not order.oca_group or order.hedge_type:
        return
    kind = OcaType(order.oca_type or OcaType.REDUCE_LATER)
    if record.parent_perm_id and order.oca_group == str(record.parent_perm_id):
        kind = OcaType.REDUCE
    member = Member(record.con_id, record.perm_id, record.remaining, universe[record.con_id].lot)
    groups.join(f"{record.account}/{order.oca_group}", kind, member, has_traded=bool(record.filled))
