"""The documents of a day: start (is everything in order?) and end (what was done?), as named lists of rows.

One document serves the API, the desk and every file. Values are plain text or numbers; null is not known.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum

from brokers.formats import decimal_or_none, decimal_text, time_or_none, time_text
from brokers.gate.gateway_calendar import GatewayCalendar
from brokers.models import BrokerAccount, CashBalance, Instrument, Position, Profit
from brokers.postgres import clock
from orders.controls.limits import limits_now
from orders.models import (
    ALIVE,
    Approval,
    Break,
    Execution,
    LimitChange,
    Order,
    ReconciliationKind,
    ReconciliationRun,
    ReportKind,
)
from orders.models.order import first_id_at
from orders.reports import tca
from orders.reports.costs import BPS
from orders.store.states import read_states

Rows = list[dict[str, Any]]
Document = dict[str, Any]
LISTED = 5_000  # rows of one section; more are counted in `more`
EXPIRING_WITHIN = timedelta(days=7)
LEAST_DISK = 0.1  # share that should be free
ORDER_COLUMNS = (
    "cl_ord_id",
    "side",
    "order_qty",
    "symbol",
    "ord_type",
    "price",
    "state",
    "cum_qty",
    "avg_px",
)


def build(kind: ReportKind, account: BrokerAccount, day: date) -> Document:
    """The document of an account's day as things are now."""
    sections = START if kind == ReportKind.START_OF_DAY else END
    found = {name: section(account, day) for name, section in sections.items()}
    return {
        "report": kind.value,
        "account": account.code,
        "date": day.isoformat(),
        "sections": {name: rows[:LISTED] for name, rows in found.items()},
        "more": {name: len(rows) - LISTED for name, rows in found.items() if len(rows) > LISTED},
    }


