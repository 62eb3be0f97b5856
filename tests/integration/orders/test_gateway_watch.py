"""A person is told that nobody is logged in to a gateway, and before the week's login ends."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from brokers.errors import BrokerUnavailable
from brokers.gate.gateway_calendar import Calendars, GatewayCalendar
from brokers.gate.market_hours import MarketHours
from brokers.gate.restart_window import RestartWindow
from brokers.gate.weekly_login import WeeklyLogin
from brokers.ib import controller
from brokers.models import GatewaySession, LinkChange
from brokers.postgres import clock
from orders.controls.gateways import gateway_watch
from orders.models import Alert, AuditRecord
from tests.integration.orders.test_attribution import sent

__all__ = ["sent"]
from tradedesk.stack.polling import eventually

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)  # a Sunday, 07:00 in New York


@pytest.fixture
def session(sent: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> GatewaySession:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings.GATEWAY_CALENDARS = Calendars()
    return GatewaySession.objects.get(pk="main")


def put(session: GatewaySession, link: str, *, minutes: float, connected: datetime | None = None) -> None:
    session.link, session.link_changed_at = link, NOW - timedelta(minutes=minutes)
    session.connected_at = connected
    session.save()


def subjects() -> list[str]:
    gateway_watch.watch()
    return list(Alert.objects.filter(cleared_at=None).order_by("subject").values_list("subject", flat=True))


def test_nobody_logged_in_for_five_minutes_is_told_and_goes_by_itself(session: GatewaySession) -> None:
    put(session, "DOWN", minutes=4)
    assert subjects() == []
    put(session, "CONNECTED", minutes=6)
    assert subjects() == ["not logged in"]
    put(session, "READY", minutes=0)
    assert subjects() == []


def test_a_restart_in_its_window_is_no_alert(session: GatewaySession, settings: Any) -> None:
    restart = RestartWindow.parse("06:55-07:05 America/New_York")
    settings.GATEWAY_CALENDARS = Calendars(main=GatewayCalendar(restart=restart))
    put(session, "DOWN", minutes=30)
    assert subjects() == []


@pytest.mark.parametrize(
    ("ends", "connected", "told"),
    [
        ("Sun 18:00 America/New_York", None, True),  # within twelve hours
        ("Mon 18:00 America/New_York", None, False),
        ("Sun 01:00 America/New_York", NOW - timedelta(hours=9), True),  # connected before it ended
        ("Sun 01:00 America/New_York", NOW - timedelta(hours=1), False),
    ],
)
def test_the_end_of_the_weeks_login_is_reminded_of(
    session: GatewaySession, settings: Any, ends: str, connected: datetime | None, told: bool
) -> None:
    settings.GATEWAY_CALENDARS = Calendars(main=GatewayCalendar(login=WeeklyLogin.parse(ends)))
    put(session, "READY", minutes=30, connected=connected or NOW - timedelta(days=1))
    assert subjects() == (["weekly login"] if told else [])


def test_the_reminder_names_the_next_opening_past_a_holiday(session: GatewaySession, settings: Any) -> None:
    """Monday, 25 May 2026, is Memorial Day."""
    calendar = GatewayCalendar(
        login=WeeklyLogin.parse("Sun 01:00 America/New_York"),
        market=MarketHours.parse("NYSE 09:30-16:00 America/New_York"),
    )
    settings.GATEWAY_CALENDARS = Calendars(main=calendar)
    text = gateway_watch.weekly(session, datetime(2026, 5, 24, 0, 0, tzinfo=UTC))
    assert "before Tue 2026-05-26 09:30 America/New_York" in text


def test_a_second_factor_is_as_old_as_the_first_link_after_the_login_ended(
    session: GatewaySession, settings: Any
) -> None:
    settings.GATEWAY_CALENDARS = Calendars(main=GatewayCalendar(login=WeeklyLogin.parse("Sun 01:00 UTC")))
    assert gateway_watch.login_since(session, NOW) is None
    for hours, link in ((12, "READY"), (10, "DOWN"), (8, "READY"), (2, "READY")):
        LinkChange.objects.create(session=session, link=link, reason="", at=NOW - timedelta(hours=hours))
    assert gateway_watch.login_since(session, NOW) == NOW - timedelta(hours=10 - 2)


class Ibc(socketserver.StreamRequestHandler):
    """IBC's command server: a greeting, then an answer to each line."""

    answer = b"INFO working\nOK RESTART command received\n"
    heard: list[str] = []

    def handle(self) -> None:
        self.wfile.write(b"INFO IBC Command Server\n")
        for line in self.rfile:
            self.heard.append(line.decode().strip())
            if line.strip() == b"EXIT":
                return
            self.wfile.write(self.answer)


@pytest.fixture
def ibc() -> Iterator[tuple[str, int]]:
    Ibc.heard.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Ibc) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


def test_a_restart_is_asked_of_ibc_and_kept_in_the_audit(
    session: GatewaySession, settings: Any, ibc: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GATEWAY_CONTROLS = {"main": ibc}
    monkeypatch.setattr("tradedesk.management.commands.gateway.proven", lambda by, right: Person())
    call_command("gateway", "restart", "main", by="desk", reason="stuck")
    assert eventually(lambda: Ibc.heard == ["RESTART", "EXIT"])  # it reads on after we have gone
    record = AuditRecord.objects.get(kind="gateway.restart")
    assert (record.person, record.subject, record.ok) == ("desk", "session:main", True)


class Person:
    """Who has given the password."""

    class user:
        @staticmethod
        def get_username() -> str:
            return "desk"


@pytest.mark.parametrize("answer", [b"ERROR not now\n", b""])
def test_a_refusal_of_ibc_is_told_in_words(
    ibc: tuple[str, int], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(Ibc, "answer", answer)
    monkeypatch.setattr(controller, "ANSWER_LIMIT", 0.3)
    with pytest.raises(BrokerUnavailable, match="IBC"):
        controller.command(ibc, controller.RESTART)


def test_a_session_without_a_command_port_is_named(
    session: GatewaySession, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradedesk.management.commands.gateway.proven", lambda by, right: Person())
    settings.GATEWAY_CONTROLS = {}
    with pytest.raises(CommandError, match="TRADEDESK_GATEWAY_CONTROL"):
        call_command("gateway", "restart", "main", by="desk", reason="stuck")
