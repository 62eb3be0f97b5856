"""Order books from the gateway's row changes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brokers.ib.order_books import ASKS, BIDS, DELETE, INSERT, UPDATE, Book, Quote
from brokers.market import Level

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def level(price: int) -> Level:
    return Level(price=Decimal(price), size=Decimal(100))


changes = st.tuples(
    st.sampled_from([INSERT, UPDATE, DELETE]),
    st.sampled_from([ASKS, BIDS]),
    st.integers(0, 12),
    st.integers(1, 9),
)


@given(st.lists(changes, max_size=40))
def test_a_book_is_what_the_changes_make_of_a_list(told: list[tuple[int, int, int, int]]) -> None:
    book, model = Book(), {ASKS: list[int](), BIDS: list[int]()}
    for operation, side, position, price in told:
        book.change(operation, side, position, level(price), NOW)
        rows = model[side]
        if operation == DELETE:
            rows[position : position + 1] = []
        elif position <= len(rows):
            rows[position : position + (operation == UPDATE)] = [price]
    assert [row.price for row in book.rows[ASKS]] == model[ASKS]
    assert [row.price for row in book.rows[BIDS]] == model[BIDS]


def test_a_reset_empties_the_book() -> None:
    book = Book()
    book.change(INSERT, BIDS, 0, level(5), NOW)
    book.clear()
    assert book.rows == ([], [])


def test_a_price_of_minus_one_means_that_there_is_none() -> None:
    quote = Quote()
    quote.tick(1, Decimal(5), NOW)
    quote.tick(1, Decimal(-1), NOW)
    quote.tick(66, Decimal("-0.5"), NOW)  # spreads and oil have been below zero
    assert (quote.bid, quote.at) == (Decimal("-0.5"), NOW)


def test_a_tick_of_another_kind_says_nothing_of_the_quote() -> None:
    quote = Quote()
    quote.tick(49, Decimal(0), NOW)
    assert quote.at is None
