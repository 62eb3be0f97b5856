"""The middle office's pages: shown, downloaded, kept, signed off; alert routes changed and tried."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from orders.models import AlertMute, AlertRoute, AuditRecord, DayReport
from orders.notify import routes
from tests.integration.orders.conftest import seed_desk
from tradedesk.stack.clients import ACCOUNT


@pytest.fixture
def boss(db: None, settings: Any) -> Client:
    seed_desk(settings)
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def stranger(boss: Client) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("stranger", is_staff=True))
    return client


#: A module of Apprise's mail plug-in asks for it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
PAGES = ["costs", "costs_file", "fills", "day_report", "alert_routes"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_there_for_who_has_the_right_alone(boss: Client, stranger: Client, name: str) -> None:
    assert boss.get(reverse(f"desk:{name}")).status_code == 200
    assert stranger.get(reverse(f"desk:{name}")).status_code == 403


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_executions_are_a_file_by_preset(boss: Client, kind: str) -> None:
    answer = boss.get(reverse("desk:fills_file", args=[kind]), {"preset": "month", "side": "BUY"})
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert "executions-" in answer.headers["Content-Disposition"]
    assert boss.get(reverse("desk:fills_file", args=[kind]), {"from": "x"}).status_code == 400


def test_a_report_is_kept_and_signed_off_with_a_reason_in_the_audit(boss: Client) -> None:
    said = {"kind": "end-of-day", "account": ACCOUNT, "date": "2026-11-27"}
    for form in ("json", "csv", "xlsx", "pdf"):
        assert boss.get(reverse("desk:day_report_file", args=[form]), said).status_code == 200
    boss.post(reverse("desk:day_report_keep"), said)
    report = DayReport.objects.get()
    boss.post(reverse("desk:day_report_sign", args=[report.pk]), {"reason": "compared"})
    report.refresh_from_db()
    assert (report.signed_by.get_username(), report.sign_reason) == ("boss", "compared")  # type: ignore[union-attr]
    record = AuditRecord.objects.filter(kind="orders_dayreport.update").get()
    assert (record.person, record.reason) == ("boss", "compared")
    assert "Signed off" in boss.get(reverse("desk:day_report"), said).content.decode()


def test_a_route_and_a_mute_are_made_and_ended_and_a_channel_is_tried(
    boss: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALERT_CHANNELS = {"chat": "json://127.0.0.1:1/secret-path"}
    change = lambda what, **said: boss.post(reverse("desk:alert_route_change", args=[what]), said)  # noqa: E731
    change("route", name="desk", kinds=["BUST"], severity=2, channel="chat", escalate_after=60, active="on")
    route = AlertRoute.objects.get()
    assert (route.kinds, route.channel) == (["BUST"], "chat")
    change("mute", kind="BUST", starts_at="2026-11-01T00:00", ends_at="2099-01-01T00:00", reason="drill")
    mute = AlertMute.objects.get()
    assert (mute.made_by, routes.muted_kinds()) == ("boss", {"BUST"})
    change("end-mute", id=mute.pk)
    change("end-route", id=route.pk)
    assert (routes.muted_kinds(), AlertRoute.objects.get().active) == (set(), False)
    tried = change("test", channel="chat")
    assert "secret-path" not in boss.get(tried.headers["Location"]).content.decode()
