"""Exits follow their entry: together never above what it has executed and may still execute."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orders.risk.exits import Exit, resized, total_qty


def exits(*legs: int) -> list[Exit]:
    """A take profit and a stop of each of these quantities."""
    return [
        Exit(key=f"{kind}{leg}", leg=leg, order_qty=Decimal(quantity), cum_qty=Decimal(0), is_alive=True)
        for leg, quantity in enumerate(legs)
        for kind in ("profit", "stop")
    ]


def test_a_smaller_entry_makes_both_of_a_leg_smaller() -> None:
    assert resized(exits(100), Decimal(30)) == {"profit0": 30, "stop0": 30}


def test_what_is_too_much_is_taken_from_the_last_leg_first() -> None:
    assert resized(exits(40, 60), Decimal(70)) == {"profit1": 30, "stop1": 30}
    found = resized(exits(40, 60), Decimal(25))
    assert found == {"profit1": 0, "stop1": 0, "profit0": 25, "stop0": 25}


def test_a_larger_entry_makes_the_last_leg_larger() -> None:
    assert resized(exits(40, 60), Decimal(120), grown=Decimal(20)) == {"profit1": 80, "stop1": 80}


def test_exits_that_a_person_made_smaller_are_left_so() -> None:
    assert resized(exits(50), Decimal(100)) == {}


def test_what_a_leg_has_executed_counts_once() -> None:
    profit, stop = exits(100)
    traded = [replace(profit, cum_qty=Decimal(40)), replace(stop, order_qty=Decimal(60))]
    assert total_qty(traded) == 100
    assert resized(traded, Decimal(70)) == {"profit0": 70, "stop0": 30}


class Bracket(RuleBasedStateMachine):
    """A bracket to which anything may happen, in any order; after each step its exits are resized."""

    @initialize(legs=st.lists(st.integers(1, 50), min_size=1, max_size=3))
    def begin(self, legs: list[int]) -> None:
        self.exits = exits(*legs)
        self.entry_qty = self.covered = Decimal(sum(legs))
        self.entry_cum = Decimal(0)
        self.entry_is_alive = True

    @rule(quantity=st.integers(1, 60))
    def the_entry_executes(self, quantity: int) -> None:
        if self.entry_is_alive:
            self.entry_cum = min(self.entry_cum + quantity, self.entry_qty)

    @rule(quantity=st.integers(1, 200))
    def the_entry_is_replaced(self, quantity: int) -> None:
        if self.entry_is_alive:
            self.entry_qty = max(Decimal(quantity), self.entry_cum, Decimal(1))
        self.follow()

    @rule()
    def the_rest_of_the_entry_is_canceled(self) -> None:
        self.entry_is_alive = False
        self.follow()

    @rule(which=st.integers(0, 9), quantity=st.integers(1, 60))
    def an_exit_executes(self, which: int, quantity: int) -> None:
        one = self.exits[which % len(self.exits)]
        room = self.entry_cum - sum(other.cum_qty for other in self.exits)
        done = min(Decimal(quantity), one.leaves_qty, max(room, Decimal(0)))
        for place, other in enumerate(self.exits):  # the broker makes the others of its leg smaller
            if other is one:
                self.exits[place] = replace(other, cum_qty=other.cum_qty + done)
            elif other.leg == one.leg and other.is_alive:
                self.exits[place] = replace(other, order_qty=max(other.order_qty - done, other.cum_qty))

    @rule(which=st.integers(0, 9))
    def an_exit_is_canceled(self, which: int) -> None:
        leg = self.exits[which % len(self.exits)].leg
        self.exits = [replace(one, is_alive=one.is_alive and one.leg != leg) for one in self.exits]

    def follow(self) -> None:
        wanted = resized(self.exits, self.cover, self.cover - self.covered)
        self.covered = self.cover
        self.exits = [replace(one, order_qty=wanted.get(one.key, one.order_qty)) for one in self.exits]

    @property
    def cover(self) -> Decimal:
        return max(self.entry_qty, self.entry_cum) if self.entry_is_alive else self.entry_cum

    @invariant()
    def never_above_executed_and_working_entry(self) -> None:
        if hasattr(self, "exits"):
            assert total_qty(self.exits) <= self.cover
            assert all(one.order_qty >= one.cum_qty for one in self.exits)


TestBracket = Bracket.TestCase
