"""Settings of words: unknown ones are refused by name, so that nobody trusts a control that is not there."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from orders.controls.approvals import FOUR_EYES
from tradedesk import env

KNOWN = tuple(sorted(set(FOUR_EYES.values())))


def test_four_eyes_knows_only_what_waits_for_a_second_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_FOUR_EYES", "limits,kill")
    with pytest.raises(ImproperlyConfigured, match=r"kill_release.* does not know kill"):
        env.words("TRADEDESK_FOUR_EYES", KNOWN)
    assert set(KNOWN) >= settings.FOUR_EYES


def test_a_word_on_request_is_in_force_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEDESK_FOUR_EYES", raising=False)
    assert "overrides" not in env.words("TRADEDESK_FOUR_EYES", KNOWN, on_request=("overrides",))
    monkeypatch.setenv("TRADEDESK_FOUR_EYES", "limits,overrides")
    found = env.words("TRADEDESK_FOUR_EYES", KNOWN, on_request=("overrides",))
    assert found == {"limits", "overrides"}


@pytest.mark.parametrize("wrong", ["-1", "NaN", "many"])
def test_an_amount_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("TRADEDESK_ORDERS_ABOVE", wrong)
    with pytest.raises(ImproperlyConfigured, match="TRADEDESK_ORDERS_ABOVE"):
        env.amount("TRADEDESK_ORDERS_ABOVE", 5)
