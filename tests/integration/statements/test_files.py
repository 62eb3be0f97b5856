"""Files of strangers: read whole, or refused in words with nothing stored; what is new in them is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from orders.models import Break, Order, Statement, StatementRow
from orders.reconciliation import breaks
from orders.reconciliation.statements.files import NoStatement
from tests.integration.persons import person
from tests.integration.statements.conftest import flex, open_breaks, read, trade, trades

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><FlexQueryResponse>&b;</FlexQueryResponse>'
WEB = b'<FlexStatementResponse timestamp="04 October, 2026 04:03 PM EDT"><Status/></FlexStatementResponse>'


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "is empty"),
        (b"not xml at all", "no whole XML document"),
        (BOMB, "declares entities or a document type"),
        (b'<!DOCTYPE FlexQueryResponse SYSTEM "file:///etc/passwd"><FlexQueryResponse/>', "document type"),
        (flex({"Trades": [("Trade", trade())]})[:-60], "breaks at line 1"),
        (gzip.compress(flex({}), mtime=0), "is compressed"),
        (b'<?xml version="1.0" encoding="nonsense"?><FlexQueryResponse/>', "cannot be read|no whole XML"),
        (b"\xff\xfe\x00<FlexQueryResponse/>", "no whole XML document"),
        (b"<html><body>Please log in</body></html>", "begins with html"),
        (WEB, "web service's answer of 04 October"),
        (b"<FlexQueryResponse/>", "holds no statement"),
        (b"<a>" * 300 + b"</a>" * 300, "begins with a"),
        (b"<FlexQueryResponse>" + b"<a>" * 300 + b"</a>" * 300 + b"</FlexQueryResponse>", "there is a, not"),
        (flex({"Trades": [("Trade", trade(symbol="A" * 20_000))]}), "more than 10,000 characters"),
        (flex({}, fromDate="11/20/2026"), "set the query's date format to yyyyMMdd"),
        (flex({}, kind="XYZ"), "of type 'XYZ'"),
    ],
)
def test_what_is_no_statement_is_refused_in_words(order: Order, file: bytes, why: str) -> None:
    with pytest.raises(NoStatement, match=why):
        read(file)
    assert (Statement.objects.count(), StatementRow.objects.count()) == (0, 0)


def test_reading_a_file_twice_changes_nothing(order: Order) -> None:
    trades(trade())
    (again,) = trades(trade())
    assert (again.text, Statement.objects.count(), StatementRow.objects.count()) == (
        "read before; compared again",
        1,
        1,
    )


def test_an_older_statement_does_not_replace_a_newer_one(order: Order) -> None:
    trades(trade())
    (older,) = trades(trade(quantity=9), made="20261121;040000")
    assert (older.text, Statement.objects.count()) == ("older than what was read before", 1)


def test_a_row_that_a_newer_statement_lacks_is_told(order: Order) -> None:
    trades(trade(), trade(transactionID="901", ibExecID="0000e9.01.01"))
    trades(trade(), made="20261121;060000")
    assert "GONE 901" in open_breaks()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"notes": "P;ZZ"}, "WORDS code ZZ"),
        ({"transactionType": "MoonTrade"}, "WORDS transactionType MoonTrade"),
        ({"quantity": "ten"}, "WORDS unreadable rows of Trades"),
        ({"tradeDate": "20/11/2026"}, "WORDS unreadable rows of Trades"),
        ({"conid": "x"}, "WORDS unreadable rows of Trades"),
    ],
)
def test_an_unknown_word_is_a_break_of_its_own_and_loses_no_row(
    order: Order, said: dict[str, str], word: str
) -> None:
    trades(trade(**said), trade(transactionID="901", ibExecID="0000e9.01.01"))
    assert word in open_breaks()
    assert StatementRow.objects.filter(key="901").exists()


def test_unknown_sections_rows_and_attributes_are_told_and_attributes_kept(order: Order) -> None:
    odd = {
        "MoonLandings": [("Landing", {"a": "1"})],
        "Trades": [("Orbit", {}), ("Trade", trade(newName="7"))],
    }
    read(flex(odd))
    told = {"WORDS section MoonLandings", "WORDS row Trades/Orbit", "WORDS attribute Trades/newName"}
    assert told <= set(open_breaks())
    assert StatementRow.objects.get().raw["newName"] == "7"


def test_an_attribute_that_a_person_has_looked_at_is_not_told_each_day(order: Order) -> None:
    trades(trade(newName="7"))
    (row,) = Break.objects.filter(key__endswith="newName")
    breaks.resolve_break(row.pk, user=person("ops").user, reason="harmless")
    trades(trade(newName="7"), fromDate="20261123", toDate="20261123")
    assert not any("newName" in name for name in open_breaks())


@pytest.mark.parametrize(
    ("account", "text"), [("-", "several accounts together"), ("U99", "no account of ours, or not of yours")]
)
def test_statements_of_nobody_are_named_and_not_read(order: Order, account: str, text: str) -> None:
    (outcome,) = trades(trade(), accountId=account)
    assert text in outcome.text
    assert Statement.objects.count() == 0


def test_two_rows_with_one_key_are_one_row_and_told(order: Order) -> None:
    trades(trade(), trade(quantity=3))
    assert "WORDS rows whose key another row has" in open_breaks()


def test_the_command_reads_folders_and_refuses_bad_files_apart(
    order: Order, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_bytes(flex({"Trades": [("Trade", trade())]}))
    (tmp_path / "b.xml").write_bytes(b"nothing")
    with pytest.raises(CommandError, match="1 of the files could not be read"):
        call_command("statement", str(tmp_path))
    said = capsys.readouterr()
    assert "a.xml: account DU1234567, 2026-11-20..2026-11-20: read; 1 rows, 1 difference" in said.out
    assert "b.xml: The file is no whole XML document" in said.err


def test_a_folder_without_statements_is_named(order: Order, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"holds no statement \(\*.xml\); nothing was read"):
        call_command("statement", str(tmp_path))
