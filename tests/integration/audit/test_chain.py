"""The audit chain: whatever is changed behind its back is found, and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import Instrument
from orders import tasks
from orders.controls.audit.acting import Acting, acting
from orders.controls.audit.seal import seal
from orders.controls.audit.verify import Anchor, Verification
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.models import AccountLimit, AuditRecord, AuditSeal, Order, OrderEvent, Source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders(settings: Any) -> list[Order]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    Instrument.objects.filter(symbol="AAPL").update(con_id=265598, min_tick=Decimal("0.01"))
    client = User.objects.create_user("algo")
    placed = [place(f"A{number}", client) for number in range(3)]
    assert seal() > 0
    assert broken() == []
    return placed


def place(cl_ord_id: str, client: User) -> Order:
    ticket = Ticket(
        cl_ord_id=cl_ord_id,
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=Side.BUY,
        order_qty=Decimal(10),
        ord_type=OrdType.LIMIT,
        price=Decimal(200),
    )
    return place_order(ticket, client=client, source=Source.API, received_at=timezone.now()).order


def broken(anchor: Anchor | None = None) -> list[str]:
    return [str(each) for each in Verification(anchor=anchor).broken()]


def by_superuser(sql: str, *parameters: object) -> None:
    """As whoever owns everything: with every trigger off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, parameters or None)
        cursor.execute("SET session_replication_role = origin")


CHANGES = {
    "orders_orderevent": "UPDATE orders_orderevent SET actor = actor || 'x' WHERE version = 1",
    "orders_order": "UPDATE orders_order SET price = price + 1 WHERE cl_ord_id = 'A1'",
    "orders_order ": "UPDATE orders_order SET check_report = '[]' WHERE cl_ord_id = 'A1'",
    "orders_order  ": "UPDATE orders_order SET state = 'CANCELED' WHERE cl_ord_id = 'A1'",
    "orders_auditrecord": "UPDATE orders_auditrecord SET person = 'eve' WHERE kind ~ 'orders_accountlimit'",
    "orders_accountlimit": "UPDATE orders_accountlimit SET max_notional = max_notional + 1",
    "auth_user": "UPDATE auth_user SET is_superuser = true WHERE username = 'algo'",
    "auth_user ": "UPDATE auth_user SET password = 'x' WHERE username = 'desk'",
    "orders_orderevent ": "DELETE FROM orders_orderevent WHERE id = (SELECT max(id) FROM orders_orderevent)",
    "orders_accountlimit_allowed_instruments": "DELETE FROM orders_accountlimit_allowed_instruments",
    "seal": """UPDATE orders_auditseal SET content = replace(content, '"from":0', '"from":1')""",
}


@pytest.mark.parametrize(("what", "sql"), CHANGES.items(), ids=[f"{n} {s[:30]}" for n, s in CHANGES.items()])
def test_a_byte_that_a_superuser_changes_is_found_and_named(orders: list[Order], what: str, sql: str) -> None:
    by_superuser(sql)
    assert what.strip() in broken()[0]


def test_a_row_added_to_what_is_sealed_is_found(orders: list[Order]) -> None:
    by_superuser(
        """INSERT INTO orders_orderevent (
            order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at, txid)
        SELECT order_id, 99, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at, txid
        FROM orders_orderevent LIMIT 1"""
    )
    assert "was added" in broken()[0]


def test_rows_that_change_places_are_found(orders: list[Order]) -> None:
    first, second = OrderEvent.objects.order_by("id").values_list("id", flat=True)[:2]
    by_superuser("UPDATE orders_orderevent SET id = -1 WHERE id = %s", first)
    by_superuser("UPDATE orders_orderevent SET id = %s WHERE id = %s", first, second)
    by_superuser("UPDATE orders_orderevent SET id = %s WHERE id = -1", second)
    assert f"orders_orderevent {first}" in broken()[0]


def test_a_chain_that_was_cut_or_rewritten_is_found_by_its_anchor(orders: list[Order]) -> None:
    last = AuditSeal.objects.order_by("-seq").first()
    assert last is not None
    anchor = Anchor(seq=last.seq, head=last.head)
    assert broken(anchor) == []
    by_superuser("DELETE FROM orders_auditseal WHERE seq = %s", last.seq)
    assert "it was cut" in " ".join(broken(anchor))
    seal()
    by_superuser("DELETE FROM orders_auditseal")
    by_superuser("UPDATE orders_orderevent SET actor = 'eve'")
    seal()
    assert "rewritten" in " ".join(broken(anchor)) or "cut" in " ".join(broken(anchor))


