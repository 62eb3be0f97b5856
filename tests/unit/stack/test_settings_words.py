"""Settings of words: unknown ones are refused by name, so that nobody trusts a control that is not there."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from orders.controls.approvals import FOUR_EYES
from tradedesk import env

KNOWN = tuple(sorted(set(FOUR_EYES.values())))


@pytest.mark.parametrize("name", ["orders_above", "breaks_above", "kill"])
def test_four_eyes_knows_only_what_waits_for_a_second_person(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEDESK_FOUR_EYES", f"limits,{name}")
    with pytest.raises(ImproperlyConfigured, match=f"kill_release.* does not know {name}"):
        env.words("TRADEDESK_FOUR_EYES", KNOWN)
    assert set(KNOWN) >= settings.FOUR_EYES
