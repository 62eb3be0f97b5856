"""Reading a basket's file: which column is which, what each cell says, and what a spreadsheet has spoilt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from orders.admin.orders.baskets.basket_sheets import (
    EMPTY,
    MAX_BYTES,
    Cell,
    FileRefused,
    Row,
    Sheet,
    read_sheet,
)
from orders.entry.reading.numbers import SHORTENED, DecimalSign, UnclearNumber, plain_number
from orders.entry.reading.ticket_texts import COLUMNS, LABELS, NUMBERS

MAX_ROWS = 1_000

#: Other names of columns: of other systems' files, of the broker's own baskets.
OTHER_NAMES = {
    "account": "acct account_number account_no account_id account_code",
    "symbol": "ticker stock",
    "side": "action buy_sell b_s",
    "order_qty": "qty shares total_quantity order_quantity",
    "ord_type": "order_type",
    "price": "limit_price lmt_price limit_px",
    "stop_px": "stop_price aux_price trigger_price",
    "time_in_force": "tif",
    "sec_type": "security_type instrument_type",
    "currency": "ccy",
    "maturity": "expiry expiration last_trade_date last_trading_day contract_month",
    "put_or_call": "right put_call",
    "cl_ord_id": "client_order_id",
}
#: Months as spreadsheets shorten them in English, German, French, Spanish and Italian; the longer ones first.
MONTH = (
    "janv|févr|mars|juin|juil|août|sept|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mrz|mär|mai|okt|dez"
    "|avr|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott"
)
#: What a spreadsheet makes of tickers such as MAR1, and of texts such as 3/4.
DATE_FORM = re.compile(
    rf"\d{{1,2}}[-. /]+(?:{MONTH})\.?(?:[-. /]+\d{{2,4}})?|(?:{MONTH})\.?[-. /]+\d{{2,4}}"
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,2}/\d{1,2}",
    re.IGNORECASE,
)
NAMES = ("symbol", "local_symbol", "trading_class")
MADE_A_DATE = "format the column as text and type it again."


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """An order as the file has it: texts by column, and what is wrong with its cells already."""

    line: int
    texts: dict[str, str]
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BasketFile:
    """The rows of a file, and notes on what of it is not read."""

    rows: list[FileRow]
    notes: list[str]


def read_basket(file: Any, sign: DecimalSign | None = None) -> BasketFile:
    """Read an upload; `sign` is the file's decimal sign, as far as somebody said it. Raises FileRefused."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FileRefused("The file is larger than 1 MB.")
    sheet = read_sheet(content)
    filled = [row for row in sheet.rows if any(cell.text for cell in row.cells)]
    columns = columns_of(sheet, filled)
    if len(filled) < 2:
        raise FileRefused("The file has no rows below its heading.")
    if len(filled) > MAX_ROWS + 1:
        raise FileRefused(f"The file has more than {MAX_ROWS:,} rows.")
    return BasketFile(rows=[row_of(row, columns, sign) for row in filled[1:]], notes=sheet.notes)


def columns_of(sheet: Sheet, filled: list[Row]) -> dict[int, str]:
    """The names of the columns by their place, from 0; columns without name and values are left out."""
    heading = filled[0] if filled else None
    titles = {at: cell.text for at, cell in enumerate(heading.cells) if cell.text} if heading else {}
    names = {at: column_name(title) for at, title in titles.items()}
    if not {"symbol", "side"} <= set(names.values()):
        raise FileRefused("The first line must name the columns, symbol and side among them.")
    used = [at for at in names if any(at < len(row.cells) and row.cells[at].text for row in filled[1:])]
    spare = {names[at] for at in used}
    names = {at: name for at, name in names.items() if at in used or name not in spare}
    for at, name in names.items():
        if twice := [titles[other] for other in names if names[other] == name and other != at]:
            raise FileRefused(f"A column is named twice: {titles[at]} and {twice[0]} are both {name}.")
    if hidden := [titles[at] for at in used if at in sheet.hidden_columns]:
        raise FileRefused(f"The column {hidden[0]} is hidden: show it or delete it.")
    if heading and heading.hidden:
        raise FileRefused("The first line is hidden: show it.")
    return {at: name for at, name in names.items() if at in used or name in COLUMNS}


def column_name(title: str) -> str:
    """Our name of the column that a heading means; the heading itself when it is none that we know."""
    return KNOWN_NAMES.get(squeezed(title), title.lower())


def squeezed(title: str) -> str:
    """A heading without spaces, signs and capitals."""
    return re.sub(r"[^a-z0-9%]+", "", title.lower())


def known_names() -> dict[str, str]:
    """Our column by each known heading: ours, those of the ticket, others'."""
    spelled = [(label, name) for name, label in LABELS.items()]
    spelled += [(other, name) for name, others in OTHER_NAMES.items() for other in others.split()]
    spelled += [(name, name) for name in COLUMNS]  # ours come last: they win
    return {squeezed(title): name for title, name in spelled}


KNOWN_NAMES = known_names()


def row_of(row: Row, columns: dict[int, str], sign: DecimalSign | None) -> FileRow:
    """The texts of a row by column, and what is wrong with it."""
    texts: dict[str, str] = {}
    wrong: dict[str, str] = {}
    if row.hidden:
        wrong["order"] = f"Row {row.line} is hidden in the workbook: show it or delete it."
    for at, cell in enumerate([*row.cells, *[EMPTY] * (max(columns) + 1 - len(row.cells))]):
        if at not in columns and cell.text:
            wrong["order"] = f"There is no heading over “{cell.text[:30]}” (more cells than columns)."
        elif at in columns:
            name = columns[at]
            try:
                texts[name] = cell_text(name, cell, sign)
            except (UnclearNumber, SpoiltCell) as error:
                texts[name], wrong[name] = cell.text, str(error)
    return FileRow(line=row.line, texts=texts, wrong=wrong)


class SpoiltCell(ValueError):
    """A spreadsheet has made something else of what was typed."""


def cell_text(name: str, cell: Cell, sign: DecimalSign | None) -> str:
    """The text that the column's field reads. Raises UnclearNumber and SpoiltCell."""
    if cell.day and name == "maturity":
        return f"{cell.day:%Y%m%d}"
    if name == "maturity" and (day := re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", cell.text, re.ASCII)):
        return "".join(part or "" for part in day.groups())
    if cell.problem:
        raise SpoiltCell(
            f"{cell.problem} {f'If something else was typed, {MADE_A_DATE}' if cell.day else ''}"
        )
    if name in NUMBERS and not cell.exact:
        return plain_number(cell.text, sign)
    if name in NAMES and DATE_FORM.fullmatch(cell.text):
        raise SpoiltCell(f"{cell.text} looks like a date that a spreadsheet made: {MADE_A_DATE}")
    if name in NAMES and SHORTENED.fullmatch(cell.text):
        raise SpoiltCell(f"{cell.text} looks like a number that a spreadsheet made: {MADE_A_DATE}")
    return cell.text
