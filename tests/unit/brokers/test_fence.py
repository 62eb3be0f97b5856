"""The fence at the wire: shut unless the lease was renewed in time, whatever stood still meanwhile."""

from __future__ import annotations

import pytest

from brokers.errors import BrokerUnavailable
from brokers.gate import lease as leases
from brokers.gate.fence import Fence


class Clocks:
    """A machine's clocks: suspension stops neither, and a frozen virtual machine only the first."""

    def __init__(self) -> None:
        self.boot, self.wall = 1000.0, 1_700_000_000.0

    def __call__(self) -> tuple[float, float]:
        return self.boot, self.wall

    def go(self, seconds: float) -> None:
        self.boot += seconds
        self.wall += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def fence(clocks: Clocks) -> Fence:
    """Renewed just now, for ten seconds."""
    fence = Fence(clocks)
    fence.extend(fence.now(), 10)
    return fence


def test_a_fence_is_shut_before_the_lease_was_ever_taken(clocks: Clocks) -> None:
    assert not Fence(clocks).is_open


def test_the_fence_shuts_before_the_lease_runs_out(fence: Fence, clocks: Clocks) -> None:
    clocks.go(7.9)
    assert fence.is_open
    clocks.go(0.2)
    with pytest.raises(BrokerUnavailable, match="nothing was written"):
        fence.require()


def test_a_renewal_counts_from_before_its_statement_left(fence: Fence, clocks: Clocks) -> None:
    began = fence.now()
    clocks.go(8.5)  # the answer took its time
    fence.extend(began, 10)
    assert not fence.is_open


def test_a_wall_clock_that_went_further_shuts_the_fence(fence: Fence, clocks: Clocks) -> None:
    clocks.wall += 60  # a virtual machine that was frozen, its clock set right since
    assert not fence.is_open


def test_a_wall_clock_set_back_does_not_keep_the_fence_open(fence: Fence, clocks: Clocks) -> None:
    clocks.wall -= 3600
    clocks.go(9)
    assert not fence.is_open


def test_a_lost_lease_shuts_the_fence(fence: Fence) -> None:
    fence.shut()
    assert not fence.is_open


def test_two_machines_of_one_host_name_are_told_apart_by_their_boot() -> None:
    owner = leases.this_process()
    host, boot, namespace = owner.partition(":")[0].split("/")
    other = f"{host}/{'0' * 16}/{namespace}:999999:1"
    assert len(boot) == 16
    assert not leases.is_dead(other)
    assert leases.is_dead(f"{host}/{boot}/{namespace}:999999999:1")
    assert len(owner) <= 100
