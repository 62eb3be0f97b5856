"""The start of a day: is everything in order? A checklist that computes itself, and what to know."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from brokers.formats import decimal_or_none, decimal_text, time_or_none, time_text
from brokers.gate.gateway_calendar import GatewayCalendar
from brokers.models import BrokerAccount, GatewaySession, Instrument, Position
from brokers.postgres import clock
from orders.controls.gateways.gateway_watch import login_since, weekly
from orders.models import ALIVE, LimitChange, Order, ReconciliationKind, ReconciliationRun
from orders.reports.cost.costs import BPS
from orders.reports.daily import certificate
from orders.reports.daily.report_day import Listed, ReportDay, Rows, listed, open_breaks, order_row
from orders.store.states import read_states

EXPIRING_WITHIN = timedelta(days=7)
LEAST_DISK = 0.1  # share that should be free


def checklist(asked: ReportDay) -> Rows:
    """What must be so before anybody trades; `ok` null where nothing is known."""
    account = asked.account
    session = account.session
    calendar = settings.GATEWAY_CALENDARS[session.name]
    state = read_states().of_session(session.name)
    breaks = open_breaks(asked).count()
    changes = limit_changes(asked)
    return [
        _check("link", session.link == "READY", session.link, session.link_reason),
        _check("gate", bool(session.reconciled_at), time_or_none(session.reconciled_at), "last reconciled"),
        _check("trading state", state is None, str(state.state) if state else "ACTIVE", str(state or "")),
        *(_compared(account, kind) for kind in ReconciliationKind),
        _check("open breaks", breaks == 0, breaks),
        _check("limits changed since yesterday", None if changes else True, len(changes)),
        _check("restart window", None, str(calendar.restart or "none")),
        _check("weekly login", None, next_login(calendar, clock.now()), "then a person must log in"),
        _second_factor(session, calendar),
        _certificate(),
        _skew(account),
        _disk(),
    ]


def _check(name: str, ok: bool | None, value: Any, note: str = "") -> dict[str, Any]:
    return {"check": name, "ok": ok, "value": value, "note": note}


def _compared(account: BrokerAccount, kind: ReconciliationKind) -> dict[str, Any]:
    run = ReconciliationRun.objects.filter(session=account.session_id, kind=kind).first()
    name = f"{kind.label.lower()} equal the broker's"
    if run is None:
        return _check(name, None, None, "never compared")
    note = run.error or f"compared {time_text(run.finished_at)}"
    return _check(name, run.ok, len(run.differences), note)


def _second_factor(session: GatewaySession, calendar: GatewayCalendar) -> dict[str, Any]:
    """How long ago a person confirmed the gateway's login; the alert's own words where one is due."""
    now, name = clock.now(), "second factor (days old)"
    if calendar.login is None:
        return _check(name, None, None, "not known: TRADEDESK_WEEKLY_LOGIN names no end of the login")
    since = login_since(session, now)
    if since is None:
        note = f"not confirmed since the login ended at {time_text(calendar.login.last(now))}"
    else:
        note = f"confirmed {time_text(since)}"
    due = weekly(session, now)
    ok = None if not due and since is None else not due
    return _check(name, ok, None if since is None else _days(now - since), due or note)


def _certificate() -> dict[str, Any]:
    """How long browsers and clients will take us for us."""
    path, name, now = settings.TLS_CERTIFICATE, "certificate (days left)", clock.now()
    if path is None:
        return _check(name, None, None, "not known: TRADEDESK_TLS_CERTIFICATE names no file")
    try:
        found = certificate.read(path)
    except ValueError as error:
        return _check(name, False, None, f"{path} {error}")
    note = f"{found.name}, counts from {time_text(found.begins)} until {time_text(found.ends)}"
    return _check(name, found.is_well(now), _days(found.ends - now), note)


def _days(span: timedelta) -> float:
    return round(span / timedelta(days=1), 1)


def _skew(account: BrokerAccount) -> dict[str, Any]:
    """What the broker's worker measured; none where it does not run."""
    health = getattr(account.session, "health", None)
    known = [abs(float(each)) for each in (health.clocks if health else {}).values() if _is_number(each)]
    worst = max(known, default=None)
    ok = None if worst is None else worst <= settings.MAX_CLOCK_SKEW
    return _check("clock skew (s)", ok, None if worst is None else round(worst, 3))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _disk() -> dict[str, Any]:
    folder = settings.DATA_DIR
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    return _check("disk free (%)", free >= LEAST_DISK, round(100 * free))


def next_login(calendar: GatewayCalendar, now: datetime) -> str:
    """When the week's login ends next: the first login after it needs a person."""
    return time_text(calendar.login.next(now)) if calendar.login else "none"


def resting_orders(asked: ReportDay) -> Listed:
    """Orders that stay from day to day, with their distance to the market in basis points."""
    rows = Order.objects.filter(account=asked.account, state__in=ALIVE, time_in_force__in=("GTC", "GTD"))
    return listed(rows.select_related("instrument").order_by("pk"), _resting)


def _resting(order: Order) -> dict[str, Any]:
    limit, last = order.price or order.stop_px, order.instrument.last_px
    away = (limit - last) / last * BPS if limit is not None and last else None
    return {
        **order_row(order),
        "time_in_force": order.time_in_force,
        "last_px": decimal_or_none(last),
        "last_px_at": time_or_none(order.instrument.last_px_at),
        "distance_bps": None if away is None else decimal_text(away.quantize(Decimal("0.1"))),
    }


def expiring(asked: ReportDay) -> Rows:
    """Positions in contracts that end within a week."""
    until = (asked.day + EXPIRING_WITHIN).strftime("%Y%m%d")
    held = dict(
        Position.objects.filter(account=asked.account)
        .exclude(position_qty=0)
        .values_list("con_id", "position_qty")
    )
    rows = Instrument.objects.filter(con_id__in=held, maturity__gt="", maturity__lte=until)
    return [
        {
            **{"symbol": row.symbol, "sec_type": row.sec_type, "local_symbol": row.local_symbol},
            "maturity": row.maturity,
            "position_qty": decimal_text(held[row.con_id]) if row.con_id else None,
        }
        for row in rows.order_by("maturity", "pk")
    ]


def limit_changes(asked: ReportDay) -> Rows:
    """Limits of the account that were changed since the day before began; the firm's are not everybody's."""
    rows = LimitChange.objects.filter(
        scope=f"account:{asked.account.code}",
        applied_at__gte=asked.start - timedelta(days=1),
        applied_at__lt=asked.end,
    )
    names = ("scope", "field", "old", "new", "reason", "maker", "approver")
    return [
        {"at": time_or_none(row.applied_at), **{name: getattr(row, name) for name in names}} for row in rows
    ]
