"""What is remembered of the gateway's words is bounded, and never takes news for a repeat."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brokers.ib.repeats import LIMIT, Repeats

ORDERS, EVERY = 100_000, 33_000


def test_memory_is_bounded_over_a_hundred_thousand_orders() -> None:
    repeats, sizes = Repeats(), []
    for number in range(ORDERS):
        for kind in ("orderStatus", "exec", "comm"):
            assert not repeats.is_repeat(f"{kind}:{number}", number)
        if number % EVERY == EVERY - 1:
            sizes.append(len(repeats))
            repeats.looked()
            for told in range(number + 1):  # the gateway repeats the executions of its day
                repeats.is_repeat(f"exec:{told}", told)
                repeats.is_repeat(f"comm:{told}", told)
    assert max(sizes) <= 2 * LIMIT


def test_what_finds_no_room_is_news_each_time() -> None:
    repeats = Repeats(limit=1)
    assert [repeats.is_repeat(topic, 1) for topic in ("a", "b", "a", "b")] == [False, False, True, False]


@given(
    said=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 2)) | st.just("look"), max_size=60),
    limit=st.integers(0, 5),
)
def test_only_the_last_words_are_a_repeat(said: list[tuple[str, int] | str], limit: int) -> None:
    repeats, last = Repeats(limit), dict[str, int]()
    for one in said:
        if isinstance(one, str):
            repeats.looked()
            continue
        topic, words = one
        assert not repeats.is_repeat(topic, words) or last[topic] == words
        last[topic] = words
        assert len(repeats) <= 2 * limit
