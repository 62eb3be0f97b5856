"""Reading FIX scenarios from Markdown tables (format: tests/data/fix_scenarios/README.md)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from brokers.fix import OrdStatus

FOLDER = Path(os.environ.get("FIX_SCENARIOS", Path(__file__).parents[2] / "data" / "fix_scenarios"))
HEADING = re.compile(r"^#{2,4} ([A-Z]\.\d+\.[a-z]+)\b", re.MULTILINE)
#: Words of `more`, and the published phrases that say the same.
WORDS = {
    "tif": r"tif=(\w+)|\b(GTC|GTD|IOC|FOK|OPG)\b",
    "exec": r"exec=(\w+)|ExecID (\w+)",
    "refs": r"refs[= ](\w+)",
    "px": r"px=([\d.]+)|@ ([\d.]*\d)|executed at ([\d.]*\d)",
    "held": r"held=(Y)|WorkingIndicator=(N)",
    "poss_resend": r"(?:poss_resend|PossResend)=(Y)",
    "corporate_action": r"corporate_action=(Y)|(corporate action|split)",
    "day_order": r"day_order=(\d+)|DayOrderQty (\d+)",
    "day_cum": r"day_cum=(\d+)|DayCumQty (\d+)",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One message of a scenario; None: not carried or not stated."""

    t: str
    dir: str
    msg: str
    name: str = ""
    exec_type: str = ""
    ord_status: OrdStatus | None = None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    last_qty: Decimal = Decimal(0)
    orig: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is a message of ours."""
        return self.dir == "C>B"

    @property
    def day(self) -> int:
        """The day of a scenario over several days, counted from 1: step 2.3 is of the second."""
        return int(self.t.partition(".")[0]) if "." in self.t else 1


@dataclass(frozen=True, kw_only=True)
class Path_:
    """One way through a scenario."""

    name: str
    rows: Sequence[Row]

    @property
    def is_branch(self) -> bool:
        """Whether it ends in an alternative row."""
        return self.rows[-1].t.endswith("r")

    @property
    def gaps(self) -> Sequence[int]:
        """After how many rows a restart is a case of its own.

        What comes before the alternative row of a branch is the main way, whose gaps are cases of that.
        """
        last = len(self.rows) - 1
        return range(last if self.is_branch else 1, last + 1)

    @property
    def some_gap(self) -> Sequence[int]:
        """One of the gaps, another one in each path and the same one in each run."""
        return self.gaps and [self.gaps[crc32(self.name.encode()) % len(self.gaps)]]

    def crossed(self) -> Path_:
        """The same with the crossing messages in their other order of arrival."""
        rows = list(self.rows)
        for number in crossings(rows):
            rows[number], rows[number + 1] = rows[number + 1], rows[number]
        return replace(self, name=f"{self.name}-crossed", rows=rows)


def crossings(rows: Sequence[Row]) -> list[int]:
    """Where two messages of one step and opposite directions follow each other."""
    pairs = enumerate(pairwise(rows))
    return [
        n for n, (a, b) in pairs if a.t == b.t and {a.dir, b.dir} == {"C>B", "B>C"} and a.msg != "STATUSREQ"
    ]


def all_paths(folder: Path = FOLDER) -> list[Path_]:
    """Every way through every scenario of the folder."""
    texts = (path.read_text() for path in sorted(folder.glob("*.md")))
    return [path for text in texts for name, rows in scenarios(text) for path in paths(name, rows)]


def scenarios(text: str) -> Iterator[tuple[str, list[Row]]]:
    """(id, rows) of each scenario of a file."""
    parts = HEADING.split(text)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        yield name, list(read_table(body))


def read_table(text: str) -> Iterator[Row]:
    """The rows of the first table."""
    lines = [line.strip()[1:-1].split("|") for line in text.splitlines() if line.startswith("|")]
    heads = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cell.strip()).lower() for cell in lines[0]]
    for line in lines[2:]:
        yield read_row(dict(zip(heads, (cell.strip() for cell in line), strict=False)))


def read_row(cells: dict[str, str]) -> Row:
    """One row; `note` and `more` are read for the same words."""
    said = f"{cells.get('more', '')} {cells.get('note', '')}"
    name, _, orig = cells.get("id", "").partition("<")
    found = {word: re.search(pattern, said) for word, pattern in WORDS.items()}
    status = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cells.get("ord_status", "")).upper()
    return Row(
        t=cells["t"],
        dir=cells["dir"],
        msg=cells["msg"],
        name=name,
        orig=orig,
        exec_type=cells.get("exec_type", ""),
        ord_status=OrdStatus(status) if status else None,
        order_qty=number(cells.get("order_qty")),
        cum_qty=number(cells.get("cum_qty")),
        leaves_qty=number(cells.get("leaves_qty")),
        last_qty=number(cells.get("last_qty")) or Decimal(0),
        more={word: match[match.lastindex or 0] for word, match in found.items() if match},
    )


def number(text: str | None) -> Decimal | None:
    """A number of a cell."""
    return Decimal(text) if text else None


def paths(name: str, rows: Sequence[Row]) -> Iterator[Path_]:
    """The main way, and one more for each alternative row: what comes before it, then it."""
    yield Path_(name=name, rows=[row for row in rows if not row.t.endswith("r")])
    for number_, row in enumerate(rows):
        if row.t.endswith("r"):
            step = row.t.removesuffix("r")
            before = [r for r in rows[:number_] if not r.t.endswith("r") and (r.t != step or r.ours)]
            yield Path_(name=f"{name}-{row.t}-{row.exec_type or row.msg}", rows=[*before, row])
