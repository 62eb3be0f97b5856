"""Our quicker reading of the gateway's messages says just what the library's says, of every recorded one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ib_async.decoder import Decoder

from brokers.ib.client import StrictDecoder

GOLDEN = Path(__file__).parents[2] / "data/golden/tws_messages.jsonl"
OBJECTS = ("openOrder", "completedOrder", "contractDetails", "positionData", "portfolioValue")


class Told:
    """A wrapper that remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, arguments))


def told(decoder: type[Decoder], row: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    wrapper = Told()
    decoder(wrapper, row["server_version"]).interpret(list(row["fields"]))  # type: ignore[arg-type, no-untyped-call]
    return wrapper.calls


def recorded() -> list[dict[str, Any]]:
    rows = (json.loads(line) for line in GOLDEN.read_text().splitlines())
    return [row for row in rows if row["message"] in OBJECTS and row.get("decodes_in_ib_async")]


@pytest.mark.parametrize("row", recorded(), ids=lambda row: row["id"])
def test_a_recorded_message_is_read_as_the_library_reads_it(row: dict[str, Any]) -> None:
    ours, theirs = told(StrictDecoder, row), told(Decoder, row)
    assert theirs
    assert repr(ours) == repr(theirs)
