"""Advisor logins as their gateways tell them: the master account, the accounts under it, its groups."""

from __future__ import annotations

import msgspec

from brokers.messages import AdvisorReport
from brokers.models import AdvisorLogin
from brokers.postgres import clock


def store(session: str, told: AdvisorReport | None) -> None:
    """Keep what the gateway of this session has told; a login that is no advisor's (any more) has none."""
    if told is None:
        AdvisorLogin.objects.filter(session_id=session).delete()
        return
    facts = {**msgspec.to_builtins(told), "groups": msgspec.to_builtins(told.groups), "read_at": clock.now()}
    AdvisorLogin.objects.update_or_create(session_id=session, defaults=facts)


def login_of(session: str) -> AdvisorLogin | None:
    """The advisor's login behind this session; None for any other login."""
    return AdvisorLogin.objects.filter(session_id=session).first()
