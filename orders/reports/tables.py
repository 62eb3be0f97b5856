"""Rows as files: CSV line by line, a workbook through a temporary file; no text is a formula."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Any

from django.http import FileResponse, StreamingHttpResponse

from brokers.formats import decimal_text, spreadsheet_text

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK = 500  # rows that are written at once
#: Rows of one workbook: more take minutes to write, and hardly any program opens them.
MAX_ROWS = 200_000
Row = Sequence[Any]


class TooManyRows(Exception):
    """There are more rows than a workbook holds; as CSV there is no end."""

    def __init__(self) -> None:
        super().__init__(f"A workbook holds {MAX_ROWS:,} rows: choose less, or take the rows as CSV.")


def cell(value: Any) -> Any:
    """A value as a file holds it: decimals in full, text never as a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return decimal_text(value)
    return spreadsheet_text(value) if isinstance(value, str) else value


def csv_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The file in pieces (RFC 4180); only one piece is in memory."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for count, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if count % CHUNK == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def xlsx_file(sheets: Mapping[str, tuple[Sequence[str], Iterable[Row]]]) -> IO[bytes]:
    """A workbook in a temporary file, at its beginning; rows are written as they come.

    A sheet's rows may be made while those of the sheets before it are read: sums, say. Raises TooManyRows.
    """
    from openpyxl import Workbook  # a fifth of a second at every start, for what is rarely asked

    book = Workbook(write_only=True)
    for name, (names, rows) in sheets.items():
        sheet = book.create_sheet(name[:31])
        sheet.append(list(names))
        for count, row in enumerate(rows):
            if count >= MAX_ROWS:
                sheet.close()
                sheet._writer.cleanup()  # its temporary file; else the process keeps it to its end
                raise TooManyRows
            sheet.append([_xlsx_cell(value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file


def _xlsx_cell(value: Any) -> Any:
    """Text is text in a workbook, also where it looks like a formula or a number; control signs are not."""
    shown = cell(value)
    if not isinstance(shown, str):
        return shown
    return "".join(sign for sign in shown if sign >= " " or sign in "\t\n\r")


def csv_answer(name: str, names: Sequence[str], rows: Iterable[Row]) -> StreamingHttpResponse:
    """A download that is made while it is read."""
    kept = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    lines = csv_lines(names, rows)
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=kept)


def xlsx_answer(name: str, sheets: Mapping[str, tuple[Sequence[str], Iterable[Row]]]) -> FileResponse:
    """The same as a workbook."""
    answer = FileResponse(xlsx_file(sheets), as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX)
    answer["Cache-Control"] = "no-store"
    return answer
