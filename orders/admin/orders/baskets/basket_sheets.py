"""The cells of a basket's file, with what a person cannot see or a spreadsheet has spoilt: CSV and XLSX."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

MAX_BYTES = 1_000_000
MAX_UNPACKED = 20_000_000  # bytes; a small file may unpack to gigabytes
#: Cells; reading a workbook makes each of them, and a line of its XML can name 17 billion.
MAX_RANGED = 100_000
RANGED = frozenset({"mergeCell", "hyperlink", "comment"})
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MAX_COLUMNS = 1_000
MAX_FORMAT = 255  # characters; a spreadsheet takes no more
SPREADSHEET_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|#+)")
#: The first line of a file that is written for Excel; saved again it has separators as the table has columns.
#: What was taken is not given back: a line of a million separators would be tried in half a billion ways.
SEPARATOR = re.compile(r'"?sep=([^"\r\n])\1*+"?\1*+(?:\r\n|\r|\n)', re.IGNORECASE)
#: A format that shows a thousandth of a number, or a millionth.
SCALED = re.compile(r"[0#?],+(?![0#?,])")
#: How a spreadsheet exports a text that it must not take for a number: ="0700".
TEXT_FORMULA = re.compile(r'="([^"]*)"')


class FileRefused(Exception):
    """The file is not a basket; the words say why."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell's text, cleaned; `exact`: a workbook's own number; `problem`: why it has no value."""

    text: str = ""
    exact: bool = False
    problem: str = ""
    day: date | None = None


EMPTY = Cell()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the file by its number there; a cell per column from the first on."""

    line: int
    cells: list[Cell]
    hidden: bool = False


@dataclass(kw_only=True)
class Sheet:
    """What a file holds; `notes` say what of it is not read."""

    rows: list[Row]
    hidden_columns: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)


def read_sheet(content: bytes) -> Sheet:
    """The sheet of a file. Raises FileRefused."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRefused("The file is an old or an encrypted workbook: save it as XLSX without a password.")
    return workbook_sheet(content) if content.startswith(b"PK") else csv_sheet(content)


def csv_sheet(content: bytes) -> Sheet:
    """The lines of a CSV file in UTF-8 or UTF-16, between commas, semicolons or tabs."""
    try:
        text = content.decode(encoding_of(content)).rstrip("\x1a")  # DOS ended files so
        said = SEPARATOR.match(text)
        table = text[said.end() :] if said else text
        head = next(iter(table.splitlines()), "")
        delimiter = said[1] if said else max(",;\t|", key=head.count)
        reader = csv.reader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, cells) for cells in reader]
    except (UnicodeError, csv.Error, TypeError) as error:
        hint = "save it as “CSV UTF-8” or XLSX"
        raise FileRefused(f"The file cannot be read as CSV in UTF-8 or UTF-16, {hint}: {error}.") from None
    if "\x00" in text:
        raise FileRefused("The file holds zero bytes, so it is no text.")
    if wide := next((at for at, cells in lines if len(cells) > MAX_COLUMNS), None):
        raise FileRefused(f"Line {wide} has more than {MAX_COLUMNS:,} columns.")
    skipped = 1 if said else 0
    return Sheet(rows=[Row(line=at + skipped, cells=[*map(text_cell, cells)]) for at, cells in lines])


def encoding_of(content: bytes) -> str:
    """UTF-16 with its mark, or by the zeros beside the letters of a heading; else UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    zeros = [not each for each in content[:4]]
    wide: dict[tuple[bool, ...], str] = {
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return wide.get(tuple(zeros), "utf-8-sig")


def text_cell(raw: str) -> Cell:
    """A cell of text, without what a spreadsheet leaves around it and nobody sees."""
    text = clean(raw)
    if found := TEXT_FORMULA.fullmatch(text):
        text = clean(found[1])
    if text.startswith("="):
        raise FileRefused(f"A cell holds a formula ({text[:30]}); paste its value instead.")
    if SPREADSHEET_ERROR.fullmatch(text):
        return Cell(text=text, problem=f"The spreadsheet has no value here, it says {text}.")
    return Cell(text=text)


def clean(text: str) -> str:
    """A text without spaces of any width and invisible characters around it, nor the apostrophe before it."""
    seen = "".join(" " if each.isspace() else each for each in text if unicodedata.category(each) != "Cf")
    return seen.strip().removeprefix("'").strip()


def workbook_sheet(content: bytes) -> Sheet:
    """The first visible sheet of a workbook that has values."""
    from openpyxl import load_workbook  # a fifth of a second at every start, for what is rarely asked

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "content.xml" in archive.namelist():
                raise FileRefused("The file is an OpenDocument sheet: save it as XLSX or CSV.")
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
                raise FileRefused("The workbook is too large inside.")
            if sum(map(ranged_cells, map(archive.read, archive.namelist()))) > MAX_RANGED:
                raise FileRefused(
                    "The workbook has too many merged or linked cells: save its values in a new one."
                )
        book = load_workbook(io.BytesIO(content), data_only=False, keep_links=False)
        return chosen_sheet(book.worksheets)
    except FileRefused:
        raise
    except Exception as error:  # a broken workbook raises whatever its broken part leads to
        raise FileRefused(f"The file cannot be read as a workbook: {error}.") from None


class Part:
    """What a part asks for, before a workbook is made of it: its bytes could spell the same in many ways."""

    def __init__(self) -> None:
        self.ranged = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins. Raises FileRefused."""
        name = tag.rpartition("}")[2]
        if name in RANGED:
            self.ranged += area(attributes.get("ref", ""))
        elif name == "numFmt" and len(attributes.get("formatCode", "")) > MAX_FORMAT:
            # It would be searched for what looks like a date, in a time that grows with its square.
            raise FileRefused("The workbook has a number format that no spreadsheet takes.")

    def close(self) -> None:
        """The part has ended."""


