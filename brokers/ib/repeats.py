"""What the gateway said last of each thing, so that the repeats of every snapshot are told from news.

A snapshot makes the gateway repeat all that is open, and the executions of the day. So what is worth
knowing is what it said since the last snapshot but one: what two did not repeat is over. Said again after
that, it is news, which the inbox and the books take as before.

The memory has one size, however long a day is: each topic has a choice of two places, which it shares with
others, and the newest of them have these. What lost its place is news when it is repeated: that costs
processor, and the inbox knows executions by their keys.
"""

from __future__ import annotations

import mmap
import threading

#: Places; 16 bytes each.
SIZE = 2**19
#: Hashes of 60 bits are the shortest integers that hardly ever meet.
BITS = 2**59 - 1
#: Behind the words, in which turn they were heard: a turn is as good as one 256 snapshots ago.
TURNS = 256
WORDS = BITS // TURNS


class Repeats:
    """Words by topic, as hashes, in `size` places (a power of two, at least two)."""

    def __init__(self, size: int = SIZE) -> None:
        self._topics, self._said = _places(size), _places(size)
        self._turn = 0
        self._lock = threading.Lock()  # lost words, found while another thread looks, must not be remembered

    def __contains__(self, topic: str) -> bool:
        """Whether something is remembered about it."""
        key = _key(topic)
        return self._words_at(self._place(key), key) is not None

    def is_repeat(self, topic: str, words: int) -> bool:
        """Whether just this was said last about it; it is remembered."""
        key, words = _key(topic), words & WORDS
        with self._lock:
            at = self._place(key)
            is_repeat = self._words_at(at, key) == words
            self._topics[at], self._said[at] = key, words * TURNS + self._turn
        return is_repeat

    def forget(self, key: int, words: int) -> None:
        """Words (topic and words as `Loss` has them) were lost on their way to storage: said again, they are
        news. On any thread.
        """
        with self._lock:
            at = self._place(key)
            if self._words_at(at, key) == words:
                self._topics[at] = 0

    def looked(self) -> None:
        """The gateway has repeated all that it does: what only the snapshot before heard is over."""
        with self._lock:
            self._turn = (self._turn + 1) % TURNS

    def _place(self, key: int) -> int:
        """Where this topic is, else a place of which nothing recent is lost, else either of its two."""
        either = key % len(self._topics)
        other = either ^ 1
        if self._topics[either] == key:
            return either
        if self._topics[other] == key or (self._is_recent(either) and not self._is_recent(other)):
            return other
        return either

    def _words_at(self, at: int, key: int) -> int | None:
        """What was said last about this topic, where it has this place."""
        return self._said[at] // TURNS if self._topics[at] == key and self._is_recent(at) else None

    def _is_recent(self, at: int) -> bool:
        """Whether what is there was heard in this turn or the one before."""
        return (self._turn - self._said[at]) % TURNS <= 1 and self._topics[at] != 0


class Loss:
    """To be called when these words were lost; small, for as many wait as messages do."""

    __slots__ = ("_key", "_repeats", "_words")

    def __init__(self, repeats: Repeats, topic: str, words: int) -> None:
        self._repeats, self._key, self._words = repeats, _key(topic), words & WORDS

    def __call__(self) -> None:
        self._repeats.forget(self._key, self._words)


def _key(topic: str) -> int:
    return hash(topic) & BITS


def _places(size: int) -> memoryview:
    """Room for this many integers of 64 bits, all 0; pages that nothing was written to take no memory."""
    own = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return memoryview(mmap.mmap(-1, 8 * size, flags=own)).cast("Q")
