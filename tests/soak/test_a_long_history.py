"""Half a million orders stored: every list with every filter still answers, and what is stored is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tradedesk.bench.ground import UNPACED, Ground, prepared
from tradedesk.bench.history.growth import growth
from tradedesk.bench.history.storing import Hands, definitions

STORED = 500_000
#: Stored orders of which not everything is there: an event, and an execution of each that was filled.
UNLIKE = """
    SELECT cl_ord_id, count(DISTINCT e.id), count(DISTINCT x.id) FROM orders_order AS o
    LEFT JOIN orders_orderevent AS e ON e.order_id = o.id LEFT JOIN orders_execution AS x ON x.order_id = o.id
    WHERE left(cl_ord_id, 6) = 'grown-' GROUP BY cl_ord_id, state
    HAVING count(DISTINCT e.id) <> 1 OR count(DISTINCT x.id) <> (state = 'COMPLETED')::int
"""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with prepared(tmp_path_factory.mktemp("bench"), sessions=2, pacing=UNPACED) as ground:
        yield ground


@pytest.fixture(scope="module")
def measured(ground: Ground) -> dict[str, Any]:
    """All reads before and after; indexes that were away meanwhile are back."""
    with Hands(ground.system.postgres) as hands:
        before = definitions(hands)
        found = growth(ground, orders=20, levels=(0, STORED), say=lambda text: None, reads=1, most_together=5)
        assert definitions(hands) == before
    return found


def test_half_a_million_orders_are_stored_whole_and_every_list_is_read(
    ground: Ground, measured: dict[str, Any]
) -> None:
    few, many = measured["stored"].values()
    # A comparison may meanwhile find the floor's orders, which are another client's.
    assert many["orders_stored"] - few["orders_stored"] >= STORED + 20
    grown = "SELECT count(*) FROM orders_order WHERE left(cl_ord_id, 6) = 'grown-'"
    assert ground.system.rows(grown) == [(STORED,)]
    assert ground.system.rows(UNLIKE) == []
    assert set(measured["p50_change_percent"]) >= {"post_to_wire_ms", "newest_orders"}
    for who in ("all_accounts", "one_account"):
        orders = many["lists_ms"][who]["orders"]["alone"]
        assert orders["side buy"]["first"]["rows"] == 50
        assert many["lists_ms"][who]["executions"]["together"]["queries"] == 15
    assert many["lists_ms"]["worst"]["lists"] > 200


def test_most_lists_are_as_quick_over_a_long_history(
    measured: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    few, many = (each["lists_ms"]["worst"] for each in measured["stored"].values())
    record_property("lists", many["lists"])
    record_property("slowest_ms", many["p50"]["highest_ms"])
    # A list that reads the whole table takes a hundred times as long as its first page took in the same run.
    assert many["all_reads_ms"]["p50"] < 20 * few["all_reads_ms"]["p50"]
