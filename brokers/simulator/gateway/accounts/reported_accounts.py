"""The accounts as they are reported to clients: as they are, or with a lag."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.faults.agenda import Agenda
from brokers.simulator.gateway.memory.state import State


class ReportedAccounts:
    """`changed` is called with (account, con_id) when a trade is to be reported."""

    def __init__(self, state: State, agenda: Agenda, changed: Callable[[str, int], None]) -> None:
        self._state = state
        self._agenda = agenda
        self._changed = changed
        self._old: dict[str, Account] | None = None
        self._pending: list[tuple[str, int]] = []
        self.lag = 0.0

    @property
    def accounts(self) -> dict[str, Account]:
        """Accounts by name."""
        return self._state.accounts if self._old is None else self._old

    def on_trade(self, account: str, con_id: int) -> None:
        """An account has traded: report it now, or when the lag is over."""
        if not self.lag:
            self._changed(account, con_id)
            return
        trade = (account, con_id)
        self._pending.append(trade)
        then = deepcopy(self._state.accounts[account])
        self._agenda.after(self.lag, lambda: self._report(trade, then))

    def set_lag(self, seconds: float) -> None:
        """Report every trade from now on so much later; 0 reports at once what is still to be reported."""
        self.lag = seconds
        if seconds:
            self._old = self._old or deepcopy(self._state.accounts)
            return
        self._old = None
        pending, self._pending = self._pending, []
        for trade in pending:
            self._changed(*trade)

    def _report(self, trade: tuple[str, int], then: Account) -> None:
        if trade not in self._pending or self._old is None:
            return
        self._pending.remove(trade)
        self._old[then.name] = then
        self._changed(*trade)
