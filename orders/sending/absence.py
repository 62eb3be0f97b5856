"""What an absence proves: when "the broker does not show it" means "it is not there".

The one place of this decision, and pure. A complete snapshot that misses an order proves nothing by itself:
the gateway may be logged in to other accounts, its lists may still be empty (they are, for seconds after a
login), completed orders and executions are those of its own day, and a position may have moved. An order that
was filled twice is worse than one that waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum

from brokers.fix import Side


class Doubt(StrEnum):
    """Why an absence does not prove that the order is not there; the text is for people."""

    OTHER_LOGIN = "the gateway's login does not have the order's account"
    BEGAN_BEFORE_SEND = "the snapshot began before the order was sent"
    CLOCKS_DIFFER = "the clocks of worker, database and gateway differ by more than conclusions bear"
    NOT_SETTLED = "the connection is too young, the gateway's lists may still be empty"
    ACROSS_MIDNIGHT = "the gateway's day has changed since the order was sent, and it lists its own day only"
    OTHERS_MOVE = "the position moved that way, and executions of other orders may be on their way"
    POSITION_MOVED = "the position moved that way since, and no execution that we know explains it"


#: A later snapshot may prove more: nothing is concluded. The others no snapshot cures, a person decides.
PASSING = frozenset(
    {
        Doubt.OTHER_LOGIN,
        Doubt.BEGAN_BEFORE_SEND,
        Doubt.CLOCKS_DIFFER,
        Doubt.NOT_SETTLED,
        Doubt.OTHERS_MOVE,
    }
)
#: How long a moved position may be that of other orders: one fills in the midst of a look on a busy desk.
PATIENCE = timedelta(seconds=60)


#: Seconds; every zone is whole quarters of an hour off UTC.
QUARTER = 900


@dataclass(frozen=True, kw_only=True)
class AbsenceEvidence:
    """What is known of an order and of the snapshot that misses it; all times are by the database's clock."""

    account: str
    side: Side
    #: When it may have left us; None for an order of somebody else, which we did not send.
    sent_at: datetime | None
    #: The accounts that the gateway named at the snapshot.
    accounts: frozenset[str]
    connected_at: datetime
    began_at: datetime
    finished_at: datetime
    #: Of the gateway; None when nobody knows it.
    zone: tzinfo | None
    settling: timedelta
    #: Seconds by which the worst of the clocks is off, and how much is borne.
    skew: float
    max_skew: float
    #: What the positions of its contracts moved in all that known executions do not explain, signed as if
    #: the order had been executed (a combination: the leg that moved most).
    unexplained_qty: Decimal
    #: Whether other orders of its contracts move, or have been executed since the snapshot began.
    others_move: bool
    #: Since when the order is in doubt; None when it begins now.
    doubted_at: datetime | None


def doubts(evidence: AbsenceEvidence) -> list[Doubt]:
    """Every condition that fails; none: the absence is proof."""
    return [doubt for doubt, fails in _conditions(evidence).items() if fails]


def _conditions(known: AbsenceEvidence) -> dict[Doubt, bool]:
    sent_at = known.sent_at
    return {
        Doubt.OTHER_LOGIN: known.account not in known.accounts,
        Doubt.BEGAN_BEFORE_SEND: sent_at is not None and known.began_at <= sent_at,
        Doubt.CLOCKS_DIFFER: abs(known.skew) > known.max_skew,
        Doubt.NOT_SETTLED: known.began_at - known.connected_at < known.settling,
        Doubt.ACROSS_MIDNIGHT: sent_at is not None and _day(sent_at, known) != _day(known.finished_at, known),
        Doubt.OTHERS_MOVE: known.unexplained_qty > 0 and _may_be_others(known),
        Doubt.POSITION_MOVED: known.unexplained_qty > 0 and not _may_be_others(known),
    }


def _may_be_others(known: AbsenceEvidence) -> bool:
    """Whether a later look may explain what moved: not for ever, for some order always moves."""
    waited = known.finished_at - (known.doubted_at or known.finished_at)
    return known.others_move and waited < PATIENCE


def _day(moment: datetime, known: AbsenceEvidence) -> object:
    """The gateway's day; where nobody knows its zone, any quarter of an hour may be its midnight."""
    if known.zone is None:
        return int(moment.timestamp()) // QUARTER
    return moment.astimezone(known.zone).date()


def concludes_nothing(found: list[Doubt]) -> bool:
    """Whether a later snapshot may prove more, so that this one does not count."""
    return any(doubt in PASSING for doubt in found)


def in_words(found: list[Doubt]) -> str:
    """Why the absence is no proof; empty when it is."""
    return "; ".join(found)