def ranged_cells(content: bytes) -> int:
    """How many cells the ranges of a part of a workbook have. Raises FileRefused."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    part = Part()
    parser = DefusedXMLParser(target=part)
    try:
        parser.feed(content)
        parser.close()
    except DefusedXmlException:
        raise FileRefused("The workbook's XML declares entities: save its values in a new one.") from None
    except ParseError:
        pass  # a picture, or XML that the workbook's reader refuses as well
    return part.ranged


def area(reference: str) -> int:
    """The cells of a range such as A1:C9; a side that it leaves open is the sheet's."""
    from openpyxl.utils import range_boundaries

    try:
        left, top, right, bottom = range_boundaries(reference.rpartition("!")[2])
    except ValueError:  # the workbook's reader refuses it as well
        return 0
    across = (right or LAST_COLUMN) - (left or 1) + 1
    return max(across, 0) * max((bottom or LAST_ROW) - (top or 1) + 1, 0)


def chosen_sheet(sheets: list[Any]) -> Sheet:
    """What is read, and the names of the sheets that are not."""
    filled = [sheet for sheet in sheets if any(True for _ in values_of(sheet))]
    shown = [sheet for sheet in filled if sheet.sheet_state == "visible"]
    if not shown:
        raise FileRefused("No sheet of the workbook that can be seen has values.")
    sheet = Sheet(rows=rows_of(shown[0]), hidden_columns=frozenset(hidden_columns(shown[0])))
    for other in filled:
        if other is not shown[0]:
            kind = "Sheet" if other in shown else "Hidden sheet"
            sheet.notes.append(f"{kind} “{other.title}” is not read, only “{shown[0].title}”.")
    return sheet


def values_of(sheet: Any) -> Iterator[tuple[int, int, Any]]:
    """(row, column, cell) of each cell that has a value: a far away one must not cost all between."""
    for (row, column), cell in sheet._cells.items():
        if cell.value is not None and str(cell.value).strip():
            yield row, column, cell


def rows_of(sheet: Any) -> list[Row]:
    """The rows that have values, top to bottom."""
    found: defaultdict[int, dict[int, Cell]] = defaultdict(dict)
    for row, column, cell in values_of(sheet):
        if column > MAX_COLUMNS:
            raise FileRefused(f"Cell {cell.coordinate} is far outside of the table.")
        found[row][column] = workbook_cell(cell)
    for merged in sheet.merged_cells.ranges:
        for row, column in merged.cells:
            found[row][column] = Cell(
                text=found[row].get(column, EMPTY).text,
                problem=f"The cells {merged.coord} are merged: give each row its own value.",
            )
    by_default = bool(sheet.sheet_format.zeroHeight)
    rows = []
    for line, cells in sorted(found.items()):
        size = sheet.row_dimensions.get(line)
        hidden = bool(size.hidden or size.height == 0) if size else by_default
        across = [cells.get(column, EMPTY) for column in range(1, max(cells) + 1)]
        rows.append(Row(line=line, cells=across, hidden=hidden))
    return rows


def hidden_columns(sheet: Any) -> Iterator[int]:
    """Columns, from 0 on, that nobody sees."""
    for size in sheet.column_dimensions.values():
        if size.hidden or size.width == 0:
            yield from range((size.min or 1) - 1, min(size.max or 1, MAX_COLUMNS))


def workbook_cell(cell: Any) -> Cell:
    """A cell as a person would type it; a formula is no value that somebody typed."""
    value = cell.value
    if isinstance(value, datetime | date):
        day = value if not isinstance(value, datetime) else value.date()
        return Cell(text=day.isoformat(), day=day, problem=f"The spreadsheet holds the date {day} here.")
    if isinstance(value, time | timedelta):
        return Cell(text=str(value), problem=f"The spreadsheet holds the time {value} here.")
    if isinstance(value, bool):
        return Cell(text=str(value).upper())
    if isinstance(value, int | float):
        # As many digits as a spreadsheet itself keeps and shows: 0.1 + 0.2 is 0.3 in it.
        number = f"{Decimal(f'{value:.15g}'):f}"
        return Cell(text=number, exact=True, problem=shown_otherwise(cell.number_format, number))
    if cell.data_type == "f" or not isinstance(value, str):
        shown = f" ({value[:30]})" if isinstance(value, str) else ""  # one over several cells is an object
        raise FileRefused(f"Cell {cell.coordinate} holds a formula{shown}; paste its value instead.")
    if "\x00" in value:
        raise FileRefused(f"Cell {cell.coordinate} holds zero bytes.")
    return text_cell(value)


def shown_otherwise(form: str, number: str) -> str:
    """What is wrong with a number whose format shows people another one; empty when nothing is."""
    plain = re.sub(r'"[^"]*"|\\.|\[[^]]*\]', "", form)  # without texts, colours and conditions
    shown = plain.split(";")[0]
    if "%" in shown:
        return f"The spreadsheet shows a percentage here and holds {number}: format the cell as a number."
    if SCALED.search(shown):
        return f"The spreadsheet shows this without its last digits, it is {number}: format the cell anew."
    if "E+" in shown.upper() or "E-" in shown.upper():
        return f"The spreadsheet shows this number shortened, it is {number}: format the cell anew."
    if not shown.strip() and form:
        return f"The spreadsheet hides the number {number} here: format the cell anew."
    return ""
