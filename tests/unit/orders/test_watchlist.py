"""Lines of market data: never more than there are, money first, everybody in turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orders.instruments.watchlist import choose

KEYS = st.lists(st.integers(0, 200), unique=True, min_size=2)


@given(known=KEYS, data=st.data(), turn=st.integers(0, 10**9))
def test_no_more_lines_than_there_are_and_each_once(known: list[int], data: st.DataObject, turn: int) -> None:
    lines = data.draw(st.integers(1, len(known) - 1))
    first = data.draw(st.lists(st.sampled_from(known)))
    chosen = choose(known, first, lines=lines, turn=turn)
    assert len(chosen) == len(set(chosen)) == lines
    assert set(chosen) <= set(known)


@given(known=KEYS, data=st.data())
def test_every_instrument_gets_its_turn(known: list[int], data: st.DataObject) -> None:
    lines = data.draw(st.integers(1, len(known) - 1))
    first = data.draw(st.lists(st.sampled_from(known)))
    turns = range(len(known) + 1)
    assert {key for turn in turns for key in choose(known, first, lines=lines, turn=turn)} == set(known)


def test_what_we_have_money_in_stays() -> None:
    for turn in range(20):
        assert choose(range(100), [7, 98], lines=10, turn=turn)[:2] == [7, 98]
