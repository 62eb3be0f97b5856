"""What grew stale on its way to the wire is not written: a chain as a whole, single orders each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from brokers.ib.sending import whole_until
from brokers.messages import NewOrder

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


class Told:
    """What is asked of an order here."""

    def __init__(self, order_id: str, seconds: int, wait_for_rest: bool = False) -> None:
        self.order_id, self.wait_for_rest = order_id, wait_for_rest
        self.fresh_until = NOW + timedelta(seconds=seconds)


def test_a_chain_goes_whole_until_its_first_member_grows_stale() -> None:
    chain = cast("list[NewOrder]", [Told("entry", 1, True), Told("exit", 60)])
    assert set(whole_until(chain).values()) == {NOW + timedelta(seconds=1)}


def test_single_orders_are_fresh_each_for_itself() -> None:
    singles = cast("list[NewOrder]", [Told("a", 1), Told("b", 60)])
    assert whole_until(singles)["b"] == NOW + timedelta(seconds=60)
