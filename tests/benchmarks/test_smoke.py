"""Every benchmark runs and its results are right; times are never judged."""

from __future__ import annotations

import pytest

from tradedesk.bench.figures import Document
from tradedesk.bench.run import KINDS, Wanted, run

SAID = "orders_moving", "commands_waiting", "inbox_waiting", "orders_sent_twice"


@pytest.fixture(scope="module")
def throughput(tmp_path_factory: pytest.TempPathFactory) -> Document:
    wanted = Wanted(kind="throughput", orders=40, sessions=2)
    return run(tmp_path_factory.mktemp("bench"), wanted, lambda text: None)


def test_every_order_is_completed_and_nothing_left_behind(throughput: Document) -> None:
    (measured,) = throughput["runs"]
    assert measured["single"]["statuses"] == {"201": 40}
    assert measured["left_behind"] == dict.fromkeys(SAID, 0)
    assert measured["single"]["completed_per_second"] > 0


def test_the_processor_time_of_every_process_is_told(throughput: Document) -> None:
    spent = throughput["runs"][0]["single"]["processor_ms_per_order"]
    assert {"web", "broker", "broker s2", "postgres", "redis", "simgateway", "all"} <= set(spent)


def test_machine_and_versions_are_told(throughput: Document) -> None:
    assert throughput["machine"]["cores"] > 0
    assert {"python", "django", "postgresql"} <= set(throughput["versions"])


def test_every_kind_has_a_default_size() -> None:
    assert all(kind.orders > 0 for kind in KINDS.values())
