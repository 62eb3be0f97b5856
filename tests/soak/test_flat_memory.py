"""No process keeps anything for each order: what lives in them is counted after thousands of whole lives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradedesk.bench.ground import UNPACED, Ground, prepared
from tradedesk.bench.memory import place_paced
from tradedesk.stack.polling import eventually

COUNTING = Path(__file__).parent / "counted"
SETTLED, ORDERS = 3_000, 9_000
#: What is counted, by a word of its command line. The simulated gateway keeps its ledger, Flower its tasks.
PROCESSES = {"wsgi": "web", "asgi": "stream", "brokerworker": "broker", "default": "worker", "beat": "beat"}
CONTAINERS = 0.15  # for each order: caches that fill, none of which is of an order
#: Of the broker worker: two topics of the execution and its commission, a hash of the topic and of the words
#: each, up to a limit. Of others: what Django and Celery fill.
BLOCKS = {"broker": 8.0}
OTHERS_BLOCKS = 1.0

Lives = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("counted")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Ground]:
    counted = {"PYTHONPATH": str(COUNTING), "COUNTED": str(folder)}
    with prepared(tmp_path_factory.mktemp("bench"), pacing=UNPACED, **counted) as ground:
        yield ground


def lives(folder: Path, number: int) -> Lives:
    """What lives in each process now; of a server and its children the one in which most does."""
    (folder / f"ask-{number}").touch()

    def told() -> Lives:
        found: Lives = {}
        for path in folder.glob(f"{number}.*"):
            one = json.loads(path.read_text())
            command = " ".join(one.pop("command"))
            names = [name for word, name in PROCESSES.items() if word in command]
            if names and one["blocks"] > found.get(names[0], {"blocks": 0})["blocks"]:
                found[names[0]] = one
        assert len(found) == len(PROCESSES)
        return found

    return eventually(told, limit=120)


def test_no_process_keeps_an_object_for_each_order(
    ground: Ground, folder: Path, record_property: Callable[[str, Any], None]
) -> None:
    place_paced(ground, SETTLED)
    before = lives(folder, 1)
    place_paced(ground, ORDERS)
    after = lives(folder, 2)
    each = {
        name: {what: (after[name][what] - count) / ORDERS for what, count in one.items()}
        for name, one in before.items()
    }
    record_property("of an order", each)
    assert {name: one for name, one in each.items() if one["containers"] > CONTAINERS} == {}
    assert {name: one for name, one in each.items() if one["blocks"] > BLOCKS.get(name, OTHERS_BLOCKS)} == {}
