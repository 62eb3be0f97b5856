"""What the gateway said last of each thing, so that the repeats of every snapshot are told from news.

A snapshot makes the gateway repeat all that is open, and the executions of the day. So what is worth
keeping is what it said since the last snapshot but one: what two did not repeat is over, and the memory of
it would grow by every order of a day. Said again after that, it is news, which the inbox and the books take
as before. Executions are repeated all day: beyond a limit none is remembered, and the inbox knows them by
their keys.
"""

from __future__ import annotations

import threading

#: Topics; some 10 MB. A day with more executions costs processor, not memory.
LIMIT = 100_000
#: Hashes of 60 bits are the shortest integers that hardly ever meet.
BITS = 2**59 - 1


class Repeats:
    """Words by topic, as hashes: the words themselves would be some 2 kB for each order."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        #: The words of each topic, and behind them in which of two turns they were heard last.
        self._said: dict[int, int] = {}
        self._turn = 0
        self._heard_now = 0
        self._lock = threading.Lock()  # lost words, found while another thread looks, must not be remembered

    def __len__(self) -> int:
        return len(self._said)

    def __contains__(self, topic: str) -> bool:
        """Whether something is remembered about it."""
        return hash(topic) & BITS in self._said

    def is_repeat(self, topic: str, words: int) -> bool:
        """Whether just this was said last about it; it is remembered."""
        key, said = hash(topic) & BITS, (words & BITS) << 1
        with self._lock:
            known = self._said.get(key)
            is_of_now = known is not None and known & 1 == self._turn
            is_repeat = known is not None and known & ~1 == said
            if is_of_now or self._heard_now < self._limit:
                self._said[key] = said | self._turn
                self._heard_now += not is_of_now
            elif known is not None and not is_repeat:
                del self._said[key]  # what was said before it must not be taken for the last word
        return is_repeat

    def forget(self, key: int, words: int) -> None:
        """Words (topic and words as `Loss` has them) were lost on their way to storage: said again, they are
        news. On any thread.
        """
        with self._lock:
            known = self._said.get(key)
            if known is not None and known >> 1 == words:
                self._heard_now -= known & 1 == self._turn
                del self._said[key]

    def looked(self) -> None:
        """The gateway has repeated all that it does: what only the snapshot before heard is over."""
        with self._lock:
            self._said = {key: said for key, said in self._said.items() if said & 1 == self._turn}
            self._turn, self._heard_now = 1 - self._turn, 0


class Loss:
    """To be called when these words were lost; small, for as many wait as messages do."""

    __slots__ = ("_key", "_repeats", "_words")

    def __init__(self, repeats: Repeats, topic: str, words: int) -> None:
        self._repeats, self._key, self._words = repeats, hash(topic) & BITS, words & BITS

    def __call__(self) -> None:
        self._repeats.forget(self._key, self._words)
