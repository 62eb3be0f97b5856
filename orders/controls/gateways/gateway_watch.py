"""Gateways that nobody is logged in to: told when it lasts, and before the week's login ends.

Run by the worker, because a broker worker that is away can tell nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from brokers.gate.gateway_calendar import GatewayCalendar
from brokers.models import GatewaySession
from brokers.port import Link
from brokers.postgres import clock
from orders.models import AlertKind
from orders.notify.alerts import clear_alert, raise_alert

NOT_LOGGED_IN, WEEKLY = "not logged in", "weekly login"
REMIND_BEFORE = timedelta(hours=12)


def watch() -> int:
    """Raise and clear the alerts of every session that is set; how many are open."""
    now, open_ones = clock.now(), 0
    for session in GatewaySession.objects.filter(pk__in=settings.BROKER_SESSIONS):
        for subject, text in ((NOT_LOGGED_IN, not_logged_in(session, now)), (WEEKLY, weekly(session, now))):
            if text:
                raise_alert(AlertKind.SESSION, session=session, subject=subject, text=text)
                open_ones += 1
            else:
                clear_alert(AlertKind.SESSION, session=session, subject=subject)
    return open_ones


def not_logged_in(session: GatewaySession, now: datetime) -> str:
    """What to tell a person when the link has not been READY for long; empty when all is well."""
    since, window = session.link_changed_at, settings.GATEWAY_CALENDARS[session.name].restart
    if session.link == Link.READY or since is None or now - since < settings.LOGIN_ALERT_AFTER:
        return ""
    if window is not None and window.covers(now):
        return ""  # it restarts
    minutes = (now - since) // timedelta(minutes=1)
    return (
        f"Nobody is logged in to the gateway of {session.name}: for {minutes} minutes the link is "
        f"{session.link} ({session.link_reason or 'no reason given'}). Log it in, or restart it: "
        "manage.py gateway restart."
    )[:1000]


def weekly(session: GatewaySession, now: datetime) -> str:
    """What to tell a person around the end of the week's login; empty when there is nothing to do."""
    calendar = settings.GATEWAY_CALENDARS[session.name]
    login = calendar.login
    if login is None:
        return ""
    ended, ends = login.last(now), login.last(now + REMIND_BEFORE)
    if ends > now:
        needed = by(calendar, ends)
        return f"The login of {session.name} ends at {login}: somebody must then confirm a new one{needed}."
    logged_in = session.link == Link.READY and session.connected_at is not None
    if logged_in and session.connected_at is not None and session.connected_at >= ended:
        return ""
    if logged_in and now - ended > REMIND_BEFORE:
        return ""  # it was connected all the time: the login did not end this week
    return (
        f"The login of {session.name} ended at {login}: confirm a new one at the gateway's second factor"
        f"{by(calendar, ended)}."
    )


def by(calendar: GatewayCalendar, ended: datetime) -> str:
    """By when, in words: the market's next opening, which a holiday moves."""
    needed = calendar.needed_by(ended)
    return f" before {needed:%a %Y-%m-%d %H:%M} {needed.tzinfo}" if needed else ""


def login_since(session: GatewaySession, now: datetime) -> datetime | None:
    """When the gateway was first READY after its last login ended: how old its second factor is at most.

    None while nobody has logged in since, and where it stayed connected over the end.
    """
    login = settings.GATEWAY_CALENDARS[session.name].login
    if login is None:
        return None
    ready = session.link_changes.filter(link=Link.READY, at__gte=login.last(now)).order_by("at").first()
    return ready.at if ready else None
