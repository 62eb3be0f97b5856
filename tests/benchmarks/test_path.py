"""`bench path` runs orders through real processes under the profiler; numbers are never judged closely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tradedesk.bench.ground import prepared
from tradedesk.bench.path.legs import CALLBACKS
from tradedesk.bench.path.measure import LEGS, ProfiledSystem, path
from tradedesk.bench.path.rooms import BASE, product_file

#: A whole system runs under the profiler, on a machine that may be busy: what reads its traces is tested in
#: tests/unit/bench/test_path.py.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def legs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The legs of three orders."""
    with prepared(tmp_path_factory.mktemp("path"), system=ProfiledSystem) as ground:
        yield path(ground, orders=3, functions=True)["legs"]


def test_every_leg_passes_some_product_functions_and_no_others(legs: dict[str, Any]) -> None:
    assert list(legs) == list(LEGS)
    for leg in legs.values():
        files = {name.partition(":")[0] for name in leg["names"]}
        assert {product_file(str(BASE / file)) for file in files} == files
        assert leg["functions"] == len(leg["names"]) == sum(leg["rooms"].values())
        assert leg["files"] == len(files) < leg["functions"] <= leg["calls"] + 10


def test_an_order_passes_neither_nothing_nor_everything(legs: dict[str, Any]) -> None:
    for name, most in {"post": 250, "claim": 150, "callbacks": 250, "stream": 120}.items():
        assert 10 < legs[name]["functions"] < most, name
    for returns in ("returns_to_rooms", "returns_to_files"):
        assert 0 <= legs["post"][returns] < legs["post"]["calls"]


def test_the_leg_of_the_callbacks_has_all_four_of_them(legs: dict[str, Any]) -> None:
    names = {name.rpartition(".")[2] for name in legs["callbacks"]["names"]}
    assert names >= set(CALLBACKS)


def test_the_request_is_followed_from_the_entrance_on(legs: dict[str, Any]) -> None:
    assert next(iter(legs["post"]["rooms"])) == "tradedesk.http"
    assert "brokers.ib" in legs["claim"]["rooms"]
