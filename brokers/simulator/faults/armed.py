"""The faults that are armed, and the one place that decides whether one strikes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import msgspec

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import Site
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Contract

#: How many strikes are remembered for whoever asks.
MAX_STRIKES = 1_000


class Subject(NamedTuple):
    """What a fault may strike, as far as faults can choose by it."""

    client_id: int | None
    order_ref: str
    symbols: tuple[str, ...]
    order_type: str
    side: str
    message: str


class Strike(msgspec.Struct):
    """One strike: when, what, at whom."""

    at: datetime
    kind: str
    client_id: int | None
    order_ref: str
    message: str


class Armed:
    """A fault at work. The same seed draws the same answers for the same subjects."""

    def __init__(self, fault: Fault, since: datetime, seed: str) -> None:
        self.fault = fault
        self.struck = 0
        self._seen = 0
        self._random = Random(seed if fault.seed is None else fault.seed)  # noqa: S311 - repeatable
        self._since = since + timedelta(seconds=fault.after)
        # What strikes by the clock has effects that last; whatever waits for something is armed so long.
        is_limited = fault.seconds and fault.what.site is not Site.NOW
        self._until = self._since + timedelta(seconds=fault.seconds) if is_limited else None

    def is_over(self, now: datetime) -> bool:
        """Whether it will never strike again."""
        return self.left == 0 or (self._until is not None and now >= self._until)

    @property
    def left(self) -> int | None:
        """How often it may still strike; None without end."""
        return None if self.fault.count == "always" else self.fault.count - self.struck

    def strikes(self, subject: Subject, now: datetime) -> bool:
        """Whether it strikes this; counts what it saw and struck."""
        if now < self._since or self.is_over(now) or not _fits(self.fault, subject):
            return False
        self._seen += 1
        return self._seen >= self.fault.nth and self.draw()

    def draw(self) -> bool:
        """Throw the dice for one strike."""
        if self.fault.probability < 1 and self._random.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True

    def row(self) -> dict[str, Any]:
        """The fault as it was asked for, how often it struck and how often it still may."""
        return {**self.fault.given(), "struck": self.struck, "left": self.left}


class Faults:
    """Everything that is armed, in the order in which it was."""

    def __init__(self, universe: Universe, clock: Callable[[], datetime], seed: int = 0) -> None:
        self._universe = universe
        self._clock = clock
        self.seed = seed
        self._number = 0
        self._armed: dict[str, list[Armed]] = {}
        self.strikes: deque[Strike] = deque(maxlen=MAX_STRIKES)
        #: Milliseconds by which every answer is late.
        self.delay_ms = 0

    def add(self, *faults: Fault) -> list[Armed]:
        """Arm faults instead of earlier ones with the same choice; a count of 0 only disarms."""
        for fault in faults:
            self._disarm(fault)
        return [self._arm(fault) for fault in faults if fault.count]

    def _disarm(self, fault: Fault) -> None:
        same = fault.identity()
        is_every = fault.count == 0 and not fault.chooses
        armed = self._armed.get(fault.kind, [])
        self._keep(fault.kind, [one for one in armed if not is_every and one.fault.identity() != same])

    def _keep(self, kind: str, armed: list[Armed]) -> None:
        # Every request asks what is armed: of kinds without a fault there is nothing to look through.
        if armed:
            self._armed[kind] = armed
        else:
            self._armed.pop(kind, None)

    def _arm(self, fault: Fault) -> Armed:
        self._number += 1
        armed = Armed(fault, self._clock(), f"{self.seed}/{fault.kind}/{self._number}")
        self._armed.setdefault(fault.kind, []).append(armed)
        return armed

    def is_armed(self, kinds: Iterable[str]) -> bool:
        """Whether a fault of one of these kinds may strike."""
        return bool(self._armed) and any(kind in self._armed for kind in kinds)

    def strike(
        self,
        kind: str,
        what: OrderRecord | PlaceOrder | None = None,
        *,
        client_id: int | None = None,
        message: str = "",
    ) -> Fault | None:
        """Return the fault of this kind that strikes, of several the one armed first; None if none does."""
        candidates = self._armed.get(kind)
        if not candidates:
            return None
        now = self._clock()
        subject = self._subject(what, client_id, message)
        struck = next((armed for armed in candidates if armed.strikes(subject, now)), None)
        self._keep(kind, [armed for armed in candidates if not armed.is_over(now)])
        if struck is None:
            return None
        self._note(kind, subject)
        return struck.fault

    def strike_by_clock(self, armed: Armed) -> bool:
        """Whether a fault that waits for its moment strikes now; it may have been disarmed meanwhile."""
        kind = armed.fault.kind
        if armed not in self._armed.get(kind, []) or not armed.draw():
            return False
        if armed.left == 0:
            self._keep(kind, [one for one in self._armed[kind] if one is not armed])
        self._note(kind, Subject(armed.fault.client_id, "", (), "", "", ""))
        return True

    def is_waiting(self, armed: Armed) -> bool:
        """Whether it is armed still."""
        return armed in self._armed.get(armed.fault.kind, [])

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()
        self.delay_ms = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return what is still armed."""
        now = self._clock()
        return [armed.row() for group in self._armed.values() for armed in group if not armed.is_over(now)]

    def _note(self, kind: str, subject: Subject) -> None:
        self.strikes.append(
            Strike(self._clock(), kind, subject.client_id, subject.order_ref, subject.message)
        )

    def _subject(self, what: OrderRecord | PlaceOrder | None, client_id: int | None, message: str) -> Subject:
        if what is None:
            return Subject(client_id, "", (), "", "", message)
        order = what.order
        if isinstance(what, OrderRecord):
            instrument = self._universe[what.con_id]
            symbols: tuple[str, ...] = (instrument.symbol, instrument.local_symbol)
            client_id = what.client_id if client_id is None else client_id
        else:
            symbols = self._symbols(what.contract)
        return Subject(client_id, order.order_ref, symbols, order.order_type, order.action, message)

    def _symbols(self, contract: Contract) -> tuple[str, ...]:
        known = self._universe.instruments.get(contract.con_id or 0)
        return (known.symbol, known.local_symbol) if known else (contract.symbol, contract.local_symbol)


def _fits(fault: Fault, subject: Subject) -> bool:
    wanted = fault.order_ref
    fits_ref = (
        subject.order_ref.startswith(wanted[:-1])
        if wanted.endswith("*")
        else wanted in ("", subject.order_ref)
    )
    return (
        fits_ref
        and fault.client_id in (None, subject.client_id)
        and (not fault.symbol or fault.symbol in subject.symbols)
        and fault.order_type in ("", subject.order_type)
        and fault.side in ("", subject.side)
        and fault.target in ("", subject.message)
    )
