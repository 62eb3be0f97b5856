"""What the gateway said last of each thing, so that the repeats of every snapshot are told from news.

A snapshot makes the gateway repeat all that is open, and the executions of the day. So what is worth
keeping is what it said since the last snapshot but one: what two did not repeat is over, and the memory of
it would grow by every order of a day. Said again after that, it is news, which the inbox and the books take
as before. Executions are repeated all day: beyond a limit none is remembered, and the inbox knows them by
their keys.
"""

from __future__ import annotations

import threading

#: Topics; some 15 MB. A day with more executions costs processor, not memory.
LIMIT = 100_000


class Repeats:
    """Words by topic, as hashes: the words themselves would be some 2 kB for each order."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._lock = threading.Lock()  # lost words, found in the old half, must not be remembered anew

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def __contains__(self, topic: str) -> bool:
        """Whether something is remembered about it."""
        key = hash(topic)
        return key in self._now or key in self._before

    def is_repeat(self, topic: str, words: int) -> bool:
        """Whether just this was said last about it; it is remembered."""
        key = hash(topic)
        with self._lock:
            known = self._now.get(key, self._before.get(key))
            if len(self._now) < self._limit or key in self._now:
                self._now[key] = words
            elif known not in (None, words):
                self._before.pop(key, None)  # what was said before it must not be taken for the last word
        return known == words

    def forget(self, topic: str, words: int) -> None:
        """These words were lost on their way to storage: said again, they are news. On any thread."""
        key = hash(topic)
        with self._lock:
            for said in (self._now, self._before):
                if said.get(key) == words:
                    del said[key]

    def looked(self) -> None:
        """The gateway has repeated all that it does: what only the snapshot before heard is over."""
        with self._lock:
            self._before, self._now = self._now, {}
