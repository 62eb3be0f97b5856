"""A seed has one plan, and the plan harms no part twice at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.faults.fault import Fault
from tests.stack import chaos
from tradedesk.chaos.kinds import KINDS, PROCESSES
from tradedesk.chaos.plan import Plan, make_plan, plan_faults
from tradedesk.chaos.run import opening_quotes

QUOTES = opening_quotes()
SEEDS = st.integers(0, 2**31)


def plan(seed: int, orders: int = 40, faults: int = 30) -> Plan:
    return make_plan(orders=orders, faults=faults, seed=seed, quotes=QUOTES)


@given(SEEDS)
def test_the_same_seed_has_the_same_plan(seed: int) -> None:
    assert plan(seed) == plan(seed)


def test_another_seed_has_another_plan() -> None:
    assert plan(1).faults != plan(2).faults
    assert plan(1).orders != plan(2).orders


@given(SEEDS)
def test_no_part_is_harmed_twice_at_once(seed: int) -> None:
    by_target = defaultdict(list)
    for fault in plan(seed).faults:
        by_target[KINDS[fault.kind].target].append((fault.at, fault.until))
    for spans in by_target.values():
        assert all(until <= at for (_, until), (at, _) in pairwise(spans))


@given(SEEDS, st.integers(1, 80), st.integers(0, 40))
def test_as_many_as_asked_for_within_the_run(seed: int, orders: int, faults: int) -> None:
    made = plan(seed, orders, faults)
    assert (len(made.orders), len(made.faults)) == (orders, faults)
    assert all(0 <= order.at <= made.duration for order in made.orders)
    assert all(fault.until <= made.duration for fault in made.faults)


def test_each_order_has_a_cl_ord_id_of_its_own() -> None:
    ids = [order.sample.cl_ord_id for order in plan(3, orders=200).orders]
    assert len(set(ids)) == 200


def test_a_long_plan_has_every_kind_of_fault() -> None:
    assert {fault.kind for fault in plan(5, faults=1500).faults} == set(KINDS)


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_is_killed_and_stopped(process: str) -> None:
    assert {f"kill_{process}", f"term_{process}"} <= set(KINDS)


def test_the_gateway_knows_every_drawn_fault_and_field() -> None:
    for planned in plan(5, faults=1500).faults:
        if planned.kind.startswith("gateway_") and planned.kind != "gateway_link_lost":
            kind = planned.kind.removeprefix("gateway_")
            assert msgspec.convert({"kind": kind, **planned.fields}, Fault).kind == kind


def kinds_made(seeds: Iterable[int]) -> set[str]:
    plans = [plan_faults(chaos.FAULTS, Random(seed), chaos.GAP) for seed in seeds]
    return {fault.kind for planned in plans for fault in planned}


def test_tested_seeds_make_most_fault_kinds_and_many_make_all() -> None:
    assert len(kinds_made(chaos.SEEDS)) > 0.5 * len(KINDS)
    assert kinds_made(chaos.MANY_SEEDS) == set(KINDS)
