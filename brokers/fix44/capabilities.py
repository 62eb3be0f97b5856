"""What a FIX 4.4 counterparty says and does."""

from __future__ import annotations

from brokers.capabilities import Capabilities
from brokers.fix44.translate import STATUSES
from brokers.messages import WorkingStatus

CAPABILITIES = Capabilities(
    statuses=frozenset({*STATUSES.values(), WorkingStatus.HELD, WorkingStatus.WORKING}),
    restates_quantities=True,
    cancels_one_alone=True,
    raises_filled=True,
)
