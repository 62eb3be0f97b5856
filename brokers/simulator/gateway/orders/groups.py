"""One-cancels-all groups of orders, by account and name."""

from __future__ import annotations

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.exchange.oca import Member, OcaGroups, OcaType
from brokers.simulator.gateway.memory.facts import OrderRecord


def join_group(record: OrderRecord, groups: OcaGroups, universe: Universe) -> None:
    """Put an order into the group that it names; a hedge, whose size is not its own, is in none."""
    order = record.order
    if not order.oca_group or order.hedge_type:
        return
    kind = OcaType(order.oca_type or OcaType.REDUCE_LATER)
    if record.parent_perm_id and order.oca_group == str(record.parent_perm_id):
        kind = OcaType.REDUCE
    member = Member(record.con_id, record.perm_id, record.remaining, universe[record.con_id].lot)
    groups.join(f"{record.account}/{order.oca_group}", kind, member)
