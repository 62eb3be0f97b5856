"""An advisor's orders for several accounts: who gets how much of what was traded.

The order is placed and executed once, in the advisor's name. Every fill is allocated at once, so that each
account has its share of all that was filled so far, in whole lots, the remainders to the largest fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.gateway.accounts.advisor import AdvisorGroup, AdvisorService
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.refusals import Refused, validation
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)
Weights = dict[str, Decimal]
#: Methods that go by what the group's own list says of each account.
_BY_AMOUNT = frozenset({"ContractsOrShares", "Ratio", "Percent", "MonetaryAmount"})


class Allocations:
    """Reads an advisor's order: which accounts it is for, and in which proportions."""

    def __init__(self, state: State, advisor: AdvisorService, valuation: Valuation) -> None:
        self._state = state
        self._advisor = advisor
        self._methods: dict[str, Callable[[Account, int], Decimal]] = {
            "EqualQuantity": lambda account, con_id: Decimal(1),
            "Equal": lambda account, con_id: Decimal(1),
            "NetLiq": lambda account, con_id: valuation.totals(account).net_liquidation,
            "AvailableEquity": lambda account, con_id: _available(account, valuation),
            "PctChange": _held,
        }

    def weights(self, order: Order, con_id: int) -> Weights:
        """Return the accounts of the order's group or profile with weights, nothing if it is for one account.

        Raises Refused (321) for a login without groups, an unknown group or method, or weights of nothing.
        """
        if order.fa_profile:
            return self._of_profile(order.fa_profile)
        if not order.fa_group:
            return {}
        group = self._advisor.group(order.fa_group)
        if group is None or not group.accounts:
            raise Refused(validation(f"Invalid FA group '{order.fa_group}'"))
        found = {name: max(weight, ZERO) for name, weight in self._weights(order, group, con_id).items()}
        if not sum(found.values()):
            raise Refused(validation(f"The FA group '{order.fa_group}' has nothing to allocate by"))
        return found

    def _of_profile(self, name: str) -> Weights:
        """A profile says itself what each account gets; clients of server versions up to 176 name one."""
        shares = self._advisor.profile(name)
        if not sum(shares.values()):
            raise Refused(validation(f"Invalid FA profile '{name}'"))
        return shares

    def _weights(self, order: Order, group: AdvisorGroup, con_id: int) -> Weights:
        method = order.fa_method or group.method
        if method in _BY_AMOUNT:
            return group.accounts
        work_out = self._methods.get(method)
        if work_out is None:
            raise Refused(validation(f"Invalid FA method '{method}'"))
        return {name: work_out(self._state.accounts[name], con_id) for name in group.accounts}


def allot(total: Decimal, weights: Weights, lot: Decimal) -> Weights:
    """Return every account's share of `total` in whole lots; the shares add up to it."""
    whole = sum(weights.values())
    lots = total / lot
    exact = {name: lots * weight / whole for name, weight in weights.items()}
    shares = {name: number // 1 for name, number in exact.items()}
    left = int(lots - sum(shares.values()))
    for name in sorted(exact, key=lambda name: shares[name] - exact[name])[:left]:
        shares[name] += 1
    return {name: number * lot for name, number in shares.items()}


def _available(account: Account, valuation: Valuation) -> Decimal:
    totals = valuation.totals(account)
    return totals.net_liquidation - totals.margin


def _held(account: Account, con_id: int) -> Decimal:
    position = account.positions.get(con_id)
    return abs(position.quantity) if position else ZERO