def test_a_limit_is_kept_with_old_and_new_and_who(orders: list[Order]) -> None:
    with acting(Acting(person="anna", via="desk", address="10.0.0.1", reason="larger book")):
        limit = AccountLimit.objects.get()
        limit.max_notional = Decimal(7)
        limit.save()
    kept = AuditRecord.objects.filter(kind="orders_accountlimit.update").latest("id")
    assert kept.old is not None
    assert kept.new is not None
    assert (kept.old["max_notional"], kept.new["max_notional"]) == (5_000_000, 7)
    assert (kept.person, kept.via, kept.address, kept.reason) == ("anna", "desk", "10.0.0.1", "larger book")
    seal()
    assert broken() == []


def test_a_change_past_the_application_is_named_until_it_is_explained(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_superuser("anna", password="words-of-anna")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tradedesk.process', '', false)")
        cursor.execute("UPDATE orders_accountlimit SET max_notional = 9")
        cursor.execute("SELECT set_config('tradedesk.process', 'pytest', false)")
    seal()
    by_hand = AuditRecord.objects.filter(process="").values_list("pk", flat=True)
    assert "past the application" in broken()[0]
    assert "max_notional" in broken()[0]
    for number in list(by_hand):
        explain = ("audit", "explain", str(number), "--by", "anna", "--reason", "ticket 7")
        monkeypatch.setenv("TRADEDESK_PERSON_PASSWORD", "another")
        with pytest.raises(CommandError, match="not the password of anna"):
            call_command(*explain)
        monkeypatch.setenv("TRADEDESK_PERSON_PASSWORD", "words-of-anna")
        call_command(*explain)
    seal()
    assert broken() == []


def test_what_no_event_tells_of_is_no_false_alarm(orders: list[Order]) -> None:
    other = Instrument.objects.get(symbol="MSFT")
    Order.objects.filter(pk=orders[0].pk).update(instrument=other)
    seal()
    assert broken() == []


def test_an_order_that_moves_while_it_is_verified_is_no_false_alarm(orders: list[Order]) -> None:
    call_command("audit", "verify")
    place("later", orders[0].client)
    assert broken() == []


@pytest.fixture(autouse=True)
def named() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = origin")


def test_the_log_has_a_head_that_verifies_as_an_anchor(
    orders: list[Order], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="orders.tasks")
    head = tasks.log_audit_head()
    last = AuditSeal.objects.latest("seq")
    assert f"seq={last.seq} head={head}" in caplog.text
    assert broken(Anchor(seq=last.seq, head=head)) == []


def verified() -> str:
    """What `audit verify` says."""
    said = StringIO()
    with suppress(SystemExit):
        call_command("audit", "verify", stdout=said)
    return said.getvalue()


def test_a_tail_that_was_cut_with_all_its_rows_is_found_by_the_anchor_of_the_day(
    orders: list[Order], settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHORS = tmp_path / "anchors"
    tasks.log_audit_head()
    (kept,) = settings.AUDIT_ANCHORS.iterdir()
    assert kept.name == f"{timezone.now():%Y-%m-%d}.json"
    assert "unbroken" in verified()
    assert "1 anchor(s)" in verified()
    written = kept.read_text()
    place("later", orders[0].client or User())
    seal()
    tasks.log_audit_head()
    assert kept.read_text() == written, "one of a day; the first"
    by_superuser("DELETE FROM orders_auditseal")
    by_superuser("DELETE FROM orders_outboxcommand")
    by_superuser("DELETE FROM orders_orderevent")
    by_superuser("DELETE FROM orders_order")
    by_superuser("DELETE FROM orders_auditrecord")
    assert "it was cut" in verified()


def test_an_anchor_that_cannot_be_kept_stops_nothing_and_is_told(
    orders: list[Order], settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    settings.AUDIT_ANCHORS = tmp_path / "file" / "anchors"
    assert len(tasks.log_audit_head()) == 64
    assert "no anchor of the audit was kept" in caplog.text


def test_what_is_no_anchor_is_named(orders: list[Order], settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHORS = tmp_path
    (tmp_path / "2026-11-28.json").write_text("{}")
    with pytest.raises(CommandError, match="is no anchor"):
        call_command("audit", "verify")
