"""Advisor logins as their gateways tell them: the master account, the accounts under it, its groups."""

from __future__ import annotations

import msgspec

from brokers.messages import AdvisorReport
from brokers.models import AdvisorLogin
from brokers.postgres import clock


def store(session: str, told: AdvisorReport | None) -> None:
    """Keep what the gateway of this session has told; where it has told nothing, what it told before stands.

    Shares of orders that were placed under it may still come.
    """
    if told is None:
        return
    facts = {**msgspec.to_builtins(told), "groups": msgspec.to_builtins(told.groups), "read_at": clock.now()}
    AdvisorLogin.objects.update_or_create(session_id=session, defaults=facts)


def login_of(session: str) -> AdvisorLogin | None:
    """The advisor's login behind this session; None for any other login."""
    return AdvisorLogin.objects.filter(session_id=session).first()
