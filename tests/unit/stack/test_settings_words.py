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


def test_a_word_without_effect_is_warned_of_and_never_shown_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDESK_FOUR_EYES", "limits,orders_above")
    with pytest.warns(RuntimeWarning, match="orders_above has no effect"):
        found = env.words("TRADEDESK_FOUR_EYES", KNOWN, without_effect=("orders_above",))
    assert found == {"limits"}
