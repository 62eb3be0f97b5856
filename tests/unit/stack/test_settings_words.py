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
        ("TRADEDESK_FOUR_EYES", "nope"),
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


def test_a_database_that_is_away_ends_any_command_with_one_sentence() -> None:
    command = [sys.executable, "manage.py", "dropcopy"]
    away = os.environ | {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}
    said = subprocess.run(
        command, env=away, cwd=env.BASE_DIR, capture_output=True, text=True, check=False
    ).stderr
    assert said.splitlines()[-1].startswith("The database at 127.0.0.1:1 cannot be reached")
    assert "Traceback" not in said and "secret" not in said
