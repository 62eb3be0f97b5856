"""Whose gateway it is: one that is logged in to accounts that are not the session's is not used."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from brokers.port import BrokerSession
from orders.models import AT_BROKER, AlertKind, Order, Source
from orders.notify.alerts import clear_alert, raise_alert

SUBJECT = "login"


def problem(session: str, shown: Sequence[str]) -> str:
    """Why nothing may be concluded from what this login shows; empty when it has an account of ours.

    Ours are those of the settings and those with an order of ours that may be at the broker.
    """
    ours = {code for code, carrier in settings.ACCOUNTS.items() if carrier == session}
    alive = Order.objects.filter(session_id=session, state__in=AT_BROKER).exclude(source=Source.EXTERNAL)
    ours |= set(alive.values_list("account_id", flat=True).distinct())
    if not ours or ours & set(shown):
        return ""
    return (
        f"The gateway is logged in to {', '.join(shown) or 'no account'}, and not to "
        f"{', '.join(sorted(ours))}: nothing is sent, and nothing is concluded from what it shows."
    )


def refuse(broker: BrokerSession, session: str, text: str) -> None:
    """Keep the gate shut, and tell a person."""
    broker.refuse(text[:300])
    raise_alert(AlertKind.SESSION, session=session, subject=SUBJECT, text=text)


def accept(session: str) -> None:
    """The login is ours."""
    clear_alert(AlertKind.SESSION, session=session, subject=SUBJECT)
