"""The slicing rule: never more than the parent, never after its end, and never two slices at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orders.risk.slicing import LEAST_INTERVAL, Schedule, next_slice

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def schedule(order_qty: int, lot: int, slices: int, least: int = 0) -> Schedule:
    return Schedule(
        order_qty=Decimal(order_qty),
        lot=Decimal(lot),
        least=Decimal(max(least, lot)),
        slices=slices,
        start=START,
        end=START + HOUR,
    )


def worked(plan: Schedule, looks: list[int]) -> list[tuple[int, Decimal]]:
    """(minute, quantity) of each slice when the slicer looks at these minutes and every slice executes."""
    slices: list[tuple[int, Decimal]] = []
    for minute in looks:
        quantity = next_slice(
            plan,
            START + timedelta(minutes=minute),
            sent=len(slices),
            last_at=START + timedelta(minutes=slices[-1][0]) if slices else None,
            executed=sum((one for _, one in slices), Decimal(0)),
            open_qty=Decimal(0),
        )
        if quantity:
            slices.append((minute, quantity))
    return slices


def test_slices_are_due_one_after_the_other() -> None:
    assert worked(schedule(100, 1, 4), [*range(-5, 120)]) == [(0, 25), (15, 25), (30, 25), (45, 25)]


def test_after_a_pause_one_slice_is_late_and_the_rest_spread_again() -> None:
    looks = [0, *range(40, 60)]
    assert worked(schedule(100, 1, 4), looks) == [(0, 25), (40, 25), (47, 25), (54, 25)]


def test_nothing_is_due_after_the_end_however_much_is_left() -> None:
    assert worked(schedule(100, 1, 4), [60, 61, 5 * 24 * 60]) == []
    assert worked(schedule(100, 1, 4), [0, 60, 90]) == [(0, 25)]


def test_what_the_last_slice_did_not_get_is_due_once_more() -> None:
    plan = schedule(100, 1, 4)
    last_at = START + timedelta(minutes=45)
    facts = {"sent": 4, "last_at": last_at, "executed": Decimal(80), "open_qty": Decimal(0)}
    assert next_slice(plan, last_at + timedelta(minutes=7), **facts) == 0
    assert next_slice(plan, last_at + timedelta(minutes=8), **facts) == 20


def test_a_late_slice_is_told_from_one_of_its_time() -> None:
    plan = schedule(100, 1, 4)
    late = [plan.is_late(START + timedelta(minutes=minute), 1, START) for minute in (15, 29, 30, 31, 59)]
    assert late == [False, False, True, True, True]


def test_a_rest_that_is_no_order_goes_with_the_slice_before_it() -> None:
    plan = schedule(11, 1, 3, least=4)
    assert [quantity for _, quantity in worked(plan, [*range(60)])] == [4, 7]


@given(st.integers(1, 10_000), st.integers(1, 100), st.integers(1, 60))
def test_whole_lots_are_sent_and_all_of_them_in_time(lots: int, lot: int, slices: int) -> None:
    found = worked(schedule(lots * lot, lot, slices), [*range(60)])
    assert sum(quantity for _, quantity in found) == lots * lot
    assert len(found) <= slices
    assert all(quantity % lot == 0 for _, quantity in found)


class Slicer(RuleBasedStateMachine):
    """A parent and its slices, to which anything may happen at any time; nobody may look for any time."""

    @initialize(lots=st.integers(1, 60), lot=st.integers(1, 10), slices=st.integers(1, 20))
    def begin(self, lots: int, lot: int, slices: int) -> None:
        self.plan = schedule(lots * lot, lot, slices)
        self.now = START
        self.slices: list[list[Decimal]] = []  # [ordered, executed, still open]
        self.sent_at: list[datetime] = []

    @rule(seconds=st.integers(0, 1000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def nobody_looks_for_days(self) -> None:
        self.now += timedelta(days=5)

    @rule()
    def the_slicer_looks(self) -> None:
        executed, open_qty = self.sums()
        quantity = next_slice(
            self.plan,
            self.now,
            sent=len(self.slices),
            last_at=self.sent_at[-1] if self.sent_at else None,
            executed=executed,
            open_qty=open_qty,
        )
        if quantity:
            left = max(self.plan.slices - len(self.slices), 1)
            assert quantity <= (self.plan.order_qty - executed - open_qty) / left + self.plan.lot
            self.slices.append([quantity, Decimal(0), quantity])
            self.sent_at.append(self.now)

    @rule(which=st.integers(0, 100), share=st.floats(0, 1))
    def a_slice_executes(self, which: int, share: float) -> None:
        if self.slices:
            one = self.slices[which % len(self.slices)]
            quantity = Decimal(int(one[2] * Decimal(str(share))))
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

    @invariant()
    def never_after_the_end_nor_two_at_once(self) -> None:
        sent_at: list[datetime] = getattr(self, "sent_at", [])
        assert all(after - before >= LEAST_INTERVAL for before, after in pairwise(sent_at))
        assert all(START <= at < START + HOUR for at in sent_at)


TestSlicer = Slicer.TestCase
