"""The document of a day as JSON, CSV, a workbook and PDF: the same values in each."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from orders.reports.daily.day import Document
from orders.reports.tables import XLSX, Row, csv_lines, xlsx_file

FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": XLSX,
    "pdf": "application/pdf",
}
LONGEST_CELL = 60  # characters of a cell of the PDF; the other formats hold all of it


def rendered(document: Document, form: str) -> bytes:
    """The document in one of `FORMATS`."""
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False).encode()
    if form == "csv":
        return "".join(csv_lines(head_of(document), csv_rows(document))).encode()
    if form == "xlsx":
        sheets = {name: (columns(rows), sheet_rows(document, name)) for name, rows in sections_of(document)}
        with xlsx_file(sheets) as file:
            return file.read()
    return pdf(document)


def name_of(document: Document, form: str) -> str:
    """Its file's name."""
    return f"{document['report']}-{document['account']}-{document['date']}.{form}"


def head_of(document: Document) -> list[str]:
    """Which report it is."""
    return [document["report"], document["account"], document["date"], document.get("zone", "UTC")]


def sections_of(document: Document) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Its sections by name, in their order."""
    sections: dict[str, list[dict[str, Any]]] = document["sections"]
    return sections.items()


def remarks(document: Document, name: str) -> Iterator[str]:
    """What must be said of a section: rows that are left out, figures that are not of the day."""
    if more := document["more"].get(name):
        yield f"and {more} more"
    if name in document.get("as_of_sections", ()):  # editions kept before there were such have none
        yield f"as of {document['as_of']}, not of the day"


def sheet_rows(document: Document, name: str) -> Iterator[Row]:
    """A section as a sheet: its rows, then what must be said of them."""
    yield from rows_of(document["sections"][name])
    for text in remarks(document, name):
        yield [text]


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """Names of a section's columns."""
    return list(rows[0]) if rows else ["none"]


def rows_of(rows: list[dict[str, Any]]) -> Iterator[Row]:
    """Values of a section's rows; yes and no in words."""
    words = {True: "yes", False: "no"}
    for row in rows:
        yield [words[value] if isinstance(value, bool) else value for value in row.values()]


def csv_rows(document: Document) -> Iterator[Row]:
    """Section after section: an empty line, its name, its columns, its rows."""
    for name, rows in sections_of(document):
        yield []
        yield [name]
        yield columns(rows)
        yield from sheet_rows(document, name)


def pdf(document: Document) -> bytes:
    """Pages of A4, across; tables go on over pages with their heads."""
    from reportlab.lib import colors  # slow to load, and rarely asked for
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

    styles, file = getSampleStyleSheet(), io.BytesIO()
    title = " ".join(head_of(document))
    small = styles["BodyText"].clone("small", fontSize=6.5, leading=8)
    grid = TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.25, colors.lightgrey),
            ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    story: list[Any] = [Paragraph(escape(title), styles["Title"])]
    for name, rows in sections_of(document):
        story.append(Paragraph(escape(name), styles["Heading2"]))
        story += [Paragraph(escape(text), styles["BodyText"]) for text in remarks(document, name)]
        if not rows:
            story.append(Paragraph("None.", styles["BodyText"]))
            continue
        cells = [columns(rows), *rows_of(rows)]
        table = LongTable([[Paragraph(shown(value), small) for value in row] for row in cells], repeatRows=1)
        table.setStyle(grid)
        story += [table, Spacer(1, 6)]
    page = SimpleDocTemplate(file, pagesize=landscape(A4), title=title, invariant=1)
    page.build(story)
    return file.getvalue()


def shown(value: Any) -> str:
    """A value as a cell of the PDF: its own text, no markup."""
    text = "-" if value is None else str(value)
    return escape(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…")
