"""Settings of words: unknown ones are refused by name, so that nobody trusts a control that is not there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from orders.controls.persons.approvals import FOUR_EYES
from tradedesk import env
from tradedesk.conf import gateways
from tradedesk.conf.accounts import parse_accounts

KNOWN = tuple(sorted({*FOUR_EYES.values(), "overrides"}))


def test_four_eyes_knows_only_what_waits_for_a_second_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_FOUR_EYES", "limits,kill")
    with pytest.raises(ImproperlyConfigured, match=r"kill_release.* does not know kill"):
        env.words("TRADEDESK_FOUR_EYES", KNOWN)


def test_all_that_can_need_two_needs_two_until_somebody_says_otherwise() -> None:
    assert set(KNOWN) == settings.FOUR_EYES


@pytest.mark.parametrize("wrong", ["-1", "NaN", "many"])
def test_an_amount_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("TRADEDESK_ORDERS_ABOVE", wrong)
    with pytest.raises(ImproperlyConfigured, match="TRADEDESK_ORDERS_ABOVE"):
        env.amount("TRADEDESK_ORDERS_ABOVE", 5)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *[("DATABASE_URL", url) for url in ("nope", "mysql://x/y", "postgresql://h:port/x")],
        ("DATABASE_OWNER_URL", "nope"),
        ("REDIS_URL", "nope"),
        ("CSRF_TRUSTED_ORIGINS", "desk.example.com"),
        ("TRADEDESK_ADAPTER", "brokers.nope.Session"),
        ("TRADEDESK_FOUR_EYES", "nope"),
        ("TRADEDESK_LOG_LEVEL", "loud"),
        ("TRADEDESK_STREAM_URL", "desk.example.com"),
        ("TRADEDESK_TOKEN_DAYS", "x"),
    ],
)
def test_a_wrong_setting_stops_any_command_with_one_sentence_naming_it(name: str, wrong: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    said = subprocess.run(
        command, env=os.environ | {name: wrong}, cwd=env.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert said.stderr.startswith(f"A setting is wrong. {name} ")
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("redis://:secret@h:6379/0", True),
        ("rediss://h", True),
        ("sentinel://:secret@a:26379;sentinel://b:26379/0", True),
        ("http://:secret@h:6379/0", False),
        ("redis://:secret@h:port/0", False),
        ("redis://:secret@h:6379/zero", False),
        ("sentinel://:secret@a:26379;redis://b", False),
        ("redis://", False),
    ],
)
def test_a_redis_url_that_no_client_reads_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, is_one: bool
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    if is_one:
        assert env.redis_url() == url
        return
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL is wrong: expected") as refusal:
        env.redis_url()
    assert "secret" not in str(refusal.value)


def test_what_names_a_session_or_an_account_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_SESSIONS", "main=a:4002/1, main=b:4002/1")
    with pytest.raises(ImproperlyConfigured, match="TRADEDESK_SESSIONS is wrong: a session is named twice"):
        env.broker_sessions()
    with pytest.raises(ImproperlyConfigured, match="TRADEDESK_ACCOUNTS is wrong: DU1 is named twice"):
        parse_accounts("DU1@main, DU2, DU1@second", ["main", "second"])


def test_a_control_of_an_unknown_session_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_GATEWAY_CONTROL", "man=127.0.0.1:7462")
    with pytest.raises(
        ImproperlyConfigured, match=r"TRADEDESK_GATEWAY_CONTROL is wrong: .* no session 'man'"
    ):
        gateways.controls()


def test_a_database_that_is_away_ends_any_command_with_one_sentence() -> None:
    command = [sys.executable, "manage.py", "dropcopy"]
    away = os.environ | {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}
    said = subprocess.run(
        command, env=away, cwd=env.BASE_DIR, capture_output=True, text=True, check=False
    ).stderr
    assert said.splitlines()[-1].startswith("The database at 127.0.0.1:1 cannot be reached")
    assert "Traceback" not in said and "secret" not in said
