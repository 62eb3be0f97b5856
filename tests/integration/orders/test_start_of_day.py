"""What a day begins with knows the age of the gateway's second factor and of the web's certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from brokers.gate.gateway_calendar import Calendars, GatewayCalendar
from brokers.gate.weekly_login import WeeklyLogin
from brokers.models import BrokerAccount, GatewaySession, LinkChange
from brokers.postgres import clock
from orders.reports.daily.report_day import ReportDay
from orders.reports.daily.start_of_day import checklist
from tests.integration.orders.test_attribution import sent
from tradedesk.stack.clients import ACCOUNT

__all__ = ["sent"]

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
LOGIN = WeeklyLogin.parse("Sun 01:00 America/New_York")


@pytest.fixture
def session(sent: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> GatewaySession:
    """It has been connected since Sunday noon, after the login of the week before ended at 06:00 UTC."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings.GATEWAY_CALENDARS = Calendars(main=GatewayCalendar(login=LOGIN))
    since = NOW - 3 * DAY
    GatewaySession.objects.filter(pk="main").update(
        link="READY", connected_at=since, reconciled_at=since, link_changed_at=since
    )
    LinkChange.objects.create(session_id="main", link="READY", at=since)
    return GatewaySession.objects.get(pk="main")


def check(name: str) -> tuple[bool | None, Any, str]:
    account = BrokerAccount.objects.select_related("session").get(pk=ACCOUNT)
    rows = checklist(ReportDay(account=account, day=NOW.date(), zone="UTC"))
    (row,) = [row for row in rows if row["check"].startswith(name)]
    return row["ok"], row["value"], row["note"]


def test_the_second_factor_is_as_old_as_the_first_login_of_the_week(session: GatewaySession) -> None:
    assert check("second factor") == (True, 3.0, "confirmed 2026-11-22T12:00:00.000000Z")


def test_a_login_that_ends_soon_is_not_well_and_says_what_to_do(
    session: GatewaySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + 3.5 * DAY)  # six hours before Sunday 01:00 in New York
    ok, value, note = check("second factor")
    assert (ok, value) == (False, 6.5)
    assert "somebody must then confirm a new one" in note


def test_a_login_that_ended_and_nobody_confirmed_has_no_age(session: GatewaySession) -> None:
    LinkChange.objects.all().delete()
    GatewaySession.objects.update(link="DOWN", connected_at=NOW - 9 * DAY)
    ok, value, note = check("second factor")
    assert (ok, value) == (False, None)
    assert "confirm a new one" in note


def test_a_gateway_that_stayed_connected_is_not_said_to_be_well(session: GatewaySession) -> None:
    LinkChange.objects.all().delete()
    GatewaySession.objects.update(connected_at=NOW - 9 * DAY)
    told = "not confirmed since the login ended at 2026-11-22T06:00:00.000000Z"
    assert check("second factor") == (None, None, told)


def test_what_is_not_set_is_said_to_be_not_known(session: GatewaySession, settings: Any) -> None:
    settings.GATEWAY_CALENDARS, settings.TLS_CERTIFICATE = Calendars(), None
    for name, setting in (("second factor", "TRADEDESK_WEEKLY_LOGIN"), ("certificate", "TRADEDESK_TLS_CERT")):
        ok, value, note = check(name)
        assert (ok, value) == (None, None)
        assert note.startswith(f"not known: {setting}")


# --- certificate ------------------------------------------------------------------------------------------
def certificate(begins: timedelta, ends: timedelta) -> bytes:
    """One that counts from so long after NOW until so long after it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk.example")])
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found.public_bytes(Encoding.PEM) + private  # a file of a proxy may hold both


@pytest.fixture
def file(session: GatewaySession, settings: Any, tmp_path: Path) -> Path:
    path: Path = tmp_path / "web.pem"
    settings.TLS_CERTIFICATE = path
    return path


@pytest.mark.parametrize(
    ("begins", "ends", "ok"),
    [
        (-60 * DAY, 30 * DAY, True),
        (-60 * DAY, 21 * DAY, False),  # one that renews itself would have done so
        (-60 * DAY, -1 * DAY, False),
        (1 * DAY, 90 * DAY, False),  # not yet
    ],
)
def test_a_certificate_is_well_until_three_weeks_before_its_end(
    file: Path, begins: timedelta, ends: timedelta, ok: bool
) -> None:
    file.write_bytes(certificate(begins, ends))
    found, value, note = check("certificate")
    assert (found, value) == (ok, ends / DAY)
    assert note.startswith("CN=desk.example, counts from ")


def test_a_chain_lasts_as_long_as_the_part_that_ends_first(file: Path) -> None:
    file.write_bytes(certificate(-DAY, 90 * DAY) + certificate(-DAY, 10 * DAY))
    assert check("certificate")[:2] == (False, 10.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"nothing", "holds no certificate"),
        (b"x" * 1_000_001, "too large"),
    ],
)
def test_a_file_that_is_no_certificate_is_not_well_and_says_why(
    file: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        file.write_bytes(content)
    ok, value, note = check("certificate")
    assert (ok, value) == (False, None)
    assert said in note
    assert str(file) in note
