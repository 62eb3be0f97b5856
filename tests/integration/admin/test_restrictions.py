"""The restricted list at the desk: what restricts holds at once, what allows needs a second person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from brokers.models import Instrument
from orders.entry.limits.rules import rules_cache
from orders.models import Approval, DeskProfile, InstrumentRestriction
from tests.integration.api.conftest import ACCOUNT, OTHER

Person = Callable[..., Client]
RIGHTS = ("orders.view_accountlimit", "orders.change_accountlimit", "orders.view_approval")


def wanted(**changes: Any) -> dict[str, Any]:
    aapl = Instrument.objects.get(symbol="AAPL").pk
    return {"scope": "firm", "instrument": aapl, "effect": "restricted", "side": "", "reason": "x", **changes}


def add(client: Client, **changes: Any) -> int:
    return client.post(reverse("desk:restrictions"), wanted(**changes)).status_code


def approve(client: Client) -> None:
    for approval in Approval.objects.filter(state="WAITING"):
        client.post(reverse("desk:approval_decide", args=[approval.pk, "approve"]), {"reason": "fine"})


def test_a_restriction_holds_at_once_and_ends_when_a_second_person_agrees(person: Person) -> None:
    maker, approver = person(*RIGHTS), person(*RIGHTS, "orders.decide_approval")
    assert add(maker, side="SELL") == 303
    row = InstrumentRestriction.objects.get()
    assert (row.made_by, row.side) == ("desk:jo-1", "SELL")
    rules_cache.forget_outdated()
    assert rules_cache.rules().limits_for(ACCOUNT)[-1].restrictions[0].contracts == (
        (row.instrument.con_id, 1),
    )
    maker.post(reverse("desk:restriction_end", args=[row.pk]), {"reason": "news is out"})
    row.refresh_from_db()
    assert row.ends_at is None
    approve(approver)
    row.refresh_from_db()
    assert row.ends_at


def test_the_times_of_a_restriction_are_utc_whatever_the_zone_of_the_person(person: Person) -> None:
    maker = person(*RIGHTS)
    maker.cookies["desk_zone"] = "America/New_York"
    assert add(maker, starts_at="2090-06-01T12:00", ends_at="2090-06-02T12:00") == 303
    row = InstrumentRestriction.objects.get()
    assert (row.starts_at, row.ends_at) == tuple(datetime(2090, 6, day, 12, tzinfo=UTC) for day in (1, 2))


def test_an_allowed_instrument_waits_and_is_taken_back_at_once(person: Person) -> None:
    maker, approver = person(*RIGHTS), person(*RIGHTS, "orders.decide_approval")
    add(maker, effect="allowed", scope=f"account:{ACCOUNT}")
    assert not InstrumentRestriction.objects.exists()
    approve(approver)
    row = InstrumentRestriction.objects.get()
    maker.post(reverse("desk:restriction_end", args=[row.pk]), {"reason": "over"})
    row.refresh_from_db()
    assert row.ends_at


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "desk"},
        {"scope": "account:DU0"},
        {"instrument": "999999"},
        {"effect": "perhaps"},
        {"reason": ""},
        {
            "starts_at": timezone.now().strftime("%Y-%m-%dT%H:%M"),
            "ends_at": (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        },
    ],
)
def test_a_wrong_row_is_refused_in_the_form(person: Person, change: dict[str, Any]) -> None:
    assert add(person(*RIGHTS), **change) == 200
    assert not InstrumentRestriction.objects.exists()


def test_nobody_restricts_beyond_the_accounts_that_are_his(person: Person) -> None:
    small = person(*RIGHTS)
    DeskProfile.objects.get().accounts.remove(OTHER)
    assert add(small) == 200
    assert add(small, scope=f"account:{OTHER}") == 200
    assert add(person("orders.view_accountlimit")) == 200
    assert not InstrumentRestriction.objects.exists()
