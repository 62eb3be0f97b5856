"""Broker sessions and what can be read of their gateways: from settings and what their workers wrote."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from brokers.account_codes import is_paper
from brokers.models import BrokerAccount, GatewaySession, SessionHealth
from brokers.postgres import clock
from orders.models import Alert, AlertKind
from orders.store.states import read_states
from tradedesk import env, health
from tradedesk.doctor.database import clock_finding
from tradedesk.doctor.findings import Finding, fail, ok, warn

#: Below it a gateway lacks what we send (decimal quantities, fractional shares); brokers/ib/session.py.
OLDEST_SERVER = 163


def examine() -> Iterator[Finding]:
    """Every session that is set, and those that are not any more."""
    rows = GatewaySession.objects.in_bulk()
    states = read_states()
    reports = SessionHealth.objects.in_bulk()
    for name, config in settings.BROKER_SESSIONS.items():
        yield session(health.check_session(name, rows.get(name), states))
        yield gateway(config, rows.get(name), reports.get(name))
        yield restarts(name)
        if report := reports.get(name):
            yield clock_finding(f"clock_gateway:{name}", report.clocks.get("gateway", 0.0), "the gateway")
    yield accounts()
    if left := sorted(rows.keys() - settings.BROKER_SESSIONS.keys()):
        yield warn(
            "sessions", f"Not set any more: {', '.join(left)}", "Map their accounts with TRADEDESK_ACCOUNTS."
        )
    yield alerts()


def session(check: health.Check) -> Finding:
    """Whether orders go out."""
    if check.ok:
        return ok(check.name, "READY")
    return fail(check.name, check.reason, "docs/runbook.md says what each of these asks for.")


def gateway(config: env.SessionConfig, row: GatewaySession | None, report: SessionHealth | None) -> Finding:
    """What can be read of the gateway."""
    name = f"gateway:{config.name}"
    if row is None or (version := row.server_version) is None:
        return warn(
            name, f"{config.host}:{config.port} was not spoken with.", "Start it, and the broker worker."
        )
    if version < OLDEST_SERVER:
        return fail(name, f"API version {version}", "Install a current TWS or IB Gateway.")
    if row.order_ids_used_up:
        return fail(name, "Its order ids are used up.", "docs/runbook.md#order-ids-used-up")
    zone = config.time_zone or "as it greets"
    return ok(name, f"{config.host}:{config.port}, API version {version}, time zone {zone}")


def accounts() -> Finding:
    """Paper accounts on a paper desk, others on a live one; and each is carried by a session that is set."""
    codes = list(BrokerAccount.objects.values_list("code", "session_id"))
    stray = [code for code, name in codes if name not in settings.BROKER_SESSIONS]
    if stray:
        return fail("accounts", f"No session carries {', '.join(stray)}.", "Name them in TRADEDESK_ACCOUNTS.")
    live = settings.TRADING_MODE == "live"
    other = [code for code, _ in codes if is_paper(code) == live]
    if other:
        do = "Correct TRADEDESK_ACCOUNTS or TRADEDESK_TRADING_MODE."
        return warn("accounts", f"{', '.join(other)} on a desk that trades {settings.TRADING_MODE}.", do)
    return ok("accounts", ", ".join(code for code, _ in codes) or "none yet")


def restarts(session: str) -> Finding:
    """The gateway restarts each day, whether we know when or not."""
    name, calendar = f"restart_window:{session}", settings.GATEWAY_CALENDARS[session]
    if calendar.restart is None:
        do = "Set TRADEDESK_RESTART_WINDOW to the auto-restart time of the gateway."
        return warn(name, "Orders may be sent into the gateway's daily restart.", do)
    if calendar.restarts_while_open(clock.now()):
        do = "Move the gateway's auto-restart, and TRADEDESK_RESTART_WINDOW, out of these hours."
        return warn(name, f"{calendar.restart} lies in the hours of {calendar.market}.", do)
    return ok(name, str(calendar.restart))


def alerts() -> Finding:
    """What a person has to see before anything else."""
    found = Alert.objects.filter(cleared_at=None).values_list("kind", "subject")
    if lost := [kind for kind, _ in found if kind == AlertKind.LOST_HISTORY]:
        return fail("alerts", f"{len(lost)} of lost history.", "docs/runbook.md#lost-history")
    if found:
        kinds = ", ".join(sorted({kind for kind, _ in found}))
        return warn("alerts", f"{len(found)} are open: {kinds}", "Look at the desk's alerts.")
    return ok("alerts", "none")
