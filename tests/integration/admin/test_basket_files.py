"""What a basket's file may hold: numbers of any country, a spreadsheet's leftovers, what nobody sees."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from brokers.formats import decimal_text
from orders.admin.orders.baskets.basket_files import read_basket
from orders.desk import jobs
from orders.entry.reading.numbers import DecimalSign, UnclearNumber, plain_number
from orders.entry.reading.ticket_texts import texts_of_ticket, ticket_from_texts
from orders.models import DeskJob, Order
from tests.examples import one_in
from tests.integration.api.conftest import ACCOUNT

HEAD = ["account", "symbol", "side", "order_qty", "ord_type", "price", "time_in_force"]
GOOD = [ACCOUNT, "AAPL", "BUY", "10", "LIMIT", "200.50", "DAY"]


def upload(client: Client, content: bytes, name: str = "b.csv", **said: str) -> str:
    file = SimpleUploadedFile(name, content)
    answer = client.post(reverse("desk:basket"), {"file": file, **said}, follow=True)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def lines(*rows: list[str], delimiter: str = ",") -> bytes:
    quoted = [delimiter.join(f'"{text}"' if delimiter in text else text for text in row) for row in rows]
    return "\r\n".join(quoted).encode()


def workbook(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    book.save(buffer)
    return buffer.getvalue()


def hide(book: Any, *, column: str = "", row: int = 0) -> None:
    if column:
        book.active.column_dimensions[column].hidden = True
    if row:
        book.active.row_dimensions[row].hidden = True


def formatted(book: Any, number: float, form: str) -> None:
    book.active.cell(2, 4, number).number_format = form


def sheet_with(xml: str, coding: str = "utf-8") -> bytes:
    """A workbook with more XML behind its rows, as openpyxl itself would not write it."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(HEAD, GOOD))) as old, zipfile.ZipFile(found, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if "sheet1" in name:
                part = part.decode().replace("</sheetData>", f"</sheetData>{xml}").encode(coding)
            new.writestr(name, part)
    return found.getvalue()


def merged(cells: str, coding: str = "utf-8") -> bytes:
    return sheet_with(f'<mergeCells><mergeCell ref="{cells}"/></mergeCells>', coding)


def linked(cells: str) -> bytes:
    return sheet_with(f'<hyperlinks><hyperlink ref="{cells}" location="x"/></hyperlinks>')


def changed(**cells: str) -> list[str]:
    return [cells.get(name, text) for name, text in zip(HEAD, GOOD, strict=True)]


def only_row() -> Any:
    return DeskJob.objects.latest("created_at").rows.get()


FORMS: dict[str, Callable[..., bytes]] = {
    "commas": lambda *rows: lines(*rows),
    "semicolons": lambda *rows: lines(*rows, delimiter=";"),
    "tabs": lambda *rows: lines(*rows, delimiter="\t"),
    "workbook": lambda *rows: workbook(*rows),
}


@pytest.mark.parametrize("form", one_in(3, FORMS))
@pytest.mark.parametrize("column", ["order_qty", "price"])
@pytest.mark.parametrize("text", ["1.000", "1,234", "12,000", "229.125"])
def test_a_number_with_two_readings_is_refused_with_both(
    boss: Client, form: str, column: str, text: str
) -> None:
    page = upload(boss, FORMS[form](HEAD, changed(**{column: text})))
    assert "where the point is the decimal sign and" in page and f"{text} is " in page
    assert set(only_row().errors) == {column}


@pytest.mark.parametrize(
    ("sign", "text", "sent"),
    [("point", "1,000", "1000"), ("comma", "1.000", "1000"), ("point", "1.000", "1"), ("", "1 000", "1000")],
)
def test_the_sign_said_at_the_upload_decides(boss: Client, sign: str, text: str, sent: str) -> None:
    upload(boss, lines(HEAD, changed(order_qty=text, price="200"), delimiter=";"), decimal_sign=sign)
    assert (only_row().errors, only_row().fields["order_qty"]) == ({}, sent)


