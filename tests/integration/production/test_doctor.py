"""`manage.py doctor` names what is wrong with a deployment, and says when all is well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from brokers.models import GatewaySession, InboxMessage, SessionHealth
from orders.controls.audit.install import APPLICATION
from orders.controls.audit.seal import seal
from orders.models import AuditSeal
from orders.notify import redis_client
from tests.integration.api.conftest import *  # noqa: F403
from tradedesk.backup import made
from tradedesk.backup.manifest import Manifest
from tradedesk.doctor import database, deployment, disks, gateways, keeping, tasks
from tradedesk.doctor.findings import Finding, Level
from tradedesk.env import BASE_DIR
from tradedesk.version import VERSION


def found(part: Iterable[Finding], name: str) -> Finding:
    (one,) = [finding for finding in part if finding.name == name]
    return one


@pytest.fixture
def safe(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a deployment in order."""
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    monkeypatch.setenv("SECRET_KEY", "set")
    monkeypatch.delenv("TRADEDESK_TEST_DEPTH", raising=False)  # the tests' own, which nothing else reads
    settings.SECRET_KEY = "Jx8-" * 4 + "q7Rk2vLw9ZtYb3NcQd5FgHsMpAeUoIx1KzVy4"
    settings.DATABASE_URL = "postgresql://tradedesk_app:kQ92nfLs83Hdmx02@db/tradedesk?sslmode=verify-full"
    settings.REDIS_URL = "rediss://:pW8sk2LfnQ94jdHx@redis:6379/0"
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.TRUSTED_PROXY, settings.REQUIRE_SECOND_FACTOR = "10.0.0.7", True
    settings.FOUR_EYES = frozenset({"limits"})
    return settings


def test_settings_in_order_have_no_warning(safe: Any) -> None:
    assert [finding for finding in deployment.examine() if finding.level != Level.OK] == []


def test_a_variable_that_nothing_reads_is_named_with_the_one_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_MAX_AGE_MARKET", "5")
    monkeypatch.setenv("TRADEDESK_MAX_AGE_STOPLIMIT", "5")
    monkeypatch.setenv("TRADEDESK_RESTART_WINDOWS", "23:45")
    finding = found(deployment.examine(), "settings")
    assert finding.level == Level.WARN
    assert "TRADEDESK_RESTART_WINDOWS (like TRADEDESK_RESTART_WINDOW)" in finding.text
    assert "TRADEDESK_MAX_AGE_STOPLIMIT (like TRADEDESK_MAX_AGE_STOP_LIMIT)" in finding.text
    assert "MAX_AGE_MARKET" not in finding.text


@pytest.mark.django_db
def test_transaction_ids_behind_those_of_the_rows_are_told() -> None:
    assert found(database.examine(), "transaction_ids").level == Level.OK
    AuditSeal.objects.create(seq=10**9, from_txid=1, to_txid=10**15, rows=0, content="", previous="", head="")
    told = found(database.examine(), "transaction_ids")
    assert (told.level, "restore --after-pg-restore" in told.do) == (Level.FAIL, True)


