"""The middle office's pages: shown, downloaded, kept, signed off; alert routes changed and tried."""

from __future__ import annotations

import csv
import io
from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from brokers.flex import Flex
from brokers.gate.daily_time import DailyTime
from orders.admin.reports.day_reports import cell, heading
from orders.controls.books.break_values import keep_values
from orders.models import (
    AlertMute,
    AlertRoute,
    AuditRecord,
    Break,
    BreakKind,
    DayReport,
    ReconciliationRun,
    StatementRequest,
)
from orders.notify import routes
from orders.reconciliation import breaks
from orders.reconciliation.breaks import Finding
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
PAGES = ["costs", "costs_file", "fills", "day_report", "alert_routes", "workbench", "breaks_file"]


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


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("value", "2300.50", ">2,300.5<"),
        ("qty", -1000, ">−1,000<"),
        ("reported_at", "2026-01-05T09:08:47.402334Z", ">2026-01-05 09:08:47<"),
        ("symbol", "7203", "7203"),
        ("con_id", 265598, "265598"),
        ("ok", False, "✕ no"),
        ("price", None, "–"),
    ],
)
def test_a_value_of_a_report_reads_as_anywhere_at_the_desk(column: str, value: Any, shown: str) -> None:
    assert shown in str(cell(column, value))


def test_columns_of_a_report_are_words() -> None:
    names = ["last_px", "con_id", "realized_pnl", "bps", "time_in_force"]
    assert [heading(name) for name in names] == [
        "Last price",
        "Contract",
        "Realized P&L",
        "bps",
        "Time in force",
    ]


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
    change("mute", kind="", starts_at="2098-01-01T00:00", ends_at="2099-01-01T00:00", reason="too early")
    change("end-mute", id=AlertMute.objects.get(reason="too early").pk)
    assert not AlertMute.objects.filter(ends_at__gt=timezone.now()).exists()
    change("end-route", id=route.pk)
    assert (routes.muted_kinds(), AlertRoute.objects.get().active) == (set(), False)
    tried = change("test", channel="chat")
    assert "secret-path" not in boss.get(tried.headers["Location"]).content.decode()


# --- breaks at work ---------------------------------------------------------------------------------------
def differs(currency: str, reported: str = "5") -> Break:
    ours, theirs = {"currency": "USD", "expected": "0"}, {"reported": reported}
    key = f"{ACCOUNT} {currency}"
    finding = Finding(
        **{"kind": BreakKind.CASH, "key": key, "account": ACCOUNT, "text": f"{currency} differs"},
        **{"ours": ours, "broker": theirs},
    )
    breaks.record(
        "main", [BreakKind.CASH], [finding], not_judged=set(Break.objects.values_list("key", flat=True))
    )
    return Break.objects.get(key=key)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_open_breaks_are_counted_by_worth_and_age_and_decided_with_one_reason(boss: Client) -> None:
    rows = [differs(currency) for currency in ("USD", "CHF")]
    keep_values()
    page = boss.get(reverse("desk:workbench"))
    assert page.context["matrix"][1] == ("up to 1,000", [2, 0, 0, 0, 0])
    form = {"break": [row.pk for row in rows], "text": "fees", "cause": "TOLERANCE"}
    assert "2 breaks: Resolved" in said(boss.post(reverse("desk:breaks_decide"), form))
    assert set(Break.objects.values_list("resolution", "cause")) == {("fees", "TOLERANCE")}
    lines = b"".join(boss.get(reverse("desk:breaks_file")).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"break": [], "text": "x"}, "Choose breaks"),
        ({"break": ["99999"], "text": "x"}, "Choose breaks"),
        ({"break": ["9" * 30], "text": "x"}, "Choose breaks"),
        ({"text": " "}, "give a reason"),
        ({"text": "x", "cause": "MOON"}, "cause from the list"),
        ({"text": "x", "cause": "BROKER_ERROR"}, "ticket number"),
    ],
)
def test_a_decision_about_many_that_means_nothing_closes_none(
    boss: Client, form: dict[str, Any], words: str
) -> None:
    row = differs("USD")
    assert words in said(boss.post(reverse("desk:breaks_decide"), {"break": [row.pk], **form}))
    row.refresh_from_db()
    assert row.closed_at is None


def test_a_file_is_put_to_a_break_and_given_out_as_a_download_only(boss: Client) -> None:
    row = differs("USD")
    place = reverse("desk:break_file_add", args=[row.pk])
    boss.post(place, {"file": SimpleUploadedFile("note.html", b"<script>alert(1)</script>")})
    boss.post(place, {"file": SimpleUploadedFile("x.exe", b"MZ\x00\x01")})
    (kept,) = row.files.all()
    answer = boss.get(reverse("desk:break_file", args=[row.pk, kept.pk]))
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="note.html.txt"'
    assert (answer.headers["X-Content-Type-Options"], answer.content) == (
        "nosniff",
        b"<script>alert(1)</script>",
    )
    assert boss.get(reverse("desk:break_file", args=[row.pk + 1, kept.pk])).status_code == 404
    assert boss.get(reverse("desk:break_file", args=[row.pk, 10**30])).status_code == 404
    assert boss.get(reverse("desk:break_file", args=[10**30, kept.pk])).status_code == 404


def test_no_text_of_a_person_or_the_broker_is_a_formula_in_the_file_of_breaks(boss: Client) -> None:
    row = differs("USD")
    formulas = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1"]
    for formula in formulas:
        boss.post(reverse("desk:break_act", args=[row.pk, "note"]), {"text": formula})
    form = {"text": formulas[0], "cause": "BROKER_ERROR", "ticket": "=2+5"}
    boss.post(reverse("desk:break_act", args=[row.pk, "resolve"]), form)
    text = b"".join(boss.get(reverse("desk:breaks_file")).streaming_content).decode()  # type: ignore[attr-defined]
    (told,) = list(csv.DictReader(io.StringIO(text)))
    assert (told["resolution"], told["ticket"]) == (f"'{formulas[0]}", "'=2+5")


def test_a_breaks_page_names_what_it_hangs_on(boss: Client) -> None:
    row = differs("USD")
    run = ReconciliationRun.objects.create(
        **{"session_id": "main", "kind": "CASH", "ok": False},
        **{"started_at": row.last_seen, "finished_at": row.first_seen},
    )
    page = boss.get(reverse("admin:orders_break_change", args=[row.pk])).content.decode()
    assert reverse("admin:orders_reconciliationrun_change", args=[run.pk]) in page


def test_a_person_has_a_statement_asked_for_and_no_page_has_the_token(boss: Client, settings: Any) -> None:
    token = "123456789012345678901234"
    at = DailyTime(at=time(0), zone="UTC")
    settings.FLEX = Flex(queries={"daily": "42"}, at=at, url="http://127.0.0.1:1", token=token)
    answer = boss.post(reverse("desk:statement_ask"), {"query": "daily"}, follow=True)
    assert "daily" in answer.content.decode()
    assert token not in answer.content.decode()
    assert StatementRequest.objects.get().state == "TO_ASK"
