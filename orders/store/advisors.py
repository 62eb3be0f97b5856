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


def sharers_of(session: str, group: str) -> tuple[str, ...]:
    """The accounts that share an order for this group."""
    login = login_of(session)
    groups = login.groups if login else []
    return next((tuple(one["accounts"]) for one in groups if one["name"] == group), ())


def groups_with(session: str, account: str) -> list[str]:
    """The groups of which the account takes a share."""
    login = login_of(session)
    return [one["name"] for one in login.groups if account in one["accounts"]] if login else []
