"""Reading a basket's file: CSV (UTF-8 or UTF-16, comma or semicolon) or XLSX, within limits."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from typing import Any

MAX_BYTES = 1_000_000
MAX_UNPACKED = 20_000_000  # bytes; a small file may unpack to gigabytes
MAX_ROWS = 1_000


class FileRefused(Exception):
    """The file is not a basket; the words say why."""


def read_rows(file: Any) -> tuple[list[dict[str, str]], bytes]:
    """The rows as texts by column, and the file itself. Raises FileRefused."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FileRefused("The file is larger than 1 MB.")
    lines = xlsx_lines(content) if content.startswith(b"PK") else csv_lines(content)
    rows = rows_of(lines)
    if not rows:
        raise FileRefused("The file has no rows below its heading.")
    if len(rows) > MAX_ROWS:
        raise FileRefused(f"The file has more than {MAX_ROWS:,} rows.")
    return rows, content


def rows_of(lines: Iterable[list[str]]) -> list[dict[str, str]]:
    """Rows by the names of the first line; empty lines are left out."""
    found = iter(lines)
    names = [name.strip().lower() for name in next(found, [])]
    if "symbol" not in names or "side" not in names:
        raise FileRefused("The first line must name the columns, symbol and side among them.")
    if len(set(names)) < len(names):
        raise FileRefused("A column is named twice.")
    rows: list[dict[str, str]] = []
    for line in found:
        if any(text.strip() for text in line):
            extra = {"order": "more cells than columns"} if any(line[len(names) :]) else {}
            rows.append({**dict(zip(names, line, strict=False)), **extra})
        if len(rows) > MAX_ROWS:
            break
    return rows


def csv_lines(content: bytes) -> list[list[str]]:
    """The lines of a CSV file."""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeError, csv.Error) as error:
        raise FileRefused(f"The file cannot be read as CSV in UTF-8 or UTF-16: {error}.") from None


def xlsx_lines(content: bytes) -> list[list[str]]:
    """The lines of a workbook's first sheet; a formula is no value that somebody typed."""
    from openpyxl import load_workbook  # a fifth of a second at every start, for what is rarely asked

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
                raise FileRefused("The workbook is too large inside.")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        sheet = book.worksheets[0]
        lines = [[cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    except FileRefused:
        raise
    except Exception as error:  # a broken workbook raises whatever its broken part leads to
        raise FileRefused(f"The file cannot be read as a workbook: {error}.") from None
    return lines


def cell_text(value: Any) -> str:
    """A cell as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    text = str(value)
    if text.startswith("="):
        raise FileRefused(f"A cell holds a formula ({text[:30]}); paste its value instead.")
    return text
