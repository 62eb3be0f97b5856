"""What this process knows of its owners' use, so that an order within the limits needs no read.

Comes in: a use that was read with its marks, and what this process recorded on top of it. Goes out: the same
use, with the marks that the record statement requires. It may only grant: where it would refuse, the use is
read anew.

It is never less than what is there. What ends, and what leaves the minute, is still in it, for `KEPT_FOR` at
most; whatever adds to the use moves a mark: who records does, and triggers do where the broker says more
than was asked for (an order that is not ours, larger terms, a bust, a position that our executions do not
explain). Rules on what adds without a mark (cancels, repeated executions) are read each time, and so are
orders that must shrink a position.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from brokers.postgres import clock
from orders.risk.exposure import Valuation
from orders.risk.intention import Intention
from orders.risk.use import Use, asks

KEPT_FOR = 1.0  # seconds, as last prices
RESTS_FOR = 1.0  # seconds in which others record too: there it costs a try and then a read
MOST_OWNERS, MOST_CONTRACTS = 256, 64
#: What they ask may become more without a mark that moves.
READ_EACH_TIME = ("max_messages_per_minute", "max_order_to_trade", "max_repeated_executions")
#: Whose use it is: the account and its scopes.
Key = tuple[str, ...]


@dataclass(kw_only=True)
class KnownUse:
    """A use with the marks under which it stands; what it was read for, and when."""

    use: Use
    valuation: Valuation
    marks: dict[str, int]
    contracts: Collection[int]
    read_at: float
    day: date

    def answers(self, contracts: Collection[int]) -> bool:
        """Whether it can be asked about these contracts now."""
        young = time.monotonic() - self.read_at < KEPT_FOR and self.day == clock.machine_now().date()
        return young and set(contracts) <= set(self.contracts)

    def follow(self, intentions: Iterable[Intention], moved: Mapping[str, int]) -> bool:
        """Count what others of this process recorded; False where somebody else did in between."""
        common = self.marks.keys() & moved.keys()
        if any(self.marks[owner] + 1 != moved[owner] for owner in common):
            return False
        for intention in intentions if common else ():
            self.use.add(intention, common & set(intention.owners))
        self.marks.update({owner: moved[owner] for owner in common})
        return True


class UseMemory:
    """The known uses under one edition of the rules. Safe among threads: who takes one has it alone."""

    def __init__(self) -> None:
        self._known: dict[Key, KnownUse] = {}
        self._contracts: dict[Key, frozenset[int]] = {}
        self._rests: dict[Key, float] = {}
        self._lock = threading.Lock()

    def take(self, key: Key, contracts: Collection[int]) -> KnownUse | None:
        """What is known, if it can be asked; whoever takes it keeps it again, or nobody has it."""
        with self._lock:
            known = self._known.pop(key, None)
            return known if known and known.answers(contracts) else None

    def contracts(self, key: Key, asked: Collection[int]) -> frozenset[int]:
        """Which contracts to read: those of the last orders too, which come again."""
        wanted = self._contracts.get(key, frozenset()) | frozenset(asked)
        wanted = wanted if len(wanted) <= MOST_CONTRACTS else frozenset(asked)
        if len(self._contracts) >= MOST_OWNERS:
            self._contracts.clear()
        self._contracts[key] = wanted
        return wanted

    def keep(self, key: Key, known: KnownUse) -> None:
        """Know it until it is too old, or a mark moves."""
        if self._rests.get(key, 0.0) > time.monotonic():
            return
        with self._lock:
            if len(self._known) >= MOST_OWNERS:
                self._known.clear()
            self._known[key] = known

    def tell(self, intentions: Sequence[Intention], moved: Mapping[str, int]) -> None:
        """These were recorded and moved these marks: to here."""
        with self._lock:
            for key, known in list(self._known.items()):
                if not known.follow(intentions, moved):
                    del self._known[key]

    def rest(self, key: Key) -> None:
        """Others record for these owners too: read for a while."""
        if len(self._rests) >= MOST_OWNERS:
            self._rests.clear()
        self._rests[key] = time.monotonic() + RESTS_FOR


def key_of(intentions: Sequence[Intention]) -> Key | None:
    """Whose use all of these ask; None where it has to be read each time."""
    first = intentions[0]
    for one in intentions:
        if one.must_shrink or one.of_parent or one.replaces or one.owners != first.owners:
            return None
    return None if asks(first.limits, *READ_EACH_TIME) else first.owners
