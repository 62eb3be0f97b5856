"""What an absence proves: nothing, while any condition fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import Side
from orders.sending.absence import PASSING, AbsenceEvidence, Doubt, concludes_nothing, doubts, in_words

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PROOF = AbsenceEvidence(
    account="DU1", side=Side.BUY, sent_at=NOON, accounts=frozenset({"DU1", "DU2"}),
    connected_at=NOON - timedelta(hours=1), began_at=NOON + 5 * SECOND, finished_at=NOON + 6 * SECOND,
    zone=UTC, settling=10 * SECOND, skew=0.1, max_skew=10.0, unexplained_qty=Decimal(0),
    others_move=False, doubted_at=None,
)  # fmt: skip
#: One change each that leaves exactly this doubt.
SPOILED = {
    Doubt.OTHER_LOGIN: replace(PROOF, accounts=frozenset({"DU2"})),
    Doubt.BEGAN_BEFORE_SEND: replace(PROOF, sent_at=PROOF.began_at + SECOND),
    Doubt.CLOCKS_DIFFER: replace(PROOF, skew=-11.0),
    Doubt.NOT_SETTLED: replace(PROOF, connected_at=PROOF.began_at - 9 * SECOND),
    Doubt.ACROSS_MIDNIGHT: replace(PROOF, sent_at=NOON - timedelta(hours=13)),
    Doubt.OTHERS_MOVE: replace(PROOF, unexplained_qty=Decimal("0.5"), others_move=True),
    Doubt.POSITION_MOVED: replace(PROOF, unexplained_qty=Decimal("0.5")),
}


def test_an_absence_with_every_condition_met_is_proof() -> None:
    assert doubts(PROOF) == []
    assert in_words([]) == ""


@pytest.mark.parametrize("doubt", Doubt)
def test_each_condition_alone_takes_the_proof_away_and_says_so(doubt: Doubt) -> None:
    found = doubts(SPOILED[doubt])
    assert found == [doubt]
    assert doubt.value in in_words(found)
    assert concludes_nothing(found) == (doubt in PASSING)


@pytest.mark.parametrize(("seconds", "doubted"), [(890, False), (910, True)])
def test_where_nobody_knows_the_zone_any_quarter_may_be_midnight(seconds: int, doubted: bool) -> None:
    known = replace(PROOF, zone=None, finished_at=NOON + seconds * SECOND)
    assert (doubts(known) == [Doubt.ACROSS_MIDNIGHT]) is doubted


@pytest.mark.parametrize(("seconds", "passes"), [(0, True), (59, True), (60, False), (3600, False)])
def test_a_moved_position_may_be_that_of_others_for_a_minute(seconds: int, passes: bool) -> None:
    moved = replace(SPOILED[Doubt.OTHERS_MOVE], doubted_at=PROOF.finished_at - seconds * SECOND)
    assert concludes_nothing(doubts(moved)) is passes
    assert not concludes_nothing(doubts(replace(moved, others_move=False)))


ZONES = st.sampled_from([UTC, *map(ZoneInfo, ("America/New_York", "Asia/Tokyo", "Asia/Kathmandu"))])


@given(
    sent=st.integers(-200_000, 200_000),
    began=st.integers(-200_000, 200_000),
    took=st.integers(0, 60),
    age=st.integers(0, 100),
    skew=st.floats(-30, 30),
    moved=st.decimals(-5, 5, places=1),
    listed=st.booleans(),
    zone=ZONES,
)
def test_proof_needs_account_order_day_clocks_age_and_positions(
    sent: int, began: int, took: int, age: int, skew: float, moved: Decimal, listed: bool, zone: tzinfo
) -> None:
    sent_at, began_at = NOON + sent * SECOND, NOON + began * SECOND
    evidence = replace(
        PROOF, sent_at=sent_at, began_at=began_at, finished_at=began_at + took * SECOND, skew=skew,
        connected_at=began_at - age * SECOND, unexplained_qty=moved, zone=zone,
        accounts=frozenset({"DU1"} if listed else ()),
    )  # fmt: skip
    same_day = sent_at.astimezone(zone).date() == evidence.finished_at.astimezone(zone).date()
    proven = listed and began > sent and age >= 10 and abs(skew) <= 10 and moved <= 0 and same_day
    assert (doubts(evidence) == []) is proven


def test_what_others_sent_is_judged_without_a_time_of_sending() -> None:
    assert doubts(replace(PROOF, sent_at=None)) == []
