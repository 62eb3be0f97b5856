"""Anchors: heads of the chain, one file a day, in a folder that should leave the machine.

Whoever owns the database can rewrite or cut the whole chain; not what was copied elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path

from brokers.postgres import clock
from orders.controls.audit import seal
from orders.controls.audit.verify import Anchor


class AnchorUnreadable(ValueError):
    """The file is no anchor; the text names it."""


def keep_of_today(folder: Path) -> Path | None:
    """Write today's anchor unless it is there; None while nothing is sealed. Raises OSError."""
    last = seal.anchor()
    if last is None:
        return None
    file = folder / f"{clock.now():%Y-%m-%d}.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        written = file.with_suffix(".new")
        written.write_text(json.dumps(last) + "\n")
        written.replace(file)
    return file


def read_anchors(path: Path) -> list[Anchor]:
    """The anchor in a file, or those in a folder, oldest first. Raises AnchorUnreadable."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [_read(file) for file in files]


def _read(file: Path) -> Anchor:
    try:
        found = json.loads(file.read_text())
        return Anchor(seq=int(found["seq"]), head=str(found["head"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnchorUnreadable(f"{file} is no anchor: {error!r}.") from None
