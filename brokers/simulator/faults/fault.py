"""A fault as scenario files and the control port write it: which, when, what."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from brokers.simulator.faults.kinds import (
    ALIASES,
    CALLBACKS,
    KINDS,
    REQUESTS,
    SELECTORS,
    TRIGGER,
    FaultKind,
    Site,
)

LARGEST_OFFSET = 86_400  # seconds


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault. Raises ValueError (msgspec.ValidationError when decoded) if it makes no sense."""

    kind: str

    # Which: all that are given must fit. `order_ref` may end with `*`.
    client_id: int | None = None
    order_ref: str = ""
    symbol: str = ""
    order_type: str = ""
    side: str = ""
    message: str = ""

    # When: strikes at most `count` times ("always": without end; 0: disarms), from the `nth` fit on, each
    # time with this probability; armed `after` seconds, for `seconds` (0: until used up). What strikes by
    # the clock does so `every` seconds, and lasts for `seconds`.
    count: int | Literal["always"] = 1
    nth: int = 1
    probability: float = 1.0
    seed: int | None = None
    after: float = 0.0
    every: float = 0.0
    seconds: float = 0.0

    # What.
    delay_ms: int = 0
    revives_ms: int = 0
    where: Literal["before", "middle", "after"] = "before"
    code: int | None = None
    text: str = ""
    reason: str = "The exchange rejected the order."
    status: Literal["Inactive", "Cancelled"] = "Inactive"
    fraction: float = 1.0
    price_change: Decimal = Decimal(0)
    shares_change: Decimal = Decimal(0)
    ms: int = 0
    bytes: int = 1
    mode: Literal["off", "reject", "delay"] = "reject"
    rate: int = 50
    orders: Literal["held", "dropped"] = "held"
    data: Literal["kept", "lost"] = "kept"
    data_lost: bool = False
    ids_reset: bool = False
    percent: float = 0.0
    accounts: str = ""
    offset: float = 0.0
    number: Literal["hand", "zero", "reused"] = "reused"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")
        self._check_numbers()
        self._check_fields()
        self._check_message()

    @property
    def what(self) -> FaultKind:
        """The fault's entry in the catalogue."""
        return KINDS[self.kind]

    @property
    def delay(self) -> float:
        """Seconds by which the effect is late."""
        return self.delay_ms / 1000

    @property
    def lasting(self) -> timedelta:
        """How long an order is not active that this leaves without one of its own ends."""
        return timedelta(milliseconds=self.revives_ms)

    @property
    def target(self) -> str:
        """The request or callback that is struck, by our name for it; empty for any."""
        return ALIASES.get(self.message, self.message) or self.what.message

    @property
    def chooses(self) -> bool:
        """Whether it strikes some and not all that it could."""
        return any(self._choice())

    def identity(self) -> tuple[Any, ...]:
        """Two faults with the same kind and the same choice are one: the later replaces the earlier."""
        return (self.kind, self.code if self.kind == "order_notice" else None, self.target, *self._choice())

    def _choice(self) -> tuple[Any, ...]:
        return (self.client_id, self.order_ref, self.symbol, self.order_type, self.side, self.message)

    def _check_numbers(self) -> None:
        numbers = ("count", "ms", "seconds", "delay_ms", "revives_ms", "after", "every", "rate")
        negative = [name for name in numbers if self._number(name) < 0]
        if negative:
            raise ValueError(f"{negative[0]} must not be negative")
        if self.nth < 1 or self.bytes < 1:
            raise ValueError("nth and bytes begin at 1")
        if not (0 <= self.probability <= 1 and 0 < self.fraction <= 1):
            raise ValueError("probability goes from 0 to 1, fraction from above 0 to 1")
        if abs(self.offset) > LARGEST_OFFSET:
            raise ValueError("offset goes from -86400 to 86400, a day")
        if self.what.site is Site.NOW and self.count not in (0, 1) and not self.every:
            raise ValueError(f"{self.kind} more than once needs `every`, the seconds between")

    def _number(self, name: str) -> float:
        value = getattr(self, name)
        return 0 if value == "always" else float(value)

    def given(self) -> dict[str, Any]:
        """Return the fields that are not what they are by default."""
        defaults = dict(zip(self.__struct_fields__[1:], self.__struct_defaults__, strict=True))
        fields = {name: getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]}
        return {"kind": self.kind, **fields}

    def _check_fields(self) -> None:
        allowed = TRIGGER | SELECTORS[self.what.site] | self.what.fields
        for name in self.given():
            if name not in allowed:
                takes = ", ".join(sorted(allowed))
                raise ValueError(f"{name} means nothing to {self.kind}; it takes: {takes}")

    def _check_message(self) -> None:
        known = REQUESTS if self.what.site is Site.REQUEST else CALLBACKS
        if self.message and self.target not in known:
            raise ValueError(
                f"there is no {self.what.site} named {self.message!r}; known: {', '.join(sorted(known))}"
            )
