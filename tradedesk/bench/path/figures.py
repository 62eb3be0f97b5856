"""docs/path.json: what `bench path` found, before and after a change, for docs/architecture.md."""

from __future__ import annotations

import json
from typing import Any

from tradedesk.bench.figures import Document
from tradedesk.bench.path.rooms import BASE

FILE = BASE / "docs" / "path.json"
COLUMNS = ("before", "after")


def read_figures() -> dict[str, Document]:
    """The columns that have been measured."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def write_figures(column: str, document: Document) -> None:
    """Keep the last run of this document as a column, without the names of functions."""
    run: dict[str, Any] = document["runs"][-1]
    legs = {
        name: {key: value for key, value in leg.items() if key != "names"}
        for name, leg in run["legs"].items()
    }
    measured = {"at": document["at"][:10], "orders": run["orders"], "legs": legs}
    figures = {**read_figures(), column: measured}
    ordered = {name: figures[name] for name in COLUMNS if name in figures}
    FILE.write_text(json.dumps(ordered, indent=2) + "\n")
