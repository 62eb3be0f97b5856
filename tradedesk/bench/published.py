"""docs/performance.json: what the published runs came to; docs/performance.md shows it first."""

from __future__ import annotations

import json
from typing import Any

from tradedesk.bench.figures import Document
from tradedesk.bench.targets import TARGETS
from tradedesk.env import BASE_DIR

FILE = BASE_DIR / "docs" / "performance.json"
PEERS = "peers"
PEER_FIGURES = ("call_to_wire_ms", "fill_to_known_ms")


def published() -> dict[str, Document]:
    """By kind of benchmark."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def publish(kind: str, document: Document) -> None:
    """Keep of a measurement its figures that have a target, and where and when it was made."""
    _keep(kind, document, {"runs": len(document["runs"]), "targets": document["targets"]})


def publish_peers(document: Document) -> None:
    """Keep the medians of everybody who was measured side by side."""
    found = {
        name: {figure: {part: one[figure][part] for part in ("p50", "p99")} for figure in PEER_FIGURES}
        for name, one in document["found"].items()
    }
    _keep(PEERS, document, {"orders": document["orders"], "found": found})


def _keep(kind: str, document: Document, kept: dict[str, Any]) -> None:
    figures = {**published(), kind: {"at": document["at"][:10], "machine": document["machine"], **kept}}
    ordered = {name: figures[name] for name in (*TARGETS, PEERS) if name in figures}
    FILE.write_text(json.dumps(ordered, indent=2) + "\n")
