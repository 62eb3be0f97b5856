"""A break of a large value is resolved when a second person agrees; a small one at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount, Instrument
from orders.controls.books import break_files
from orders.controls.books.break_values import keep_values, value_of
from orders.controls.books.breaks import resolve
from orders.controls.persons import approvals
from orders.controls.persons.approvals import ApprovalOver, OwnApproval
from orders.models import Alert, Approval, Break, BreakKind
from orders.reconciliation import breaks
from orders.reconciliation.breaks import Finding, ReasonNeeded
from tests.integration.orders.conftest import seed_desk
from tests.integration.persons import person

ACCOUNT = "DU1234567"


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)
    settings.BREAKS_ABOVE = settings.BREAKS_DAY_ABOVE = 1000


def cash(reported: str) -> Break:
    ours = {"currency": "USD", "expected": "0"}
    return found(BreakKind.CASH, ours=ours, broker={"reported": reported})


def found(kind: BreakKind, **evidence: Any) -> Break:
    breaks.record("main", [kind], [Finding(kind=kind, key="k", text="differs", account=ACCOUNT, **evidence)])
    return Break.objects.get(kind=kind)


def test_a_small_break_is_resolved_at_once() -> None:
    done = resolve([cash("-1000").pk], actor=person("alice"), reason="interest")
    assert isinstance(done, list)
    assert done[0].closed_by == "desk:alice"


def test_a_large_break_stays_open_until_another_person_approves() -> None:
    row = cash("-1000.01")
    asked = resolve([row.pk], actor=person("alice"), reason="interest")
    assert isinstance(asked, Approval)
    assert resolve([row.pk], actor=person("bob"), reason="also") == asked
    with pytest.raises(OwnApproval):
        approvals.approve(asked.pk, actor=person("alice"), reason="mine")
    row.refresh_from_db()
    assert row.closed_at is None
    approvals.approve(asked.pk, actor=person("bob"), reason="seen the statement")
    row.refresh_from_db()
    assert (row.closed_by, row.resolution) == ("desk:alice", "interest (approved by desk:bob)")


def test_evidence_that_changed_meanwhile_is_not_approved() -> None:
    asked = resolve([cash("-2000").pk], actor=person("alice"), reason="interest")
    cash("-9000")
    with pytest.raises(ApprovalOver, match="evidence has changed"):
        approvals.approve(asked.pk, actor=person("bob"), reason="fine")
    assert Break.objects.get().closed_at is None


def test_one_person_resolves_all_where_no_second_is_asked_for(settings: Any) -> None:
    settings.FOUR_EYES = frozenset()
    assert isinstance(resolve([cash("-2000").pk], actor=person("alice"), reason="interest"), list)


def test_without_a_reason_nothing_waits() -> None:
    with pytest.raises(ReasonNeeded):
        resolve([cash("-2000").pk], actor=person("alice"), reason=" ")
    assert not Approval.objects.exists()


def test_each_kind_is_worth_what_its_evidence_says() -> None:
    apple = Instrument.objects.get(symbol="AAPL")
    position = found(
        BreakKind.POSITION, ours={"expected": "5"}, broker={"reported": "15"}, instrument_id=apple.pk
    )
    execution = found(BreakKind.EXECUTION, broker={"last_qty": "3", "last_px": "200"})
    words = found(BreakKind.ORDER, broker={"status": "WORKING"})
    unknown = found(BreakKind.CASH, ours={"currency": "USD"}, broker={"reported": "5"})
    assert [value_of(row) for row in (position, execution, words, unknown)] == [2000, 600, 0, None]
    assert isinstance(resolve([unknown.pk], actor=person("alice"), reason="x"), Approval)


@pytest.mark.parametrize(
    ("part", "said", "worth"),
    [
        ("GONE", {"quantity": "-10", "tradePrice": "150", "proceeds": "0"}, 1500),
        ("GONE", {"quantity": "10", "price": "150", "amount": "1500"}, 1500),
        ("GONE", {"amount": "-5000", "currency": "USD"}, 5000),
        ("GONE", {"quantity": "10"}, 2000),  # at the last price
        ("TRADE", {"quantity": "-3", "tradePrice": "200"}, 600),
        ("ACTION", {"quantity": "10", "amount": "9999"}, 0),  # a thing to look at, which changes nothing here
        ("WORDS", {"row 1": "of news"}, 0),
    ],
)
def test_a_statements_row_is_worth_what_it_moved(part: str, said: dict[str, str], worth: int) -> None:
    apple = Instrument.objects.get(symbol="AAPL")
    finding = Finding(
        kind=BreakKind.STATEMENT,
        key=f"{ACCOUNT} {part} 20261120 900",
        text="A row is gone.",
        account=ACCOUNT,
        instrument_id=apple.pk,
        broker={"currency": "USD", **said},
    )
    breaks.record("main", [BreakKind.STATEMENT], [finding])
    row = Break.objects.get()
    assert value_of(row) == worth
    done = resolve([row.pk], actor=person("alice"), reason="seen")
    assert isinstance(done, Approval) == (worth > 1000)


def test_a_row_whose_worth_nobody_knows_waits_like_a_large_one() -> None:
    Instrument.objects.update(last_px=None)
    row = found(BreakKind.STATEMENT, broker={"quantity": "10"})
    Break.objects.filter(pk=row.pk).update(key=f"{ACCOUNT} GONE 20261120 900")
    row.refresh_from_db()
    assert value_of(row) is None


def test_many_are_resolved_with_one_reason_as_long_as_they_are_small_together() -> None:
    rows = [small(number) for number in range(3)]  # 400 each, 1,200 together
    done = resolve([row.pk for row in rows[:2]], actor=person("alice"), reason="fees")
    assert isinstance(done, list)
    assert {row.resolution for row in done} == {"fees"}


def test_small_ones_that_are_large_together_need_a_second_person_once_for_all() -> None:
    rows = [small(number) for number in range(3)]
    asked = resolve([row.pk for row in rows], actor=person("alice"), reason="fees")
    assert isinstance(asked, Approval)
    assert resolve([row.pk for row in rows], actor=person("alice"), reason="again") == asked
    approvals.approve(asked.pk, actor=person("bob"), reason="seen")
    assert Break.objects.filter(closed_at=None).count() == 0


def test_small_ones_one_by_one_are_large_together_for_the_day() -> None:
    first, second, third = (small(number) for number in range(3))  # 400 each, 1,200 together
    for row in (first, second):
        assert isinstance(resolve([row.pk], actor=person("alice"), reason="fees"), list)
    asked = resolve([third.pk], actor=person("alice"), reason="fees")
    assert isinstance(asked, Approval)
    line = {"what": f"closed alone today by alice in {ACCOUNT}", "old": "", "new": "800"}
    assert line in asked.diff
    third.refresh_from_db()
    assert third.closed_at is None


def test_what_another_person_closed_counts_for_that_one_alone() -> None:
    rows = [small(number) for number in range(3)]
    for row, who in zip(rows, ("alice", "alice", "bob"), strict=True):
        assert isinstance(resolve([row.pk], actor=person(who), reason="fees"), list)


def test_what_two_persons_closed_counts_for_neither() -> None:
    asked = resolve([cash("-5000").pk], actor=person("alice"), reason="interest")
    assert isinstance(asked, Approval)
    approvals.approve(asked.pk, actor=person("bob"), reason="seen")
    for who in ("alice", "bob"):
        assert isinstance(resolve([small(len(who)).pk], actor=person(who), reason="fees"), list)


def test_what_was_closed_yesterday_or_of_another_account_does_not_count() -> None:
    rows = [small(number) for number in range(2)]
    resolve([row.pk for row in rows], actor=person("alice"), reason="fees")
    Break.objects.filter(pk=rows[0].pk).update(closed_at=timezone.now() - timedelta(days=1))
    assert isinstance(resolve([small(2).pk], actor=person("alice"), reason="fees"), list)
    BrokerAccount.objects.create(code="DU7654321", session_id="main")
    other = small(3, account="DU7654321")
    assert isinstance(resolve([other.pk], actor=person("alice"), reason="fees"), list)
    assert isinstance(resolve([small(4).pk], actor=person("alice"), reason="fees"), Approval)


def test_the_days_sum_is_a_setting_and_what_a_break_was_worth_is_kept(settings: Any) -> None:
    settings.BREAKS_DAY_ABOVE = 1200
    rows = [small(number) for number in range(4)]
    done = [resolve([row.pk], actor=person("alice"), reason="fees") for row in rows]
    assert [isinstance(each, list) for each in done] == [True, True, True, False]
    assert set(Break.objects.exclude(closed_at=None).values_list("value", flat=True)) == {Decimal(400)}


def small(number: int, account: str = ACCOUNT) -> Break:
    ours, theirs = {"currency": "USD", "expected": "0"}, {"reported": "400"}
    finding = Finding(
        kind=BreakKind.STATEMENT, key=f"k{number}", text="differs", account=account, ours=ours, broker=theirs
    )
    known = Break.objects.filter(kind=BreakKind.STATEMENT).values_list("key", flat=True)
    breaks.record("main", [BreakKind.STATEMENT], [finding], not_judged=set(known))
    return Break.objects.get(key=f"k{number}")


def test_timing_explains_and_the_comparison_that_agrees_closes_it() -> None:
    row = small(1)
    (explained,) = resolve([row.pk], actor=person("alice"), reason="settles tomorrow", cause="TIMING")  # type: ignore[misc]
    assert (explained.closed_at, explained.cause) == (None, "TIMING")
    assert not Alert.objects.filter(cleared_at=None).exists()
    breaks.record("main", [BreakKind.STATEMENT], [])
    row.refresh_from_db()
    assert (row.closed_by, row.cause) == ("system", "TIMING")


@pytest.mark.parametrize(
    ("reported", "hours"), [("5", 3 * 24), ("500", 24), ("5000", 4)]
)  # of 1,000 that need two
def test_the_more_it_is_worth_the_sooner_it_is_due(reported: str, hours: int) -> None:
    row = cash(reported)
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC)
    Break.objects.update(first_seen=monday)
    keep_values()
    row.refresh_from_db()
    assert (row.value, row.due_at) == (Decimal(reported), monday + timedelta(hours=hours))


def test_a_difference_that_grows_is_valued_anew() -> None:
    cash("5")
    keep_values()
    cash("5000")
    keep_values()
    assert Break.objects.get().value == 5000


def test_what_is_overdue_is_told_once_and_the_alert_ends_with_it() -> None:
    row = cash("5")
    Break.objects.update(first_seen=timezone.now() - timedelta(days=9))
    assert (keep_values(), keep_values()) == (1, 1)
    alert = Alert.objects.get(kind="BREAK_OVERDUE")
    assert (alert.times, "owner nobody" in alert.text) == (1, True)
    resolve([row.pk], actor=person("alice"), reason="fees")
    alert.refresh_from_db()
    assert alert.cleared_at is not None


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("../../etc/pass\nwd.pdf", b"%PDF-1.7 ...", "pass_wd.pdf"),
        ("letter.txt", "für Sie".encode(), "letter.txt"),
        ("C:\\x\\shot.png", b"\x89PNG\r\n\x1a\n...", "shot.png"),
        ("note.html", b"<script>alert(1)</script>", "note.html.txt"),  # it would open as a page
        ("=cmd.xlsm", b"PK\x03\x04...", "_cmd.xlsm.zip"),  # or with its macros
        ("books.XLSX", b"PK\x03\x04...", "books.XLSX"),
        ("n" * 200 + ".pdf", b"%PDF-1.7 ...", "n" * 116 + ".pdf"),
    ],
)
def test_a_file_is_kept_once_with_its_digest_under_a_plain_name(name: str, content: bytes, kept: str) -> None:
    row = cash("5")
    for _ in range(2):
        file = break_files.attach(row.pk, user=person("alice").user, name=name, content=content)
    assert (file.name, row.files.count(), break_files.content_of(file)) == (kept, 1, content)
    file.content = b"other"
    with pytest.raises(break_files.FileRefused, match="digest"):
        break_files.content_of(file)


@pytest.mark.parametrize(
    "content", [b"", b"MZ\x90\x00", b"\x00\x01", b"%PDF-" + bytes(5_000_000)], ids=["0", "exe", "nul", "big"]
)
def test_files_of_other_kinds_and_sizes_are_refused(content: bytes) -> None:
    with pytest.raises(break_files.FileRefused):
        break_files.attach(cash("5").pk, user=person("alice").user, name="x", content=content)
