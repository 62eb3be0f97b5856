"""Old raw messages go to files: what is deleted can be read back, is proven by the chain, and may be held."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.utils import timezone

from brokers.models import GatewaySession, InboxMessage
from orders import tasks
from orders.controls.audit import archive
from orders.controls.audit.install import APPLICATION
from orders.controls.audit.seal import seal
from orders.controls.audit.verify import Verification
from orders.models import LegalHold, Order, OrderEvent
from tests.integration.orders.test_attribution import OURS, execution, sent, tell

pytestmark = pytest.mark.django_db

__all__ = ["sent"]


@pytest.fixture
def old(sent: Order) -> Order:
    """An order with two messages of the broker, which are sealed and a year old."""
    tell(execution(OURS, "a.01"))
    tell(execution(OURS, "b.01"))
    age_messages()
    return sent


def age_messages() -> None:
    """Let every message be a year old."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE brokers_inboxmessage SET recorded_at = now() - interval '1 year'")
        cursor.execute("SET session_replication_role = origin")


def moved(folder: Path, days: int = 180) -> list[archive.Archived]:
    return list(archive.archive(folder, timezone.now() - timedelta(days=days)))


def test_old_messages_move_to_a_file_and_events_stay(old: Order, tmp_path: Path) -> None:
    before = OrderEvent.objects.values_list("id", "inbox_id").order_by("id")
    kept = list(before)
    (done,) = moved(tmp_path)
    assert (done.rows, InboxMessage.objects.count()) == (2, 0)
    assert list(before.all()) == kept
    assert [row["kind"] for row in archive.read(tmp_path, done)] == ["execution_report"] * 2


def test_what_is_young_or_waits_stays(old: Order, tmp_path: Path) -> None:
    InboxMessage.objects.filter(pk=InboxMessage.objects.earliest("pk").pk).update(applied_at=None)
    assert [done.rows for done in moved(tmp_path)] == [1]
    assert moved(tmp_path, days=400) == []


@pytest.mark.parametrize("session", [None, "main"])
def test_a_legal_hold_keeps_what_it_covers(old: Order, tmp_path: Path, session: str | None) -> None:
    since = timezone.now() - timedelta(days=500)
    hold = LegalHold.objects.create(session_id=session, since=since, reason="court", made_by="desk")
    assert moved(tmp_path) == []
    hold.released_at = timezone.now()
    hold.save()
    assert len(moved(tmp_path)) == 1


def test_a_hold_of_another_session_or_time_keeps_nothing(old: Order, tmp_path: Path) -> None:
    GatewaySession.objects.create(name="other")
    since = timezone.now() - timedelta(days=500)
    LegalHold.objects.create(session_id="other", since=since, reason="x", made_by="desk")
    LegalHold.objects.create(since=timezone.now() - timedelta(days=9), reason="x", made_by="desk")
    assert len(moved(tmp_path)) == 1


def test_a_file_put_back_is_the_same_rows(old: Order, tmp_path: Path) -> None:
    rows = list(InboxMessage.objects.order_by("id").values())
    (done,) = moved(tmp_path)
    assert archive.put_back(tmp_path, done) == 2
    assert list(InboxMessage.objects.order_by("id").values()) == rows
    assert archive.put_back(tmp_path, done) == 0


def test_a_changed_file_is_refused(old: Order, tmp_path: Path) -> None:
    (done,) = moved(tmp_path)
    path = tmp_path / done.file
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"a.01", b"c.01"), mtime=0))
    with pytest.raises(archive.ArchiveInvalid, match="checksum"):
        archive.read(tmp_path, done)


def test_the_application_archives_by_itself_where_a_folder_is_set(
    old: Order, settings: Any, tmp_path: Path
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
    settings.ARCHIVE = None
    assert tasks.archive_messages() == 0
    settings.ARCHIVE = tmp_path / "archive"
    assert tasks.archive_messages() == 2
    assert [done.rows for done in archive.known_archives()] == [2]


@pytest.mark.parametrize("why", ["young", "waits", "held"])
def test_what_must_stay_the_application_cannot_delete_whoever_asks(old: Order, why: str) -> None:
    if why == "young":
        tell(execution(OURS, "c.01"))
    elif why == "waits":
        InboxMessage.objects.update(applied_at=None)
    else:
        since = timezone.now() - timedelta(days=500)
        LegalHold.objects.create(since=since, reason="court", made_by="desk")
    last = InboxMessage.objects.latest("pk").pk
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APPLICATION}")
        cursor.execute(archive.FORGET, [[last]])
        assert cursor.fetchone() == (0,)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("DELETE FROM brokers_inboxmessage")


def test_a_full_disk_leaves_the_messages_where_they_are(
    old: Order, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ARCHIVE = tmp_path
    (tmp_path / "inbox").mkdir()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert tasks.archive_messages() == 0
    assert "were not archived" in caplog.text
    assert InboxMessage.objects.count() == 2


def test_the_command_lists_reads_and_refuses_too_short_a_time(
    old: Order, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("archive", tmp_path)
    (done,) = archive.known_archives()
    call_command("archive", tmp_path, "--read", done.file)
    assert "2 row(s) archived" in capsys.readouterr().out
    with pytest.raises(CommandError, match="at least 30"):
        call_command("archive", tmp_path, "--keep-days", "1")
    with pytest.raises(CommandError, match="knows no file"):
        call_command("archive", tmp_path, "--read", "other.gz")


@pytest.mark.django_db(transaction=True)
def test_the_chain_proves_archived_rows_by_their_files(sent: Order, tmp_path: Path) -> None:
    tell(execution(OURS, "a.01"))
    age_messages()
    seal()
    assert broken(None) == []
    (done,) = moved(tmp_path)
    seal()
    walk = Verification()
    assert (list(walk.broken()), walk.archives.unread) == ([], 1)
    assert broken(tmp_path) == []
    rows = archive.read(tmp_path, done)
    rows[0]["raw"] = {"price": "1"}
    assert broken_with(rows, tmp_path, done) != []


def broken(folder: Path | None) -> list[str]:
    return [str(each) for each in Verification(archive=folder).broken()]


def broken_with(rows: list[dict[str, Any]], folder: Path, done: archive.Archived) -> list[str]:
    """What is found when a file says something else than what was sealed."""
    walk = Verification(archive=folder)
    walk.archives._files = {done.file: rows}
    return [str(each) for each in walk.broken()]


def test_an_order_whose_messages_are_archived_is_still_shown(
    old: Order, tmp_path: Path, admin_client: Client
) -> None:
    moved(tmp_path)
    answer = admin_client.get(f"/admin/orders/order/{old.pk}/change/", follow=True)
    assert answer.status_code == 200
