"""Restricted and allowed instruments: what a row of such a list is about, and when it counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from brokers.fix import Side


class Effect(StrEnum):
    """What a row about an instrument does."""

    RESTRICTED = "restricted"
    ALLOWED = "allowed"


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """One row of a restricted or an allowed list.

    It is about the contract wherever it trades, alone or as a leg; a row about a combination is about these
    legs in these proportions. Empty `side` means both; the times are UTC, None is open.
    """

    effect: Effect
    instrument: int
    #: What buying one unit buys (above zero) or sells of each contract; empty while the broker named none.
    contracts: tuple[tuple[int, int], ...]
    side: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    reason: str = ""

    def is_on(self, at: datetime, side: str) -> bool:
        """Whether it counts for an order of this side at this time; a short sale is a sale."""
        started = self.starts_at is None or self.starts_at <= at
        over = self.ends_at is not None and self.ends_at <= at
        same = not self.side or (self.side == Side.BUY) == (side == Side.BUY)
        return started and not over and same

    def direction_in(self, instrument: int, contracts: Mapping[int, int]) -> int:
        """Whether buying one unit of these contracts buys (1) or sells (-1) what it is about; 0: neither."""
        if not self.contracts:
            return int(self.instrument == instrument)
        (first, ratio), *others = self.contracts
        found = contracts.get(first, 0)
        if others:  # the same combination, in whatever multiple, or its mirror
            same = {con_id: each * found for con_id, each in self.contracts}
            if same != {con_id: each * ratio for con_id, each in contracts.items()}:
                return 0
        return (found * ratio > 0) - (found * ratio < 0)
