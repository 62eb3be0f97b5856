"""`apitoken` and `seed`."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from brokers.models import BrokerAccount, GatewaySession, Instrument
from orders.models import AccountLimit, ApiToken
from tests.integration.api.conftest import ACCOUNT, OTHER, Api


def test_apitoken_prints_only_a_token_that_works(desk: None, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    call_command(
        "apitoken", "algo", "--accounts", ACCOUNT, "--scopes", "read", "--name", "night", "--days", "3"
    )
    token = capsys.readouterr().out.removesuffix("\n")
    assert token.isalnum()
    assert Api(token).get("orders").status_code == 200
    row = ApiToken.objects.get()
    assert (row.name, row.scopes, round((row.expiry - row.created).total_seconds() / 86_400)) == (
        "night",
        ["read"],
        3,
    )
    assert [account.pk for account in row.accounts.all()] == [ACCOUNT]


def test_apitoken_makes_a_user_that_can_not_log_in(desk: None) -> None:
    call_command("apitoken", "algo")
    user = User.objects.get(username="algo")
    assert (user.has_usable_password(), user.is_staff, user.is_superuser) == (False, False, False)
    assert {account.pk for account in ApiToken.objects.get().accounts.all()} == {ACCOUNT, OTHER}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--accounts", "DU9", "DU9"), ("--scopes", "read,root", "root"), ("--days", "0", "--days")],
)
def test_apitoken_names_what_is_wrong(desk: None, option: str, value: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("apitoken", "algo", option, value)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["report", "end-of-day", "--account", "DU1", "--date", "2026-02-30"], "'2026-02-30' is no day"),
        (["dropcopy", "--date", "today"], "'today' is no day, such as 2026-11-27"),
        (["audit", "verify", "--from", "noon"], "'noon' is no time, such as 2026-11-27T15:30:00Z"),
    ],
)
def test_a_time_that_is_none_is_said_in_words(command: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command(*command)


def test_seed_twice_makes_everything_once(desk: None, settings: Any) -> None:
    call_command("seed")
    assert GatewaySession.objects.get().client_id == settings.BROKER_SESSIONS["main"].client_id
    assert Instrument.objects.count() == 6
    assert BrokerAccount.objects.get(pk=ACCOUNT).limit.allowed_instruments.count() == 6
    assert User.objects.filter(is_superuser=True).count() == 1


def test_seed_leaves_the_desks_limits_alone(desk: None) -> None:
    limit = AccountLimit.objects.get(account=ACCOUNT)
    limit.max_order_qty = 5
    limit.save()
    limit.allowed_instruments.clear()
    call_command("seed")
    limit.refresh_from_db()
    assert (limit.max_order_qty, limit.allowed_instruments.count()) == (5, 0)


def test_the_desks_password_is_in_a_file_only_we_can_read(
    db: None, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATA_DIR, settings.DESK_PASSWORD = tmp_path, ""
    call_command("seed")
    path = tmp_path / "desk_password"
    password = path.read_text().strip()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert User.objects.get(username="desk").check_password(password)
    said = capsys.readouterr().out
    assert str(path) in said
    assert password not in said


def test_a_given_password_is_used_and_written_nowhere(db: None, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.DESK_PASSWORD = tmp_path, "given-by-the-desk"
    call_command("seed")
    assert User.objects.get(username="desk").check_password("given-by-the-desk")
    assert list(tmp_path.iterdir()) == []
