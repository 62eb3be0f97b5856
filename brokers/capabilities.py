"""What an adapter can say and do beyond what all of them can; declared by each, asked by the order domain."""

from __future__ import annotations

from dataclasses import dataclass

from brokers.messages import WorkingStatus


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Declared as `CAPABILITIES` in the module `capabilities` of the adapter's package."""

    #: The statuses that its order reports may carry, and no others.
    statuses: frozenset[WorkingStatus]
    #: Whether it says that quantities and prices were restated by a corporate action.
    restates_quantities: bool
    #: Whether a client's cancel of one order of a group leaves the others as they are.
    cancels_one_alone: bool
    #: Whether a filled order works on when a replace raises its quantity (FIX C.1.c).
    raises_filled: bool
