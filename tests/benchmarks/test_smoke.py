"""Every benchmark runs and its results are right; times are never judged."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stack.promql import parse
from tests.unit.test_alert_rules import ALERTS
from tradedesk.bench.audited import audit_cost
from tradedesk.bench.floors.floor import HOPS, floor
from tradedesk.bench.ground import UNPACED, Ground, prepared
from tradedesk.bench.history.storing import Hands, indexes_at_the_end
from tradedesk.bench.latency import latency
from tradedesk.bench.limited import limits_cost
from tradedesk.bench.memory import memory
from tradedesk.bench.run import KINDS
from tradedesk.bench.spike import spike
from tradedesk.bench.streams import streams
from tradedesk.bench.throughput import LEFT_BEHIND, throughput

#: A whole system is started first, on a machine that may be busy.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
NOTHING = dict.fromkeys([*LEFT_BEHIND, "orders_sent_twice"], 0)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One system with two sessions for all of them, without the pacing that would make them wait."""
    with prepared(tmp_path_factory.mktemp("bench"), sessions=2, pacing=UNPACED) as ground:
        yield ground


def test_throughput_completes_every_order_and_leaves_nothing_behind(ground: Ground) -> None:
    measured = throughput(ground, orders=40)
    assert measured["single"]["statuses"] == {"201": 40}
    assert measured["bulk"]["completed_per_second"] > 0
    assert measured["left_behind"] == NOTHING
    assert measured["memory_mb"]["after"]["web"] > 0
    spent = measured["single"]["processor_ms_per_order"]
    assert {"web", "broker", "broker s2", "postgres", "redis", "simgateway", "all"} <= set(spent)


def test_latency_sees_every_order_at_wire_api_and_stream(ground: Ground) -> None:
    for measured in latency(ground, orders=4).values():
        assert measured["statuses"] == {"201": 4}
        fills = ("fill_to_stored_ms", "fill_to_stream_ms", "fill_to_visible_by_api_ms")
        for name in ("post_to_wire_ms", *fills):
            assert measured[name]["count"] == 4
            assert measured[name]["min"] > 0


def test_limits_are_measured_between_two_accounts_in_turn(ground: Ground) -> None:
    measured = limits_cost(ground, orders=4)
    assert (measured["recorded"], measured["rejected"]) == (8, 0)
    assert measured["limits_on_post_to_answer_ms"]["count"] == 4
    limited = (
        "SELECT count(*) FROM orders_accountlimit WHERE max_open_orders IS NOT NULL OR refuse_self_trade"
    )
    assert ground.system.rows(limited) == [(0,)]
    checked = "SELECT count(*) FROM orders_order WHERE strpos(check_report::text, 'self_trade') > 0"
    assert ground.system.rows(checked)[0][0] >= 4


def test_the_audit_is_measured_with_and_without_and_stays_on(ground: Ground) -> None:
    measured = audit_cost(ground, orders=1)
    counts = [measured[f"audit_{name}_post_to_answer_ms"]["count"] for name in ("on", "off")]
    assert counts == [20, 20]
    off = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'audit%%' AND tgenabled = 'D'"
    assert ground.system.rows(off) == [(0,)]


def test_the_floor_is_the_sum_of_three_bare_hops(ground: Ground) -> None:
    measured = floor(ground, count=4)
    assert [measured[hop]["count"] for hop in HOPS] == [4, 4, 4]
    assert measured["sum_of_p50_ms"] == pytest.approx(sum(measured[hop]["p50"] for hop in HOPS))


def test_a_spike_loses_nothing_and_sends_nothing_stale(ground: Ground) -> None:
    measured = spike(ground, orders=60)
    assert (measured["lost"], measured["sent_when_stale"]) == (0, 0)
    assert measured["stale_behind_lower_priority"] == 0
    assert {"market", "resting"} <= set(measured["waited_s_by_priority"])
    assert measured["cancel_to_gateway_ms"]["count"] == 40
    assert measured["left_behind"] == NOTHING


def test_an_index_that_is_not_what_it_was_ends_the_measuring(ground: Ground) -> None:
    with Hands(ground.system.postgres) as hands:
        with pytest.raises(AssertionError, match="one_too_many"), indexes_at_the_end(hands):
            hands.do("CREATE INDEX one_too_many ON orders_order (side)")
        hands.do("DROP INDEX one_too_many")


def test_each_of_fifty_readers_gets_everything_once_in_order(ground: Ground) -> None:
    measured = streams(ground, readers=50, orders=10)
    assert (measured["all_told_in_time"], measured["readers_told_wrong"]) == (True, 0)
    assert measured["readers_cut_off"] == 0
    assert measured["told"] >= 50 * measured["events"] > 50 * 10
    assert measured["memory_mb"]["with_readers"] > 0


def test_memory_is_told_of_each_process_after_each_tenth_and_a_burst(ground: Ground) -> None:
    measured = memory(ground, orders=300, say=lambda text: None, quiet=0)
    assert list(measured["steady_mb"]) == [str(orders) for orders in range(0, 301, 30)]
    raised = ["told_the_day_anew", "burst_waits", "burst_done", "burst_and_quiet"]
    assert list(measured["raised_mb"]) == raised
    for found in (*measured["steady_mb"].values(), *measured["raised_mb"].values()):
        assert set(found) >= {"web", "broker", "worker", "stream", "beat"} and min(found.values()) > 0
    assert measured["left_behind"] == NOTHING


def test_every_kind_has_a_default_size() -> None:
    assert all(kind.orders > 0 for kind in KINDS.values())


def test_every_alert_finds_its_metric_live_and_none_fires(ground: Ground) -> None:
    exposed = httpx.get(f"{ground.system.urls.http}/metrics", trust_env=False, timeout=60).text
    known = {family.name: family for family in text_string_to_metric_families(exposed)}
    for name, rule in ALERTS.items():
        condition = parse(rule["expr"])
        if ":" in condition.name:
            continue  # a recorded rule: what it is made of is looked at below
        assert condition.name in known, name
        labels = {label for sample in known[condition.name].samples for label in sample.labels}
        assert not labels or set(condition.labels) <= labels, name
    assert "tradedesk_hop_seconds" in known
    dead = {"OrdersGivenUp", "SendingSlow", "PacingExhausted"}  # the benchmarks before may well cause these
    assert [name for name in set(ALERTS) - dead if parse(ALERTS[name]["expr"]).fires(exposed)] == []


def test_the_stream_process_reports_its_reader_count(ground: Ground) -> None:
    exposed = httpx.get(f"{ground.system.urls.stream}/metrics", trust_env=False, timeout=60).text
    assert "tradedesk_stream_readers" in exposed