WRONG: dict[str, tuple[str, Any, Level]] = {
    "secret_key": ("SECRET_KEY", "changeme-changeme-changeme-changeme-123456789", Level.FAIL),
    "debug": ("DEBUG", True, Level.FAIL),
    "allowed_hosts": ("ALLOWED_HOSTS", ["*"], Level.FAIL),
    "https": ("SECURE_SSL_REDIRECT", False, Level.WARN),
    "database_tls": ("DATABASE_URL", "postgresql://a:kQ92nfLs83Hdmx02@db/tradedesk", Level.WARN),
    "redis_tls": ("REDIS_URL", "redis://:pW8sk2LfnQ94jdHx@redis:6379/0", Level.WARN),
    "trusted_proxy": ("TRUSTED_PROXY", "", Level.WARN),
    "four_eyes": ("FOUR_EYES", frozenset(), Level.WARN),
    "second_factor": ("REQUIRE_SECOND_FACTOR", False, Level.WARN),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_and_what_to_do(safe: Any, name: str) -> None:
    setting, value, level = WRONG[name]
    setattr(safe, setting, value)
    finding = found(deployment.examine(), name)
    assert (finding.level, bool(finding.do)) == (level, True)


@pytest.mark.parametrize("name", ["https", "database_tls", "four_eyes", "second_factor"])
def test_what_paper_may_put_up_with_fails_with_money(safe: Any, name: str) -> None:
    setting, value, _ = WRONG[name]
    setattr(safe, setting, value)
    safe.TRADING_MODE = "live"
    assert found(deployment.examine(), name).level == Level.FAIL


@pytest.mark.parametrize(
    ("redis_url", "level"),
    [
        ("rediss://:kQ92nfLs83Hdmx02@redis/0", Level.FAIL),  # the database's own
        ("rediss://:tradedesk-redis@redis/0", Level.FAIL),
        ("rediss://:pW8sk2LfnQ@redis/0", Level.WARN),
        ("rediss://redis/0", Level.WARN),
    ],
)
def test_secrets_are_three_different_ones_nobody_guesses(safe: Any, redis_url: str, level: Level) -> None:
    safe.REDIS_URL = redis_url
    finding = deployment.secrets()
    assert finding.level == level
    assert "kQ92nfLs83Hdmx02" not in finding.text


def test_the_owners_login_fails_and_the_applications_passes(db: None) -> None:
    assert database.role().level == Level.FAIL
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
    assert database.role().level == Level.OK


@pytest.mark.parametrize("right", ["UPDATE ON orders_auditseal", "DELETE ON orders_order"])
def test_a_right_too_many_over_the_audit_is_found(db: None, right: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT {right} TO {APPLICATION}")
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
    finding = database.role()
    assert (finding.level, right.split()[-1] in finding.text) == (Level.FAIL, True)


def test_a_database_in_order_says_so_but_for_fsync(db: None) -> None:
    seal()  # what migrations recorded may wait for as long as this process has run
    levels = {finding.name: finding.level for finding in database.examine()}
    assert levels.pop("durability") == Level.FAIL  # that of tests never cuts the power
    assert levels.pop("role") == Level.FAIL
    assert {name for name, level in levels.items() if level != Level.OK} == set()


def test_what_waits_for_its_seal_is_named(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    assert database.audit().level == Level.OK
    monkeypatch.setattr(database, "UNSEALED_LIMIT", 0.0)
    get_user_model().objects.create_user("somebody")
    assert database.audit().level == Level.FAIL


def test_a_missing_migration_is_named(db: None) -> None:
    ((last,),) = database.ask("SELECT max(name) FROM django_migrations WHERE app = 'orders'")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'orders' AND name = %s", [last])
    finding = database.migrations()
    assert (finding.level, last in finding.text) == (Level.FAIL, True)


def test_a_newer_schema_is_a_warning(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('orders', '9999_x', now())"
        )
    assert database.migrations().level == Level.WARN


def test_an_index_that_was_not_finished_is_found(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'order_event_stream'::regclass"
        )
    assert "order_event_stream" in database.indexes().text


def test_redis_in_order_says_so(db: None, no_tasks: None) -> None:
    assert {finding.level for finding in tasks.examine()} == {Level.OK}


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, tasks.policy),
        ({"used_memory": 95, "maxmemory": 100}, tasks.memory),
        ({"role": "slave", "redis_version": "7"}, tasks.server),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, tasks.persistence),
    ],
)
def test_a_redis_that_would_lose_tasks_fails(
    facts: dict[str, Any], part: Callable[[dict[str, Any]], Finding]
) -> None:
    assert part(facts).level == Level.FAIL


def test_a_task_that_waits_for_minutes_fails(db: None, old_task: None) -> None:
    finding = tasks.queues()
    assert (finding.level, "default: 1, oldest 1" in finding.text) == (Level.FAIL, True)