LEFTOVERS: dict[str, bytes] = {
    "empty columns": lines([*HEAD, "", ""], [*GOOD, "", ""], ["", *[""] * 8]),
    "empty lines": lines([], HEAD, [], GOOD, [], []),
    "a byte order mark": b"\xef\xbb\xbf" + lines(HEAD, GOOD),
    "spaces and capitals": lines(HEAD, changed(account=" du1234567\u00a0", symbol=" aapl ", side="Buy")),
    "apostrophes": lines(HEAD, changed(order_qty="'10", symbol="'AAPL")),
    "a text formula": '{}\r\n{},"=""AAPL""",BUY,10,LIMIT,200.50,DAY'.format(",".join(HEAD), ACCOUNT).encode(),
    "sep=": b"sep=;\r\n" + lines(HEAD, GOOD, delimiter=";"),
    "other names": lines(
        ["Acct", "Ticker", "Action", "Quantity", "Order Type", "Limit Price", "TIF"], changed(ord_type="LMT")
    ),
    "short words": lines(HEAD, changed(side="b", ord_type="lmt")),
    "lines of an old Mac": lines(HEAD, GOOD).replace(b"\r\n", b"\r"),
    "sep= saved again": b"SEP=;;;;;;;\r\n" + lines(HEAD, GOOD, delimiter=";"),
    "sep= of an old Mac": b"sep=;\r" + lines(HEAD, GOOD, delimiter=";").replace(b"\r\n", b"\r"),
    "pipes": lines(HEAD, GOOD, delimiter="|"),
    "UTF-16 without its mark": lines(HEAD, GOOD).decode().encode("utf-16-le"),
    "UTF-16 of a big machine": lines(HEAD, GOOD).decode().encode("utf-16-be"),
    "an end of DOS": lines(HEAD, GOOD) + b"\r\n\x1a",
    "a column twice, once empty": lines([*HEAD, "Price"], [*GOOD, ""]),
    "a workbook's numbers": workbook(HEAD, [*GOOD[:3], 10, "LIMIT", 0.1 + 0.2 + 200.2, "DAY", None]),
}


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_a_spreadsheet_leaves_is_read_as_meant(boss: Client, name: str) -> None:
    page = upload(boss, LEFTOVERS[name])
    assert only_row().errors == {}, page
    fields = only_row().fields
    assert (fields["account"], fields["symbol"], fields["side"]) == (ACCOUNT, "AAPL", "BUY")
    assert (fields["order_qty"], fields["price"], fields["ord_type"]) == ("10", "200.5", "LIMIT")


@pytest.mark.parametrize(
    ("cells", "description"),
    [
        ({"order_qty": "1_0"}, "plain notation"),
        ({"order_qty": "1E+05"}, "a spreadsheet has shortened"),
        ({"order_qty": "１０"}, "plain notation"),
        ({"order_qty": "+10"}, "plain notation"),
        ({"price": "#REF!"}, "it says #REF!"),
        ({"symbol": "#N/A"}, "it says #N/A"),
        ({"symbol": "1-Mar"}, "looks like a date"),
        ({"symbol": "01. Mrz"}, "looks like a date"),
        ({"symbol": "1E+05"}, "looks like a number"),
        ({"side": "HOLD"}, "must be one of BUY"),
    ],
)
def test_what_a_spreadsheet_has_spoilt_is_refused_with_words(
    boss: Client, cells: dict[str, str], description: str
) -> None:
    assert description in upload(boss, lines(HEAD, changed(**cells)))
    assert set(only_row().errors) == set(cells)


