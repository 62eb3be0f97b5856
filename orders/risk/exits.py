"""How much the exits of a bracket may be: pure arithmetic, so that "never above the entry" can be proven.

A leg is what ends each other: a take profit with its stop. Of a leg only one quantity can execute, so it
counts once. All legs together are never for more than the entry has executed and may still execute.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from orders.models.group import leg_of
from orders.models.states import ALIVE

if TYPE_CHECKING:
    from orders.models import Order

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Exit:
    """An exit as it is, or as a request that is under way wants it."""

    key: Hashable
    leg: Hashable
    order_qty: Decimal
    cum_qty: Decimal
    is_alive: bool

    @property
    def leaves_qty(self) -> Decimal:
        """What it may still execute."""
        return max(self.order_qty - self.cum_qty, ZERO) if self.is_alive else ZERO


def exit_of(order: Order, order_qty: Decimal) -> Exit:
    """The exit as it would be with this quantity."""
    is_alive = order.state in ALIVE
    return Exit(
        key=order.pk, leg=leg_of(order), order_qty=order_qty, cum_qty=order.cum_qty, is_alive=is_alive
    )


def covered_qty(entry: Order) -> Decimal:
    """What an entry has executed and may still execute: its exits are for no more."""
    return entry.cum_qty + entry.leaves_qty


def total_qty(exits: Sequence[Exit]) -> Decimal:
    """What all exits together have executed and may still execute."""
    return sum((_of_leg(exits, leg) for leg in _legs(exits)), ZERO)


def resized(exits: Sequence[Exit], cover: Decimal, grown: Decimal = ZERO) -> dict[Hashable, Decimal]:
    """The order quantities that change, by key; one that is what it has executed is to be canceled.

    `cover` is what the entry has executed and may still execute, `grown` by how much that has become more.
    The last leg takes what is added; what is too much is taken from the last one first.
    """
    change = cover - total_qty(exits)
    change = min(max(grown, ZERO), change) if change > 0 else change
    wanted: dict[Hashable, Decimal] = {}
    for leg in reversed(_legs(exits)):
        open_qty = _open_of_leg(exits, leg)
        if not change:
            break
        if not open_qty:
            continue
        step = max(change, -open_qty)
        for one in _members(exits, leg):
            leaves = one.leaves_qty + step if step > 0 else min(one.leaves_qty, open_qty + step)
            if one.leaves_qty and leaves != one.leaves_qty:
                wanted[one.key] = one.cum_qty + leaves
        change -= step
    return wanted


def _legs(exits: Sequence[Exit]) -> list[Hashable]:
    return list(dict.fromkeys(one.leg for one in exits))


def _members(exits: Sequence[Exit], leg: Hashable) -> list[Exit]:
    return [one for one in exits if one.leg == leg]


def _of_leg(exits: Sequence[Exit], leg: Hashable) -> Decimal:
    executed = sum((one.cum_qty for one in _members(exits, leg)), ZERO)
    return executed + _open_of_leg(exits, leg)


def _open_of_leg(exits: Sequence[Exit], leg: Hashable) -> Decimal:
    return max((one.leaves_qty for one in _members(exits, leg)), default=ZERO)
