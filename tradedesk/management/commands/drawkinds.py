"""`manage.py drawkinds`: write the tables of docs/order-kinds.md from the code that checks and sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from brokers.ib.order_attributes import STRATEGIES
from brokers.ib.translate import ORDER_TYPES
from brokers.order_attributes import AlgoStrategy, ConditionKind
from orders.risk.form.kinds import ALGOS, CONDITIONS, KINDS

START, END = "<!-- drawn by manage.py drawkinds -->", "<!-- end -->"


class Command(BaseCommand):
    """The tables cannot differ from the code: a test compares the file with what this command writes."""

    help = "Write the tables of docs/order-kinds.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace what is between the marks."""
        path = document_path()
        path.write_text(redrawn(path.read_text()))
        self.stdout.write(f"wrote {path}")


def document_path() -> Path:
    """Where the document is."""
    return Path(settings.BASE_DIR) / "docs" / "order-kinds.md"


def redrawn(text: str) -> str:
    """The document with its tables as the code has them."""
    return replaced(text, START, tables())


def replaced(text: str, start: str, drawn: str) -> str:
    """The text with `drawn` from the mark `start` to the next END."""
    before, rest = text.split(start, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{start}\n\n{drawn}\n{END}{after}"


def tables() -> str:
    """Order types, conditions, algorithms."""
    kinds = [
        (
            f"`{ord_type}`",
            f"{ORDER_TYPES[ord_type]}",
            words(kind.needs),
            " or ".join(f"`{name}`" for name in kind.one_of),
            words(kind.may),
            ", ".join(kind.times),
            kind.description,
        )
        for ord_type, kind in KINDS.items()
    ]
    conditions = [(f"`{kind}`", words(CONDITIONS[kind].needs), HINTS[kind]) for kind in ConditionKind]
    algos = [
        (f"`{kind}`", STRATEGIES[kind], words(ALGOS[kind].needs), words(ALGOS[kind].may))
        for kind in AlgoStrategy
    ]
    head = ("`ord_type`", "IB's word", "needs", "one of", "may have", "time in force", "what it is")
    return "\n".join(
        [
            "### Order types\n",
            table(head, kinds),
            "\n### Conditions\n",
            table(("`kind`", "needs", "true when"), conditions),
            "\n### Algorithms of the broker\n",
            table(("`strategy`", "IB's word", "needs", "may have"), algos),
        ]
    )


HINTS = {
    ConditionKind.PRICE: "the instrument trades at or beyond `value`",
    ConditionKind.TIME: "the time has come (BELOW: has not)",
    ConditionKind.MARGIN: "the account's cushion, in percent, is at or beyond `value`",
    ConditionKind.EXECUTION: "anything of ours executes in that symbol",
    ConditionKind.VOLUME: "the day's volume is at or beyond `value`",
    ConditionKind.PERCENT_CHANGE: "the change since yesterday's close is at or beyond `value` percent",
}


def words(names: Iterable[str]) -> str:
    """Field names as code."""
    return ", ".join(f"`{name}`" for name in names)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