def bounds(day: date) -> tuple[datetime, datetime]:
    """The day's beginning and end, UTC."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


# --- start of day -----------------------------------------------------------------------------------------
def checklist(account: BrokerAccount, day: date) -> Rows:
    """What must be so before anybody trades; `ok` null where nothing is known."""
    session = account.session
    state = read_states().of_session(session.name)
    calendar = settings.GATEWAY_CALENDARS[session.name]
    breaks = open_breaks(account).count()
    changes = limit_changes(account, day)
    return [
        _check("link", session.link == "READY", session.link, session.link_reason),
        _check("gate", bool(session.reconciled_at), time_or_none(session.reconciled_at), "last reconciled"),
        _check("trading state", state is None, str(state.state) if state else "ACTIVE", str(state or "")),
        *(_compared(account, kind) for kind in ReconciliationKind),
        _check("open breaks", breaks == 0, breaks),
        _check("limits changed since yesterday", None if changes else True, len(changes)),
        _check("restart window", None, str(calendar.restart or "none")),
        _check(
            "weekly login", None, next_login(calendar, clock.now()), "then the second factor is asked for"
        ),
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


def resting_orders(account: BrokerAccount, day: date) -> Rows:
    """Orders that stay from day to day, with their distance to the market in basis points."""
    rows = Order.objects.filter(account=account, state__in=ALIVE, time_in_force__in=("GTC", "GTD"))
    found = []
    for order in rows.select_related("instrument").order_by("pk"):
        limit, last = order.price or order.stop_px, order.instrument.last_px
        away = (limit - last) / last * BPS if limit is not None and last else None
        found.append(
            {
                **order_row(order),
                "time_in_force": order.time_in_force,
                "last_px": decimal_or_none(last),
                "last_px_at": time_or_none(order.instrument.last_px_at),
                "distance_bps": None if away is None else decimal_text(away.quantize(Decimal("0.1"))),
            }
        )
    return found


def expiring(account: BrokerAccount, day: date) -> Rows:
    """Positions in contracts that end within a week."""
    until = (day + EXPIRING_WITHIN).strftime("%Y%m%d")
    held = dict(
        Position.objects.filter(account=account).exclude(position_qty=0).values_list("con_id", "position_qty")
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


def limit_changes(account: BrokerAccount, day: date) -> Rows:
    """Limits of the account that were changed since the day before began; the firm's are not everybody's."""
    start, end = bounds(day)
    rows = LimitChange.objects.filter(
        scope=f"account:{account.code}", applied_at__gte=start - timedelta(days=1), applied_at__lt=end
    )
    names = ("scope", "field", "old", "new", "reason", "maker", "approver")
    return [
        {"at": time_or_none(row.applied_at), **{name: getattr(row, name) for name in names}} for row in rows
    ]


# --- end of day -------------------------------------------------------------------------------------------
def orders_of_day(account: BrokerAccount, day: date) -> QuerySet[Order]:
    """Orders that came on this day, or were executed on it."""
    start, end = bounds(day)
    came = Q(pk__gte=first_id_at(start), pk__lt=first_id_at(end))
    executed = Q(pk__in=fills_of_day(account, day).order_by().values("order"))
    return Order.objects.filter(came | executed, account=account).select_related("instrument").order_by("pk")


def fills_of_day(account: BrokerAccount, day: date) -> QuerySet[Execution]:
    """Executions of this trading day that count."""
    rows = Execution.objects.filter(account=account, trade_date=day, superseded=False, last_qty__gt=0)
    return rows.order_by("transact_time", "id")


def summary(account: BrokerAccount, day: date) -> Rows:
    """How many orders are in which state."""
    rows = orders_of_day(account, day).order_by().values("state").annotate(orders=Count("pk"))
    return [{"state": row["state"], "orders": row["orders"]} for row in rows.order_by("state")]


def order_rows(account: BrokerAccount, day: date) -> Rows:
    """Each order with how it ended."""
    return [{**order_row(order), "reason": order.reason_code} for order in orders_of_day(account, day)]


def order_row(order: Order) -> dict[str, Any]:
    """An order in a line."""
    row = {name: getattr(order, name, None) for name in ORDER_COLUMNS}
    row["symbol"] = order.instrument.symbol
    return {name: decimal_text(one) if isinstance(one, Decimal) else one for name, one in row.items()}


def fill_rows(account: BrokerAccount, day: date) -> Rows:
    """Each execution with its commission."""
    return [
        {
            **{"at": time_text(one.transact_time), "exec_id": one.exec_id, "symbol": one.symbol},
            **{"side": one.side, "qty": decimal_text(one.last_qty), "px": decimal_text(one.last_px)},
            **{"venue": one.venue, "currency": one.currency, "commission": decimal_or_none(one.commission)},
            "commission_currency": one.commission_currency,
        }
        for one in fills_of_day(account, day)
    ]


def traded(account: BrokerAccount, day: date) -> Rows:
    """Executions added up by contract and side."""
    keys = ("symbol", "sec_type", "con_id", "currency", "side")
    value = Sum(F("last_qty") * F("last_px") * F("multiplier"))
    rows = fills_of_day(account, day).order_by().values(*keys)
    return [
        {**{name: row[name] for name in keys}, "fills": row["fills"], "qty": decimal_text(row["qty"])}
        | {"value": decimal_text(row["value"])}
        for row in rows.annotate(fills=Count("pk"), qty=Sum("last_qty"), value=value).order_by(*keys)
    ]


def commissions(account: BrokerAccount, day: date) -> Rows:
    """What the broker charged and realized, by currency; `waiting` executions have no commission yet."""
    rows = fills_of_day(account, day).order_by().values("commission_currency")
    found = rows.annotate(
        fills=Count("pk"),
        charged=Sum("commission"),
        realized=Sum("realized_pnl"),
        waiting=Count("pk", filter=Q(commission=None)),
    )
    return [
        {
            **{"currency": row["commission_currency"], "fills": row["fills"], "waiting": row["waiting"]},
            "commission": decimal_or_none(row["charged"]),
            "realized_pnl": decimal_or_none(row["realized"]),
        }
        for row in found.order_by("commission_currency")
    ]


def profits(account: BrokerAccount, day: date) -> Rows:
    """Profit and loss as the broker reckons it."""
    rows = Profit.objects.filter(account=account).order_by("con_id")
    names = ("daily", "unrealized", "realized", "value")
    return [
        {"con_id": row.con_id, **{name: decimal_or_none(getattr(row, name)) for name in names}}
        | {"reported_at": time_text(row.reported_at)}
        for row in rows
    ]


def positions(account: BrokerAccount, day: date) -> Rows:
    """Positions as the broker reports them."""
    rows = Position.objects.filter(account=account).exclude(position_qty=0).order_by("symbol", "con_id")
    return [
        {
            **{"symbol": row.symbol, "sec_type": row.sec_type, "con_id": row.con_id},
            **{"currency": row.currency, "position_qty": decimal_text(row.position_qty)},
            **{"avg_cost": decimal_or_none(row.avg_cost), "reported_at": time_text(row.reported_at)},
        }
        for row in rows
    ]


def cash(account: BrokerAccount, day: date) -> Rows:
    """Cash as the broker reports it."""
    rows = CashBalance.objects.filter(account=account).order_by("currency")
    return [
        {
            "currency": row.currency,
            "amount": decimal_text(row.amount),
            "reported_at": time_text(row.reported_at),
        }
        for row in rows
    ]


def open_breaks(account: BrokerAccount) -> QuerySet[Break]:
    """Breaks of the account that nobody closed."""
    return Break.objects.filter(account=account, closed_at=None).order_by("pk")


def break_rows(account: BrokerAccount, day: date) -> Rows:
    """Open breaks, with when they were first seen."""
    return [
        {"kind": row.kind, "text": row.text, "first_seen": time_text(row.first_seen)}
        for row in open_breaks(account)
    ]


def ends(account: BrokerAccount, day: date) -> Rows:
    """Cancels, refusals and failures by their reason."""
    over = orders_of_day(account, day).filter(state__in=("CANCELED", "EXPIRED", "REJECTED", "FAILED"))
    rows = over.order_by().values("state", "reason_code").annotate(orders=Count("pk"))
    return [
        {"state": row["state"], "reason": row["reason_code"], "orders": row["orders"]}
        for row in rows.order_by("state", "reason_code")
    ]


def slippage(account: BrokerAccount, day: date) -> Rows:
    """Cost of trading by symbol, as `GET /api/v1/tca` tells it."""
    wanted = tca.Wanted(accounts=[account.code], first=day, last=day, by="symbol")
    rows: Rows = tca.table(wanted)["results"]
    return rows


def limit_use(account: BrokerAccount, day: date) -> Rows:
    """Limits that are on, with what is used of them now."""
    scopes = limits_now({account.code}, others=False)
    return [
        {"scope": one.scope, "field": limit.field, "limit": limit.limit, "used": limit.used}
        for one in scopes
        for limit in one.limits
        if limit.limit is not None
    ]


def approvals(account: BrokerAccount, day: date) -> Rows:
    """What a second person decided about on this day."""
    start, end = bounds(day)
    rows = Approval.objects.filter(decided_at__gte=start, decided_at__lt=end, accounts=[account.code])
    return [
        {"title": row.title, "state": row.state, "made_by": row.made_by, "decided_by": row.decided_by}
        for row in rows.order_by("decided_at")
    ]


Section = Callable[[BrokerAccount, date], Rows]
START: dict[str, Section] = {
    "checklist": checklist,
    "open breaks": break_rows,
    "resting orders": resting_orders,
    "expiring": expiring,
    "limit changes": limit_changes,
    "positions": positions,
    "cash": cash,
}
END: dict[str, Section] = {
    "summary": summary,
    "traded": traded,
    "commissions": commissions,
    "profit and loss": profits,
    "positions": positions,
    "cash": cash,
    "breaks": break_rows,
    "ends by reason": ends,
    "slippage": slippage,
    "limit use": limit_use,
    "approvals": approvals,
    "orders": order_rows,
    "fills": fill_rows,
}
