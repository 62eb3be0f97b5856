"""Whatever stands in a whole Flex file: no row is lost, what is new is told, twice is once."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from orders.models import Break, BreakKind, Order, StatementRow
from orders.models.middle_office.statement import Statement
from orders.reconciliation.statements.reading import DETAIL, MOST_WORDS
from orders.reconciliation.statements.vocabulary import ATTRIBUTES, COMPARED, PASSED, SUMS
from tests.examples import examples, one_in
from tests.integration.statements.conftest import Rows, flex, read, trade

MORE = "more words than anybody reads"
#: Sections that other readers of Flex files know (ibflex 1.1) and that were news to us until we compared.
ONCE_NEW = {
    *("Adjustments", "ClientFeesDetail", "HardToBorrowMarkupDetails", "IBGNoteTransactions"),
    *("SoftDollars", "StockGrantActivities"),
}
#: Values as they are, as they should not be, and as an enemy writes them.
VALUES = (
    *("", " ", "-", "--", "0", "-0", "10", "-10.5", "1,000", "1e3", "1e400", "NaN", "Infinity", "9" * 40),
    *("20261120", "2026-11-20", "20/11/2026", "99991231", "00010101", "00000000", "20261132", "MULTI"),
    *("20261120;093512", "20261120;250000", "2026-11-20 09:35:12 EDT", "00010101;000000", "99991231;235959"),
    *(
        "STK",
        "USD",
        "BASE_SUMMARY",
        "BUY",
        "SELL (Ca.)",
        "ExchTrade",
        "BookTrade",
        "TradeCancel",
        "MoonTrade",
    ),
    *(
        "P",
        "P;ZZ",
        "Ca",
        "A,Ex",
        "SY",
        "FS",
        "RS",
        "TransferIn",
        "Dividends",
        "Expiration",
        "265598",
        "٣",
        "½",
    ),
    *(
        "EXECUTION",
        "SUMMARY",
        "DETAIL",
        "LOT",
        "=cmd|' /C calc'!A0",
        "<script>",
        "'; --",
        "x" * 10_000,
        "\ufffd",
    ),
    *("0000e1.01.01", "0000e1.01.02", "e", ".", "AAPL 1 FOR 0", "SPLIT 4 FOR 1", "SPLIT 0 FOR 0", "\u202e"),
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["C"]), max_size=40)
attributes = st.sampled_from(sorted(ATTRIBUTES)) | names
values = st.sampled_from(VALUES) | words


@st.composite
def sections(draw: st.DrawFn) -> tuple[str, Rows]:
    """One section: known to us or not, its rows too."""
    known = st.sampled_from(sorted([*COMPARED, *PASSED]))
    name = draw(st.sampled_from(sorted(COMPARED)) | known | names)
    tags = st.sampled_from(sorted(COMPARED.get(name, SUMS) | SUMS)) | names
    usual = st.sampled_from(sorted(COMPARED.get(name, SUMS)))
    row = st.tuples(usual | tags, st.dictionaries(attributes, values, max_size=12))
    return name, draw(st.lists(row, max_size=4))


def counting(name: str, rows: Rows) -> int:
    """How many of these rows are to be kept, or to be told as unreadable."""
    details = ("", DETAIL.get(name, ""))
    return sum(
        tag in COMPARED.get(name, ()) and (not details[1] or said.get("levelOfDetail", details[1]) in details)
        for tag, said in rows
    )


def told_of(found: Statement) -> Counter[str]:
    return Counter(found.unknown["words"])


def strange(name: str, rows: Rows) -> set[str]:
    """The sections, rows and attributes among these that are no words of ours."""
    if name not in COMPARED:
        return set() if name in PASSED else {f"section {name}"}
    return {f"row {name}/{tag}" for tag, _ in rows if tag not in COMPARED[name] | SUMS}


def breaks() -> dict[str, str]:
    return dict(Break.objects.filter(kind=BreakKind.STATEMENT).values_list("key", "text"))


def assert_read(drawn: list[tuple[str, Rows]]) -> None:
    first, last = (trade(transactionID=key, ibExecID=f"s{key}.01.01") for key in ("first", "last"))
    parts = [("Trades", [("Trade", first)]), *drawn, ("Trades", [("Trade", last)])]
    file = flex(parts)
    (outcome,) = read(file)
    assert outcome.text == "read"
    found = Statement.objects.get()
    assert set(StatementRow.objects.filter(key__in=("first", "last")).values_list("key", flat=True)) == {
        *("first", "last")
    }
    told = told_of(found)
    unreadable = sum(times for word, times in told.items() if word.startswith("unreadable rows"))
    if MORE not in told:
        expected = sum(counting(name, rows) for name, rows in parts)
        assert outcome.rows + unreadable == expected
        assert {word[:80] for name, rows in drawn for word in strange(name, rows)} <= {w[:80] for w in told}
    assert len(told) <= MOST_WORDS + 2
    before = breaks()
    assert all(any(word[:40] in text for text in before.values()) for word in told)
    (again,) = read(file)
    assert again.text == "read before; compared again"
    assert breaks() == before


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=st.lists(sections(), max_size=6))
def test_no_row_of_any_whole_file_is_lost_and_news_is_told(
    order: Order, drawn: list[tuple[str, Rows]]
) -> None:
    with transaction.atomic():
        assert_read(drawn)
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", one_in(3, sorted({*COMPARED, *PASSED, *ONCE_NEW})))
def test_each_section_is_read_empty_and_with_every_attribute(order: Order, name: str) -> None:
    tag = min(COMPARED.get(name, {"Row"}))
    dice = random.Random(name)
    rows = [(tag, {each: dice.choice(VALUES) for each in sorted(ATTRIBUTES)}) for _ in range(5)]
    assert_read([(name, []), (name, rows)])
    assert f"section {name}" not in told_of(Statement.objects.get())
