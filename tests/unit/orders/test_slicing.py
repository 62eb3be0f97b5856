"""The slicing rule: never more than the parent, and all of it in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orders.risk.slicing import Schedule, next_slice

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def schedule(order_qty: int, lot: int, slices: int) -> Schedule:
    return Schedule(
        order_qty=Decimal(order_qty), lot=Decimal(lot), slices=slices, start=START, end=START + HOUR
    )


def test_slices_are_due_one_after_the_other() -> None:
    plan = schedule(100, 1, 4)
    minutes = [-1, 0, 14, 15, 30, 45, 60, 90]
    due = [plan.due(START + timedelta(minutes=minute)) for minute in minutes]
    assert due == [0, 25, 25, 50, 75, 100, 100, 100]


@given(st.integers(1, 10_000), st.integers(1, 100), st.integers(1, 500), st.integers(0, 7200))
def test_whole_lots_are_due_until_the_end_then_all(lots: int, lot: int, slices: int, seconds: int) -> None:
    plan = schedule(lots * lot, lot, slices)
    due = plan.due(START + timedelta(seconds=seconds))
    assert due % lot == 0
    assert 0 <= due <= plan.order_qty
    assert seconds < 3600 or due == plan.order_qty


class Slicer(RuleBasedStateMachine):
    """A parent and its slices, to which anything may happen at any time."""

    @initialize(lots=st.integers(1, 60), lot=st.integers(1, 10), slices=st.integers(1, 20))
    def begin(self, lots: int, lot: int, slices: int) -> None:
        self.plan = schedule(lots * lot, lot, slices)
        self.now = START
        self.slices: list[list[Decimal]] = []  # [ordered, executed, still open]

    @rule(seconds=st.integers(0, 1000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_slicer_looks(self) -> None:
        executed, open_qty = self.sums()
        quantity = next_slice(self.plan, self.now, executed=executed, open_qty=open_qty)
        if quantity:
            self.slices.append([quantity, Decimal(0), quantity])

    @rule(which=st.integers(0, 100), share=st.fractions(0, 1))
    def a_slice_executes(self, which: int, share: object) -> None:
        if self.slices:
            one = self.slices[which % len(self.slices)]
            quantity = Decimal(int(one[2] * Decimal(str(float(share)))))  # type: ignore[arg-type]
            one[1], one[2] = one[1] + quantity, one[2] - quantity

    @rule(which=st.integers(0, 100))
    def a_slice_ends(self, which: int) -> None:
        if self.slices:
            self.slices[which % len(self.slices)][2] = Decimal(0)

    def sums(self) -> tuple[Decimal, Decimal]:
        return (
            sum((one[1] for one in self.slices), Decimal(0)),
            sum((one[2] for one in self.slices), Decimal(0)),
        )

    @invariant()
    def never_more_than_the_parent(self) -> None:
        if hasattr(self, "plan"):
            assert sum(self.sums()) <= self.plan.order_qty


TestSlicer = Slicer.TestCase
