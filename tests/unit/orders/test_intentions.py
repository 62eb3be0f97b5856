"""No intention passes in pieces that fails whole: as orders, slices, replaces or the members of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.risk.catalogue import LimitSet
from orders.risk.intention import Content, Intention, Part
from orders.risk.intention_checks import intention_checks
from orders.risk.order_rules import order_checks
from orders.risk.report import first_failed
from orders.risk.use import Day, Use
from tests.unit.orders.test_risk import facts
from tests.unit.orders.test_use_limits import AAPL, MSFT, VALUATION

PRICES = {AAPL: 100, MSFT: 30}
#: A contract alone, and combinations of two.
SHAPES: list[dict[int, int]] = [{AAPL: 1}, {AAPL: -1}, {MSFT: 1}, {AAPL: 1, MSFT: -2}, {AAPL: 1, MSFT: 1}]

pieces = st.lists(st.integers(1, 40).map(Decimal), min_size=1, max_size=6)
shapes = st.sampled_from(SHAPES)
money = st.none() | st.integers(0, 12_000).map(Decimal)
quantity = st.none() | st.integers(0, 160).map(Decimal)
limits = st.builds(
    LimitSet,
    scope=st.sampled_from(["account:A", "firm", "strategy:s"]),
    max_order_qty=quantity,
    max_notional=money,
    max_position_qty=quantity,
    max_gross_notional=money,
    max_net_notional=money,
    max_daily_notional=money,
    max_open_orders=st.none() | st.integers(0, 6),
    short_sales=st.sampled_from([None, "none", "allowed"]),
    currency=st.just("USD"),
)


def part(contracts: dict[int, int], qty: Decimal, **changes: object) -> Part:
    worth = sum(abs(ratio) * PRICES[con_id] for con_id, ratio in contracts.items())
    content = Content("A", str(contracts), True, qty, "LIMIT", Decimal(worth), None)
    ratios = {con_id: Decimal(ratio) for con_id, ratio in contracts.items()}
    given = {
        "content": content,
        "contracts": ratios,
        "quantity": qty,
        "value": worth * qty,
        "currency": "USD",
    }
    return Part(**(given | {"currency": "USD"} | changes))  # type: ignore[arg-type]


class Book:
    """What was granted so far, asked as the doors ask."""

    def __init__(self, rules: LimitSet) -> None:
        self.rules, self.use = rules, Use(days={rules.scope.removeprefix("account:"): Day()})

    def grants(self, orders: Sequence[Part], **more: bool) -> bool:
        intention = Intention(orders=orders, limits=(self.rules,), **more)  # type: ignore[arg-type]
        report = [check for one in orders for check in self._alone(one)]
        report += intention_checks(intention, self.use, VALUATION)
        if first_failed(report):
            return False
        self.use.add(intention)
        return True

    def _alone(self, one: Part) -> Sequence[object]:
        """Quantity and value of the order as it will be; a slice has had them asked of its parent."""
        own = replace(self.rules, max_notional=None) if len(one.contracts) > 1 else self.rules
        return order_checks(facts(order_qty=one.content.order_qty, price=one.content.price), own)


def as_orders(book: Book, shape: dict[int, int], parts: Sequence[Decimal]) -> bool:
    return all(book.grants([part(shape, qty)]) for qty in parts)


def as_replaces(book: Book, shape: dict[int, int], parts: Sequence[Decimal]) -> bool:
    """An order of the first piece, made larger by each of the others."""
    asked = part(shape, parts[0])
    passed = [book.grants([asked])]
    for qty in parts[1:]:
        wanted = part(shape, asked.content.order_qty + qty)
        passed.append(book.grants([wanted.beyond([asked])], replaces=True))
        asked = wanted
    return all(passed)


def as_alternatives(book: Book, shape: dict[int, int], parts: Sequence[Decimal]) -> bool:
    """Groups of which one execution ends the others, one piece large each."""
    return all(book.grants([part(shape, qty)] * 2, alternatives=True) for qty in parts)


@pytest.mark.parametrize("way", [as_orders, as_replaces, as_alternatives])
@given(shapes, pieces, limits)
def test_no_intention_passes_in_pieces_that_would_fail_whole(
    way: Callable[[Book, dict[int, int], Sequence[Decimal]], bool],
    shape: dict[int, int],
    parts: Sequence[Decimal],
    rules: LimitSet,
) -> None:
    # Of single orders each is an intention by itself: only what their scope does as a whole adds up.
    whole_order = rules if way is as_replaces else replace(rules, max_order_qty=None, max_notional=None)
    whole = Book(whole_order).grants([part(shape, Decimal(sum(parts)))])
    assert whole or not way(Book(rules), shape, parts)


@given(shapes, pieces, limits)
def test_slices_of_a_parent_that_was_granted_add_nothing_to_it(
    shape: dict[int, int], parts: Sequence[Decimal], rules: LimitSet
) -> None:
    book = Book(replace(rules, max_open_orders=None, short_sales=None))
    granted = book.grants([part(shape, Decimal(sum(parts)))])
    held = dict(book.use.longs), dict(book.use.shorts)
    for qty in parts:
        piece = part(shape, qty, of_parent=True)
        if granted:
            book.use.take_out(Intention(orders=[piece], limits=(book.rules,)))
            assert book.grants([piece])
    assert (book.use.longs, book.use.shorts) == held


@given(shapes, pieces, limits)
def test_a_group_is_never_worth_less_than_one_of_its_orders(
    shape: dict[int, int], parts: Sequence[Decimal], rules: LimitSet
) -> None:
    alone = [Book(rules).grants([part(shape, qty)]) for qty in parts]
    assert all(alone) or not Book(rules).grants([part(shape, qty) for qty in parts], alternatives=True)


def test_a_replace_to_a_higher_price_counts_by_what_it_is_worth_more() -> None:
    before = part({AAPL: 1}, Decimal(10))
    dearer = replace(before, value=Decimal(1_500))
    added = dearer.beyond([before])
    assert (added.quantity, added.value) == (0, 500)
    assert replace(before, value=Decimal(10)).beyond([before]).value == 0
    assert replace(before, value=None).beyond([before]).value is None
    assert part({AAPL: 1}, Decimal(30)).beyond([before, part({AAPL: 1}, Decimal(25))]).quantity == 5