#: A few bytes of XML that ask for 17 billion cells, and other spellings of the same.
ENDLESS = [
    *map(merged, ["A9:XFD1048576", "A9&#58;XFD1048576", "$A$9:$XFD$1048576", "a9:xfd1048576"]),
    *map(merged, ["A000000009:XFD001048576", "Sheet!A9:XFD1048576"]),
    *map(linked, ["A9:XFD1048576", "A:XFD"]),
    merged("A9:XFD1048576", "utf-16"),
]


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (lines([*HEAD, "Ticker"], [*GOOD, "X"]), "named twice: symbol and Ticker"),
        (lines(HEAD, changed(order_qty="=1+1")), "holds a formula"),
        (lines(HEAD, changed(symbol="A\x00")), "zero bytes"),
        (b"\xd0\xcf\x11\xe0rest", "save it as XLSX"),
        (workbook(HEAD, GOOD, change=lambda book: hide(book, column="F")), "price is hidden"),
        *((content, "too many merged or linked cells") for content in ENDLESS),
        (workbook(HEAD, GOOD, change=lambda book: formatted(book, 10, "[" * 9_000)), "no spreadsheet takes"),
        (lines(HEAD, [*GOOD, *[""] * 1_000]), "Line 2 has more than 1,000 columns"),
        (b"sep=" + b";" * 400_000, "more than 1,000 columns"),
    ],
)
def test_a_file_is_refused_as_a_whole_with_words(boss: Client, content: bytes, description: str) -> None:
    assert description in upload(boss, content)
    assert not DeskJob.objects.exists()


def test_a_hidden_row_is_named_and_not_sent(boss: Client) -> None:
    page = upload(boss, workbook(HEAD, GOOD, changed(symbol="MSFT"), change=lambda book: hide(book, row=2)))
    assert "Row 2 is hidden" in page and "Send 1 order" in page


def test_sheets_that_are_not_read_are_named(boss: Client) -> None:
    def more(book: Any) -> None:
        old, other = book.create_sheet("old", 0), book.create_sheet("notes")
        old.sheet_state = "hidden"
        old.append(HEAD), old.append(changed(order_qty="999"))
        other.append(["x"])

    page = upload(boss, workbook(HEAD, GOOD, change=more))
    assert "Hidden sheet “old” is not read" in page and "Sheet “notes” is not read" in page
    assert only_row().fields["order_qty"] == "10"


@pytest.mark.parametrize(
    ("change", "description"),
    [
        (lambda book: book.active.cell(2, 2, date(2026, 3, 1)), "holds the date 2026-03-01"),
        (lambda book: book.active.merge_cells("D2:D3"), "D2:D3 are merged"),
        (lambda book: book.active.cell(2, 4, "#REF!"), "it says #REF!"),
        (lambda book: formatted(book, 0.5, "0%"), "shows a percentage here and holds 0.5"),
        (lambda book: formatted(book, 10_000, "#,##0,"), "without its last digits, it is 10000"),
        (lambda book: formatted(book, 10_000, '0.0,"k"'), "without its last digits, it is 10000"),
        (lambda book: formatted(book, 10_000, ";;;"), "hides the number 10000"),
        (lambda book: formatted(book, 10_000, "0.00E+00"), "shortened, it is 10000"),
    ],
)
def test_a_spoilt_cell_of_a_workbook_is_refused(
    boss: Client, change: Callable[[Any], None], description: str
) -> None:
    assert description in upload(boss, workbook(HEAD, GOOD, GOOD, change=change))
    assert DeskJob.objects.get().rows.get(line=2).errors


def test_a_cell_far_away_costs_nothing(boss: Client) -> None:
    upload(boss, workbook(HEAD, GOOD, change=lambda book: book.active.cell(1_048_576, 1, " ")))
    assert only_row().errors == {}


def test_the_preview_shows_what_a_row_is_worth_and_all_that_it_asks(boss: Client) -> None:
    page = upload(boss, lines([*HEAD, "display_qty"], [*changed(order_qty="20"), "10"]))
    assert "4,010.00 USD at price 200.5" in page and "Shown quantity 10" in page


