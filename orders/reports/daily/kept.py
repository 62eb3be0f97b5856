"""Reports as they were made: kept with their hash, made on time, signed off by a person."""

from __future__ import annotations

import hashlib
import json
from datetime import date

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from brokers.models import BrokerAccount
from brokers.postgres import clock
from orders.errors import OrderError
from orders.models import AlertKind, DayReport, ReportKind
from orders.notify.alerts import clear_alert, raise_alert
from orders.reports.daily import day as days
from orders.reports.daily.day import Document
from orders.reports.daily.report_day import today_of


class ReportSigned(OrderError):
    """The report is signed off already, or cannot be."""

    code = "REPORT_SIGNED"


def hash_of(document: Document) -> str:
    """The digest of the document as canonical JSON."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def keep(kind: ReportKind, account: BrokerAccount, day: date, *, by: str) -> DayReport:
    """Make the report and keep it; the newest edition where nothing has changed since."""
    BrokerAccount.objects.select_for_update().get(pk=account.pk)  # editions are counted one by one
    document = days.build(kind, account, day)
    newest = latest(kind, account.code, day)
    if newest and newest.made_by == by[:150] and _says_the_same(newest.document, document):
        return newest
    edition = newest.edition + 1 if newest else 1
    return DayReport.objects.create(
        kind=kind,
        account=account,
        day=day,
        edition=edition,
        document=document,
        sha256=hash_of(document),
        made_by=by[:150],
    )


def _says_the_same(kept: Document, now: Document) -> bool:
    """Whether nothing but the time of making differs."""
    return {**kept, "as_of": ""} == {**now, "as_of": ""}


def latest(kind: ReportKind, account: str, day: date) -> DayReport | None:
    """The newest edition; None when none was made."""
    return DayReport.objects.filter(kind=kind, account=account, day=day).order_by("-edition").first()


def shown(kind: ReportKind, account: BrokerAccount, day: date) -> tuple[Document, DayReport | None]:
    """What is shown, with the newest edition: of a past day what was kept, of today how things are now."""
    kept = latest(kind, account.code, day)
    if kept and day < today_of(kind):
        return kept.document, kept
    return days.build(kind, account, day), kept


@transaction.atomic
def sign(report_id: int, *, user: User, reason: str) -> DayReport:
    """A person has read it and stands for it. Raises DayReport.DoesNotExist, ReportSigned, ValueError."""
    if not reason.strip():
        raise ValueError("Please say what was looked at.")
    report = DayReport.objects.select_for_update().get(pk=report_id)
    if report.signed_at:
        raise ReportSigned("Somebody has signed this report off already.")
    if report.sha256 != hash_of(report.document):
        raise ReportSigned("This report is not what was kept: its hash differs.")
    report.signed_at, report.signed_by, report.sign_reason = clock.now(), user, reason.strip()[:500]
    report.save(update_fields=["signed_at", "signed_by", "sign_reason"])
    clear_alert(
        AlertKind.REPORT,
        session=report.account.session_id,
        subject=subject_of(report),
        by=f"desk:{user.get_username()}",
    )
    return report


def subject_of(report: DayReport) -> str:
    """By which its alert is told apart."""
    return f"{report.kind} {report.account_id} {report.day}"


def make_due() -> int:
    """Make the reports whose time has come today, once each, and tell a person; how many."""
    made = 0
    for kind, daily in settings.REPORT_TIMES.items():
        day = daily.due(clock.now())
        if day is None:
            continue
        for account in BrokerAccount.objects.select_related("session").order_by("pk"):
            if not DayReport.objects.filter(kind=kind, account=account, day=day, made_by="schedule").exists():
                report = keep(ReportKind(kind), account, day, by="schedule")
                raise_alert(
                    AlertKind.REPORT,
                    session=account.session_id,
                    subject=subject_of(report),
                    text=f"{report} is ready to be signed off.",
                )
                made += 1
    return made
