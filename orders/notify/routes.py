"""Alerts go on to people's channels: mail, chat, pager. None of it is in the way of raising one.

An alert that is open gets one notice for each route that wants it, when no mute covers its kind; one that
nobody has read in time gets another for the route's second channel. Notices are sent by a task of their own,
at most `AT_ONCE` by a worker at a time, with pauses after a failure: a slow receiver holds up other notices,
nothing else. The URL of a channel holds its secret: it stands in a setting, and no text, log or row has it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, QuerySet

from brokers.postgres import clock
from orders.models import Alert, AlertKind, AlertMute, AlertNotice, AlertRoute, NoticeState, severity_of

log = logging.getLogger(__name__)

AT_ONCE = 1
BATCH_SIZE = 200
RUN = 20.0  # seconds of one run
LEASE = timedelta(seconds=60)  # within which the others leave a notice to whoever sends it
#: Pauses after the first, second, ... failure; a notice is given up after one more.
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800)]
_places = threading.BoundedSemaphore(AT_ONCE)


def work() -> int:
    """Make the notices that are due and send what waits; how many were taken."""
    if not _places.acquire(blocking=False):
        return 0
    try:
        make_notices()
        return send_due()
    finally:
        _places.release()


def make_notices() -> int:
    """One notice for each open alert and route, once; how many."""
    quiet, made = muted_kinds(), 0
    for route in AlertRoute.objects.filter(active=True):
        kinds = wanted_kinds(route) - quiet
        if kinds:
            alerts = _without_notice(route, kinds, escalation=False)
            made += _make(route, alerts, route.channel, escalation=False)
            if route.escalate_to:
                late = clock.now() - timedelta(seconds=route.escalate_after)
                unread = _without_notice(route, kinds, escalation=True).filter(
                    seen_at=None, raised_at__lt=late
                )
                made += _make(route, unread, route.escalate_to, escalation=True)
    return made


def wanted_kinds(route: AlertRoute) -> set[str]:
    """The kinds that a route takes, by its list and its severity."""
    named = set(route.kinds or AlertKind.values)
    return {kind for kind in AlertKind.values if kind in named and severity_of(kind) >= route.severity}


def muted_kinds() -> set[str]:
    """Kinds that are muted now; what is open still when a mute ends is sent on then."""
    now = clock.now()
    kinds = AlertMute.objects.filter(starts_at__lte=now, ends_at__gt=now).values_list("kind", flat=True)
    return {each for kind in kinds for each in ([kind] if kind else AlertKind.values)}


def _without_notice(route: AlertRoute, kinds: Collection[str], *, escalation: bool) -> QuerySet[Alert]:
    told = AlertNotice.objects.filter(alert=OuterRef("pk"), route=route, escalation=escalation)
    open_ones = Alert.objects.filter(cleared_at=None, kind__in=kinds, raised_at__gte=route.since)
    return open_ones.filter(~Exists(told)).order_by("pk")


def _make(route: AlertRoute, alerts: QuerySet[Alert], channel: str, *, escalation: bool) -> int:
    rows = [
        AlertNotice(alert=alert, route=route, channel=channel, escalation=escalation)
        for alert in alerts[:BATCH_SIZE]
    ]
    AlertNotice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def send_due() -> int:
    """Send what waits, the oldest first; how many were taken. No transaction is open meanwhile."""
    end, taken = time.monotonic() + RUN, 0
    waiting = AlertNotice.objects.filter(state=NoticeState.PENDING, not_before__lte=clock.now())
    for notice in waiting.select_related("alert__order", "route").order_by("not_before", "pk")[:BATCH_SIZE]:
        if time.monotonic() > end:
            break
        mine = AlertNotice.objects.filter(
            pk=notice.pk, state=NoticeState.PENDING, not_before=notice.not_before
        )
        if mine.update(not_before=clock.now() + LEASE):
            error = send(notice.channel, title_of(notice), text_of(notice.alert))
            taken += not error
            _store(notice, error)
    return taken


def _store(notice: AlertNotice, error: str) -> None:
    row, now = AlertNotice.objects.filter(pk=notice.pk), clock.now()
    if not error:
        row.update(state=NoticeState.SENT, sent_at=now, attempts=F("attempts") + 1, error="")
        return
    over = notice.attempts >= len(PAUSES)
    pause = PAUSES[min(notice.attempts, len(PAUSES) - 1)]
    state = NoticeState.FAILED if over else NoticeState.PENDING
    row.update(state=state, not_before=now + pause, attempts=F("attempts") + 1, error=error)
    if over:
        log.error("alert not sent on", extra={"channel": notice.channel, "alert": notice.alert_id})


def title_of(notice: AlertNotice) -> str:
    """One line that says how much it hurries and what is the matter."""
    alert = notice.alert
    again = "Nobody has read this: " if notice.escalation else ""
    return f"{again}{severity_of(alert.kind).label}: {AlertKind(alert.kind).label}"


def text_of(alert: Alert) -> str:
    """What is the matter, with which order and session."""
    order = f"\nOrder {alert.order.cl_ord_id}" if alert.order else ""
    session = f"\nSession {alert.session_id}" if alert.session_id else ""
    return f"{alert.text}{order}{session}"


def send(channel: str, title: str, text: str) -> str:
    """Send to a channel; what went wrong, empty when it was taken. It waits for some seconds at most."""
    url = settings.ALERT_CHANNELS.get(channel)
    if url is None:
        return "The setting names no such channel."
    import apprise  # most of a second at every start, for what few processes do

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # what it logs may quote a URL
    receiver = apprise.Apprise()
    try:
        if not receiver.add(url):
            return "The channel's URL is not understood."
        taken = receiver.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a plug-in's own mistakes must not stop the others
        return f"The channel failed: {type(error).__name__}."
    return "" if taken else "The channel did not take it."