def test_what_the_preview_shows_is_what_is_sent(boss: Client) -> None:
    rows = [changed(order_qty="1.000", price="1,5"), changed(symbol="MSFT", price="200,05")]
    upload(boss, lines(HEAD, *rows, delimiter=";"), decimal_sign="comma")
    job = DeskJob.objects.get()
    boss.post(reverse("desk:basket_send", args=[job.id]))
    jobs.work()
    for row in job.rows.select_related("order"):
        sent = {name: getattr(row.order, name) for name in ("order_qty", "price")}
        assert {name: row.fields[name] for name in sent} == {n: decimal_text(v) for n, v in sent.items()}
    assert [order.order_qty for order in Order.objects.order_by("id")] == [1000, 10]


@pytest.mark.parametrize(
    ("text", "read"),
    [("1,00,000", "100000"), ("1,50,000.50", "150000.50"), ("12,34,56,789.05", "123456789.05")],
)
def test_numbers_in_lakhs_and_crores_are_read_as_india_writes_them(text: str, read: str) -> None:
    assert plain_number(text) == plain_number(text, DecimalSign.POINT) == read
    with pytest.raises(UnclearNumber):
        plain_number(text, DecimalSign.COMMA)


@pytest.mark.parametrize("text", ["1,0,000", "01,00,000", "1,00,00", "1.00.000,5", "100,00,000"])
def test_what_nobody_groups_so_stays_for_its_field_to_refuse(text: str) -> None:
    assert plain_number(text) == text


def test_a_ticker_that_a_workbook_keeps_as_a_truth_is_read_as_shown() -> None:
    (row,) = read_basket(io.BytesIO(workbook(HEAD, [ACCOUNT, True, *GOOD[2:]]))).rows
    assert row.texts["symbol"] == "TRUE"


NUMBER = st.from_regex(r"-?[0-9]{1,4}([.,][0-9]{1,4}){0,3}", fullmatch=True)


@given(NUMBER, st.sampled_from(DecimalSign))
def test_without_a_sign_a_number_is_what_any_sign_says_or_refused(text: str, sign: DecimalSign) -> None:
    def read(said: DecimalSign | None) -> str | None:
        try:
            return plain_number(text, said)
        except UnclearNumber:
            return None

    assert read(None) is None or read(sign) in (None, read(None))


@given(st.sampled_from(["1", "10.5", "0.01"]), st.sampled_from(["BUY", "SELL"]), st.booleans())
def test_the_texts_of_a_ticket_read_back_are_the_ticket(number: str, side: str, whole: bool) -> None:
    texts = dict(zip(HEAD, GOOD, strict=True)) | {"cl_ord_id": "a", "order_qty": number, "side": side}
    ticket = ticket_from_texts(
        {**texts, "all_or_none": str(whole), "expire_time": "2026-12-01T10:00:00+02:00"}
    )
    assert ticket_from_texts(texts_of_ticket(ticket)) == ticket


@pytest.mark.parametrize(
    "form", ['#,##0.00 "%"', "#,##0.00_);(#,##0.00)", '[Red]"EUR, "0.00', "General", "0.00"]
)
def test_a_format_that_shows_the_number_itself_is_none_to_refuse(form: str) -> None:
    sheet = workbook(HEAD, GOOD, change=lambda book: formatted(book, 10_000, form))
    (row,) = read_basket(io.BytesIO(sheet)).rows
    assert (row.texts["order_qty"], row.wrong) == ("10000", {})


@pytest.mark.parametrize(("text", "read"), [("2026-12-18", "20261218"), ("2026-12", "202612")])
def test_a_maturity_is_read_as_iso_dates_write_it(text: str, read: str) -> None:
    (row,) = read_basket(io.BytesIO(lines([*HEAD, "maturity"], [*GOOD, text]))).rows
    assert row.texts["maturity"] == read


def test_a_file_is_read_by_the_lines_that_people_see() -> None:
    basket = read_basket(io.BytesIO(lines(HEAD, [], GOOD)))
    assert [row.line for row in basket.rows] == [3]
