"""Faults that strike by the clock: done when they are asked for, or at their moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from brokers.simulator.faults.armed import Armed
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import Site
from brokers.simulator.gateway.clients.pacing import PacingMode
from brokers.simulator.gateway.texts.notices import system_notice, well_again
from brokers.simulator.gateway.texts.refusals import LINK_LOST
from brokers.simulator.server import DripRule, Hub

_BROKEN_FARM = 2103


class FaultActions:
    """Arms those that wait for something, makes the others happen."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._gateway = hub.gateway
        self._actions: dict[str, Callable[[Fault], None]] = {
            "clear": lambda fault: self.clear(),
            "disconnect": lambda fault: hub.disconnect("a fault was asked for", fault.client_id),
            "half_open": self._break_off,
            "hang": self._hang,
            "slow_drip": self._drip,
            "delay_ms": self._delay,
            "pacing": self._pace,
            "link_lost": self._lose_link,
            "link_restored": lambda fault: self._gateway.uplink.restore(data_lost=fault.data_lost),
            "notice": self._notify,
            "restart": self._restart,
            "ids_reset": self._forget_ids,
            "midnight": self._end_day,
            "lag": self._lag,
            "login": self._change_login,
            "empty_lists": self._empty_lists,
            "clock": self._set_clock,
            "move": self._move,
            "stranger": self._trade_as_stranger,
        }

    def arm(self, faults: Iterable[Fault]) -> None:
        """Take faults in; those that wait for nothing happen now."""
        for armed in self._gateway.faults.add(*faults):
            if armed.fault.what.site is not Site.NOW:
                continue
            if armed.fault.after:
                self._gateway.agenda.after(armed.fault.after, partial(self._strike, armed))
            else:
                self._strike(armed)

    def lasting(self) -> list[dict[str, Any]]:
        """Return what was made to happen and is not over."""
        gateway, hub = self._gateway, self._hub
        rows: list[dict[str, Any]] = [{"kind": "hang", "client_id": number} for number in hub.hanging]
        rows += [
            {"kind": "half_open", "client_id": link.client_id} for link in gateway.links if link.is_half_open
        ]
        if gateway.faults.delay_ms:
            rows.append({"kind": "delay_ms", "ms": gateway.faults.delay_ms})
        if not gateway.uplink.is_up:
            rows.append({"kind": "link_lost"})
        if hub.drip:
            rows.append({"kind": "slow_drip", "bytes": hub.drip.size, "ms": int(hub.drip.pause * 1000)})
        if gateway.reported.lag:
            rows.append({"kind": "lag", "delay_ms": int(gateway.reported.lag * 1000)})
        if gateway.lists.empty_after_login:
            milliseconds = int(gateway.lists.empty_after_login * 1000)
            rows.append({"kind": "empty_lists", "delay_ms": milliseconds})
        if gateway.clock.offset:
            rows.append({"kind": "clock", "offset": gateway.clock.offset})
        if gateway.login.is_another:
            rows.append({"kind": "login", "accounts": ",".join(gateway.login.accounts)})
        if gateway.pacing.is_changed:
            rows.append({"kind": "pacing", "mode": gateway.pacing.mode, "rate": gateway.pacing.rate})
        if hub.is_closed:
            rows.append({"kind": "restart"})
        return rows

    def _strike(self, armed: Armed) -> None:
        faults = self._gateway.faults
        if not faults.is_waiting(armed):
            return
        if faults.strike_by_clock(armed):
            self._actions[armed.fault.kind](armed.fault)
        if armed.fault.every and faults.is_waiting(armed):
            self._gateway.agenda.after(armed.fault.every, partial(self._strike, armed))

    def _later(self, fault: Fault, task: Callable[[], None]) -> None:
        """End a fault that does not last for ever."""
        if fault.seconds:
            self._gateway.agenda.after(fault.seconds, task)

    def clear(self) -> None:
        """Disarm everything and end what lasts."""
        self._gateway.heal()
        for client_id in list(self._hub.hanging):
            self._hub.resume(client_id)
        self._hub.slow_down(None)
        self._hub.open_port()

    def _break_off(self, fault: Fault) -> None:
        broken = [c for c in self._hub.of_client(fault.client_id) if c.session.link.client_id is not None]
        for connection in broken:
            connection.session.link.is_half_open = True

        def drop() -> None:
            for connection in broken:
                if connection.session.link.is_half_open:
                    connection.session.end("half open for too long")
                    connection.abort()

        self._later(fault, drop)

    def _hang(self, fault: Fault) -> None:
        self._hub.hang(fault.client_id)
        self._gateway.agenda.after(fault.seconds, partial(self._hub.resume, fault.client_id))

    def _drip(self, fault: Fault) -> None:
        rule = DripRule(fault.client_id, fault.bytes, max(fault.ms, 1) / 1000)
        self._hub.slow_down(rule)
        self._later(fault, lambda: self._hub.slow_down(None) if self._hub.drip is rule else None)

    def _delay(self, fault: Fault) -> None:
        self._gateway.faults.delay_ms = fault.ms
        self._later(fault, partial(setattr, self._gateway.faults, "delay_ms", 0))

    def _pace(self, fault: Fault) -> None:
        self._gateway.pacing.set(PacingMode(fault.mode), fault.rate)
        self._later(fault, self._gateway.pacing.restore)

    def _lose_link(self, fault: Fault) -> None:
        uplink = self._gateway.uplink
        uplink.lose(fault.code or LINK_LOST.code, keeps_orders=fault.orders == "held")
        outage = uplink.outages

        def restore() -> None:
            if uplink.outages == outage:
                uplink.restore(data_lost=fault.data_lost)

        self._later(fault, restore)

    def _notify(self, fault: Fault) -> None:
        code = fault.code or _BROKEN_FARM
        self._gateway.notify(system_notice(code, fault.text), fault.client_id)
        follower = well_again(code)
        if follower is not None:
            self._later(fault, partial(self._gateway.notify, follower, fault.client_id))

    def _restart(self, fault: Fault) -> None:
        self._hub.close_port("the gateway restarts")
        self._gateway.uplink.reset()
        if fault.data == "lost":
            self._gateway.forget_all()
        if fault.ids_reset:
            self._gateway.forget_order_ids()
        self._gateway.agenda.after(fault.seconds, self._hub.open_port)

    def _forget_ids(self, fault: Fault) -> None:
        """TWS begins its ids anew only where its settings were lost and it was started again: links break."""
        self._gateway.forget_order_ids()
        self._hub.disconnect("the order ids were reset", fault.client_id)

    def _end_day(self, fault: Fault) -> None:
        self._gateway.end_day()
        # Clients receive their expired orders, then everybody has to log in again.
        self._hub.end_turn()
        self._hub.close_port("the day is over: log in again")
        self._gateway.agenda.after(fault.seconds, self._hub.open_port)

    def _change_login(self, fault: Fault) -> None:
        """Another person logs the gateway in: connections break, as on each login."""
        self._log_in(tuple(name for name in fault.accounts.split(",") if name))
        self._later(fault, partial(self._log_in, ()))

    def _log_in(self, accounts: tuple[str, ...]) -> None:
        self._gateway.log_in(accounts)
        self._hub.disconnect("the gateway was logged in anew", None)

    def _empty_lists(self, fault: Fault) -> None:
        self._gateway.lists.empty_after_login = fault.delay
        self._later(fault, partial(setattr, self._gateway.lists, "empty_after_login", 0.0))

    def _set_clock(self, fault: Fault) -> None:
        self._gateway.clock.offset = fault.offset
        self._later(fault, partial(setattr, self._gateway.clock, "offset", 0.0))

    def _lag(self, fault: Fault) -> None:
        self._gateway.reported.set_lag(fault.delay)
        self._later(fault, partial(self._gateway.reported.set_lag, 0))

    def _move(self, fault: Fault) -> None:
        self._gateway.shift_market(fault.symbol, Decimal(str(fault.percent)))

    def _trade_as_stranger(self, fault: Fault) -> None:
        self._gateway.trade_as_stranger(fault.symbol or "AAPL", fault.side, fault.number)
