"""What Interactive Brokers says and does. Imports nothing of its client: web processes read it too."""

from __future__ import annotations

from brokers.capabilities import Capabilities
from brokers.messages import WorkingStatus

CAPABILITIES = Capabilities(
    statuses=frozenset({
        WorkingStatus.IN_TRANSIT,
        WorkingStatus.HELD,
        WorkingStatus.WORKING,
        WorkingStatus.PENDING_CANCEL,
        WorkingStatus.FILLED,
        WorkingStatus.CANCELED,
        WorkingStatus.EXPIRED,
        WorkingStatus.REJECTED,
        WorkingStatus.INACTIVE,
        WorkingStatus.UNKNOWN,
    }),
    restates_quantities=False,
    # A client's cancel of one order of an OCA group, or of one exit of a bracket, cancels the others (IBKR's
    # glossary, "One-Cancels-All"); a cancel or reject by the system does not.
    cancels_one_alone=False,
    # It refuses to modify a filled order (error 104), and a gateway whose order ids began anew would take the
    # used id for a new order: nothing to win by asking, and a second order to lose.
    raises_filled=False,
)  # fmt: skip
