"""A process of a deployment: what it refuses to start with, and how long it lets anything hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk.conf import database
from tradedesk.env import BASE_DIR

SAFE = {
    "SECRET_KEY": "Jx8-Jx8-q7Rk2vLw9ZtYb3NcQd5FgHsMpAeUoIx1KzVy4TfGhJkLs",
    "TRADEDESK_SECURE_COOKIES": "true",
    "ALLOWED_HOSTS": "desk.example.com",
    "TRADEDESK_TRUSTED_PROXY": "10.0.0.7",
}


def run(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("SECRET_KEY",)}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, "TRADEDESK_DATA": str(tmp_path), **env},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_djangos_deployment_checks_are_clean_by_settings(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **SAFE)
    assert (done.returncode, "no issues" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("module", ["tradedesk.wsgi", "tradedesk.asgi"])
def test_a_web_process_without_a_key_refuses_to_start(tmp_path: Path, module: str) -> None:
    done = run(tmp_path, "-c", f"import {module}", DJANGO_SETTINGS_MODULE="tradedesk.settings")
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr


def test_a_worker_without_a_key_refuses_to_start(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "tradedesk.workers.commands", "worker", "-Q", "default")
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr


@pytest.mark.parametrize("process", ["granian", "celery_commands.py", "manage.py_brokerworker"])
def test_a_process_that_serves_lets_no_statement_hang(process: str) -> None:
    options = database.database_options(process)
    assert "statement_timeout=60s" in options
    assert "idle_in_transaction_session_timeout=60s" in options


def test_a_command_of_a_person_may_read_for_long() -> None:
    assert "timeout" not in database.database_options("manage.py_audit")


def test_a_migration_does_not_queue_up_the_desk_behind_its_lock() -> None:
    assert "lock_timeout=5s" in database.database_options("manage.py_migrate")


def test_a_peer_that_is_gone_without_a_word_is_given_up() -> None:
    options = database.database_of("postgresql://a@db/tradedesk?sslmode=require")["OPTIONS"]
    assert (options["tcp_user_timeout"], options["keepalives_idle"]) == (15_000, 10)
    assert options["sslmode"] == "require"


def test_several_hosts_lead_to_the_one_that_can_write() -> None:
    url = "postgresql://a:b@db1,db2/tradedesk?target_session_attrs=read-write"
    found = database.database_of(url)
    assert found["HOST"] == "db1,db2"
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"
