"""The page of a gateway: who is logged in, what comes, and its restart by a person who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from brokers.gate.gateway_calendar import Calendars, GatewayCalendar
from brokers.gate.market_hours import MarketHours
from brokers.gate.restart_window import RestartWindow
from brokers.gate.weekly_login import WeeklyLogin
from brokers.models import BrokerAccount, GatewaySession, LinkChange
from orders.models import AuditRecord
from tests.integration.orders.test_gateway_watch import Ibc, ibc

__all__ = ["ibc"]


@pytest.fixture
def url() -> str:
    return reverse("desk:gateway", args=["main"])


@pytest.fixture
def calendar(settings: Any) -> None:
    now = timezone.now()
    settings.GATEWAY_CALENDARS = Calendars(
        main=GatewayCalendar(
            restart=RestartWindow.parse("23:40-23:50 America/New_York"),
            login=WeeklyLogin.parse(f"{now - timedelta(days=1):%a} 01:00 UTC"),
            market=MarketHours.parse("NYSE 09:30-16:00 America/New_York"),
        )
    )


def test_the_page_tells_the_age_of_the_login_and_what_comes(boss: Client, calendar: None, url: str) -> None:
    session = GatewaySession.objects.get(pk="main")
    assert "not since the login ended last" in boss.get(url).content.decode()
    LinkChange.objects.create(session=session, link="READY", at=timezone.now() - timedelta(minutes=3))
    page = boss.get(url).content.decode()
    assert "3 min" in page
    assert "login ends" in page
    assert page.count("daily restart") >= 13
    assert "NYSE 09:30-16:00 America/New_York" in page


def test_a_restart_needs_a_reason_and_is_kept_with_the_answer(
    boss: Client, settings: Any, ibc: tuple[str, int], url: str
) -> None:
    settings.GATEWAY_CONTROLS = {"main": ibc}
    assert "Please give a reason." in boss.post(url, {}).content.decode()
    page = boss.post(url, {"reason": "stuck"}, follow=True).content.decode()
    assert "OK RESTART command received" in page
    record = AuditRecord.objects.get(kind="gateway.restart")
    assert (record.via, record.reason, record.ok) == ("desk", "stuck", True)
    assert Ibc.heard[0] == "RESTART"


def test_a_restart_that_is_refused_says_so_on_the_page(boss: Client, settings: Any, url: str) -> None:
    settings.GATEWAY_CONTROLS = {}
    assert "TRADEDESK_GATEWAY_CONTROL" in boss.post(url, {"reason": "x"}, follow=True).content.decode()
    settings.GATEWAY_CONTROLS = {"main": ("127.0.0.1", 1)}
    assert "does not answer" in boss.post(url, {"reason": "x"}, follow=True).content.decode()


def test_a_gateway_of_others_accounts_is_not_found_and_a_shared_one_not_restarted(
    person: Callable[..., Client], settings: Any, ibc: tuple[str, int], url: str
) -> None:
    jo = person("brokers.view_gatewaysession", "brokers.operate_session")
    settings.GATEWAY_CONTROLS = {"main": ibc}
    GatewaySession.objects.create(name="other")
    assert jo.get(reverse("desk:gateway", args=["other"])).status_code == 404
    BrokerAccount.objects.create(code="DU9", session_id="main")
    assert "not yours" in jo.post(url, {"reason": "x"}, follow=True).content.decode()
    assert Ibc.heard == []