@pytest.fixture
def old_task(no_tasks: None) -> Iterable[None]:
    """A message in the default queue that was published two minutes ago."""
    message = {"headers": {"published_at": datetime.now(UTC).timestamp() - 120}}
    with redis_client.client() as client:
        client.lpush("tradedesk:default", json.dumps(message))
        yield
        client.delete("tradedesk:default")


def test_sessions_are_read_from_what_their_workers_wrote(desk: None) -> None:
    levels = {finding.name: finding.level for finding in gateways.examine()}
    assert (levels["session:main"], levels["gateway:main"]) == (Level.FAIL, Level.WARN)
    now = timezone.now()
    GatewaySession.objects.update(link="READY", heartbeat_at=now)
    SessionHealth.objects.create(
        session_id="main", clocks={"gateway": 30.0}, server_version=176, reported_at=now
    )
    levels = {finding.name: finding.level for finding in gateways.examine()}
    assert (levels["session:main"], levels["gateway:main"]) == (Level.OK, Level.OK)
    assert levels["clock_gateway:main"] == Level.FAIL


@pytest.mark.parametrize(
    ("warns", "fails", "level"), [(0, 0, Level.OK), (1.1, 0, Level.WARN), (1.1, 1.1, Level.FAIL)]
)
def test_a_disk_with_little_room_is_named(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warns: float, fails: float, level: Level
) -> None:
    monkeypatch.setenv("TRADEDESK_DATA", str(tmp_path))
    settings.BACKUPS = settings.ARCHIVE = settings.AUDIT_ANCHORS = tmp_path
    monkeypatch.setattr(disks, "ROOM_WARN", warns)
    monkeypatch.setattr(disks, "ROOM_FAIL", fails)
    (disk,) = disks.examine()
    assert (disk.level, str(tmp_path) in disk.text) == (level, True)


def test_backups_are_looked_at_by_their_manifests(db: None, settings: Any, tmp_path: Path) -> None:
    settings.BACKUPS = None
    assert keeping.backups().level == Level.WARN
    settings.BACKUPS = tmp_path
    assert keeping.backups().level == Level.FAIL
    (tmp_path / "one").mkdir()
    (tmp_path / "one/manifest.json").write_text("{")
    assert "cannot be read" in keeping.backups().text


@pytest.mark.parametrize(("hours", "level"), [(1, Level.OK), (30, Level.FAIL)])
def test_who_sees_no_folder_of_backups_asks_the_database(
    db: None, settings: Any, tmp_path: Path, hours: int, level: Level
) -> None:
    settings.BACKUPS = None
    made_at = datetime.now(UTC) - timedelta(hours=hours)
    facts = {"version": "1", "postgres": 18, "database": "x", "migrations": [], "counts": {}, "sessions": []}
    made.note(Manifest(made_at=made_at, folder=tmp_path, txid=1, bytes=1, sha256="x", **facts))
    assert keeping.backups().level == level


def test_an_archive_that_does_not_run_is_a_warning(desk: None) -> None:
    assert keeping.retention().level == Level.OK
    now = timezone.now()
    facts = {"session_id": "main", "kind": "x", "event": {}, "raw": {}, "received_at": now}
    InboxMessage.objects.create(**facts, dedup_key="a", recorded_at=now - timedelta(days=211))
    assert keeping.retention().level == Level.WARN


def test_the_command_prints_a_line_each_and_its_exit_code_tells(desk: None) -> None:
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=said)
    lines = said.getvalue().splitlines()
    assert ended.value.code == 1
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines[:-1])
    assert all("->" in line for line in lines[:-1] if not line.startswith("ok"))


def test_as_json_it_is_one_document(desk: None) -> None:
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", json=True, stdout=said)
    told = json.loads(said.getvalue())
    assert told["summary"]["fail"] == sum(each["level"] == "fail" for each in told["findings"])


def test_servers_that_are_away_are_findings_not_errors(desk: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=said)
    assert any(line.startswith("fail  redis ") for line in said.getvalue().splitlines())


def test_the_version_is_that_of_the_project() -> None:
    assert f'version = "{VERSION}"' in (BASE_DIR / "pyproject.toml").read_text()
