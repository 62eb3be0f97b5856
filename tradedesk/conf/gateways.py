"""The gateways of the sessions: when each restarts, when its login ends, its market, its controller.

A setting is one text for all sessions, or "name=text, name=text" for each its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from brokers.gate.gateway_calendar import Calendars, GatewayCalendar
from brokers.gate.market_hours import MarketHours
from brokers.gate.restart_window import RestartWindow
from brokers.gate.weekly_login import WeeklyLogin
from tradedesk import env

T = TypeVar("T")


def by_session(variable: str, parse: Callable[[str], T | None], default: str = "") -> dict[str, T | None]:
    """What a variable says for each session; raises ImproperlyConfigured naming it."""
    sessions = list(env.broker_sessions())
    found: dict[str, T | None] = {}
    for part in os.environ.get(variable, default).split(","):
        name, equals, text = part.rpartition("=")
        if equals and name.strip() not in sessions:
            raise ImproperlyConfigured(f"{variable} is wrong: there is no session {name.strip()!r}.")
        try:
            value = parse(text)
        except ValueError as error:
            raise ImproperlyConfigured(f"{variable} is wrong: {error}.") from None
        found |= dict.fromkeys([name.strip()] if equals else sessions, value)
    return found


def calendars(trading_mode: str) -> Calendars:
    """`TRADEDESK_RESTART_WINDOW`, `TRADEDESK_WEEKLY_LOGIN` and `TRADEDESK_MARKET`, by session.

    A live login ends on Sunday; of paper nobody reports a second factor.
    """
    ends = "Sun 01:00 America/New_York" if trading_mode == "live" else ""
    restarts = by_session("TRADEDESK_RESTART_WINDOW", RestartWindow.parse)
    logins = by_session("TRADEDESK_WEEKLY_LOGIN", WeeklyLogin.parse, ends)
    markets = by_session("TRADEDESK_MARKET", MarketHours.parse, "NYSE 09:30-16:00 America/New_York")
    return Calendars(
        (name, GatewayCalendar(restart=restarts.get(name), login=logins.get(name), market=markets.get(name)))
        for name in env.broker_sessions()
    )


def controls() -> dict[str, tuple[str, int]]:
    """`TRADEDESK_GATEWAY_CONTROL`: where IBC takes commands for each session, "name=host:port, ..."."""
    found: dict[str, tuple[str, int]] = {}
    for part in filter(None, map(str.strip, os.environ.get("TRADEDESK_GATEWAY_CONTROL", "").split(","))):
        match = re.fullmatch(r"([a-z0-9_-]+)=([^\s:/]+):(\d{1,5})", part)
        if not match or not 0 < int(match[3]) < 65_536:
            raise ImproperlyConfigured(
                f"TRADEDESK_GATEWAY_CONTROL is wrong: expected name=host:port, not {part!r}."
            )
        if match[1] not in env.broker_sessions():
            raise ImproperlyConfigured(
                f"TRADEDESK_GATEWAY_CONTROL is wrong: there is no session {match[1]!r}."
            )
        found[match[1]] = match[2], int(match[3])
    return found
