"""What is remembered of the gateway's words has one size, and never takes news for a repeat."""

from __future__ import annotations

import psutil
from hypothesis import given
from hypothesis import strategies as st

from brokers.ib.repeats import SIZE, Loss, Repeats

ORDERS, EVERY = 100_000, 33_000


def test_memory_is_one_size_over_a_hundred_thousand_orders() -> None:
    repeats, process, sizes, known = Repeats(), psutil.Process(), [], 0
    for number in range(ORDERS):
        for kind in ("orderStatus", "exec", "comm"):
            assert not repeats.is_repeat(f"{kind}:{number}", number)
        if number % EVERY == EVERY - 1:
            repeats.looked()
            sizes.append(process.memory_info().rss)
            # the gateway repeats the executions of its day
            known = sum(repeats.is_repeat(f"exec:{told}", told) for told in range(number + 1))
    assert known > ORDERS * 0.7
    assert max(sizes) - sizes[0] < SIZE  # one byte a place: 16 would be a second memory


def test_of_three_topics_in_two_places_the_newer_are_known() -> None:
    repeats = Repeats(size=2)
    assert not any(repeats.is_repeat(topic, 1) for topic in "abc")
    assert sum(topic in repeats for topic in "abc") == 2
    assert "c" in repeats


def test_what_is_over_makes_room_first() -> None:
    repeats = Repeats(size=2)
    repeats.is_repeat("over", 1)
    repeats.looked()
    repeats.is_repeat("open", 1)
    repeats.looked()
    repeats.is_repeat("new", 1)
    assert repeats.is_repeat("open", 1)


def test_what_two_looks_did_not_repeat_is_news() -> None:
    repeats = Repeats()
    repeats.is_repeat("a", 1)
    repeats.looked()
    assert repeats.is_repeat("a", 1)
    repeats.looked()
    repeats.looked()
    assert "a" not in repeats
    assert not repeats.is_repeat("a", 1)


def test_lost_words_are_news_but_not_newer_ones() -> None:
    repeats = Repeats()
    lost = Loss(repeats, "a", 1)
    repeats.is_repeat("a", 1)
    lost()
    assert not repeats.is_repeat("a", 1)
    repeats.is_repeat("a", 2)
    lost()
    assert repeats.is_repeat("a", 2)


@given(
    said=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 2)) | st.just("look"), max_size=60),
    size=st.sampled_from([2, 8, 64]),
)
def test_only_the_last_words_are_a_repeat(said: list[tuple[str, int] | str], size: int) -> None:
    repeats, last = Repeats(size), dict[str, int]()
    for one in said:
        if isinstance(one, str):
            repeats.looked()
            continue
        topic, words = one
        assert not repeats.is_repeat(topic, words) or last[topic] == words
        last[topic] = words
