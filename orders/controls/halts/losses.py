"""The day's loss, watched by the broker's own figures: past a limit a scope is REDUCING, far past it HALTED.

One figure proves nothing (a gateway that has just begun tells odd ones): three readings in a row must agree.
A figure that nobody tells changes no state: the limit itself refuses what opens then (`risk.exposure`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from brokers.formats import decimal_text
from brokers.models import BrokerAccount
from orders.entry.limits.rules import Rules, rules_cache
from orders.entry.limits.valuation import valuation_for
from orders.models import TradingState
from orders.risk.catalogue import LimitSet
from orders.risk.exposure import Unknown, day_profit
from orders.risk.intention import owner_of
from orders.risk.order_rules import round_money
from orders.risk.scopes import FIRM
from orders.store.states import put_state, read_states, stop

log = logging.getLogger(__name__)

READINGS = 3
#: A loss of so many times the limit halts: what only reduces goes on losing.
HALT_AT = Decimal("1.5")
WATCHER = "loss watch"


@dataclass
class Readings:
    """How many readings in a row were past each step; the time of the last one."""

    at: datetime | None = None
    past: dict[TradingState, int] = field(default_factory=dict)

    def add(self, at: datetime, loss: Decimal, limit: Decimal) -> TradingState | None:
        """The strictest state that enough readings ask for; one that was seen already adds nothing."""
        if at == self.at:
            return None
        self.at = at
        steps = {TradingState.REDUCING: limit, TradingState.HALTED: limit * HALT_AT}
        for state, step in steps.items():
            self.past[state] = self.past.get(state, 0) + 1 if loss >= step else 0
        asked = [state for state in steps if self.past[state] >= READINGS]
        return asked[-1] if asked else None


class LossWatch:
    """Watches the accounts of one session, and the firm as the sum of all accounts."""

    def __init__(self, session: str) -> None:
        self.session = session
        self._readings: dict[str, Readings] = {}

    def look(self) -> int:
        """Read the figures once; how many scopes were made stricter."""
        rules_cache.forget_outdated()
        rules = rules_cache.rules()
        own = BrokerAccount.objects.filter(session=self.session).values_list("pk", flat=True)
        watched = list(_watched(rules, own))
        if not watched:
            return 0
        return sum(self._look(limits, rules.account_codes()) for limits in watched)

    def _look(self, limits: LimitSet, firm: Collection[str]) -> bool:
        account = min(firm) if limits.scope == FIRM else owner_of(limits.scope)
        valuation = valuation_for([account], firm, (), [limits])
        profit = day_profit(limits, valuation, account)
        if isinstance(profit, Unknown) or limits.max_daily_loss is None:
            return False
        counted = firm if limits.scope == FIRM else [account]
        at = max(valuation.profits[code].at for code in counted)
        readings = self._readings.setdefault(limits.scope, Readings())
        state = readings.add(at, -profit, limits.max_daily_loss)
        return state is not None and _tighten(limits, state, -profit)


def _watched(rules: Rules, accounts: Iterable[str]) -> Iterator[LimitSet]:
    """The sets with a limit on the day's loss, each once."""
    found: dict[str, LimitSet] = {}
    for account in accounts:
        found |= {limits.scope: limits for limits in rules.limits_for(account)}
    return (limits for limits in found.values() if limits.max_daily_loss is not None)


def _tighten(limits: LimitSet, state: TradingState, loss: Decimal) -> bool:
    """Set the state unless it is as strict already; whether it was set."""
    now = read_states().by_scope.get(limits.scope)
    if now is not None and (now.state == state or now.state == TradingState.HALTED):
        return False
    text = f"{decimal_text(round_money(loss))} against {decimal_text(limits.max_daily_loss or Decimal(0))}"
    reason = f"The day's loss is {text} {limits.currency} in {READINGS} readings of the broker's figures."
    if state == TradingState.HALTED:
        changed = stop(limits.scope, by=WATCHER, reason=reason)
    else:
        changed = put_state(limits.scope, state, by=WATCHER, reason=reason)
    if changed:
        log.warning(
            "trading state set by the day's loss", extra={"scope": limits.scope, "state": state.value}
        )
    return changed
