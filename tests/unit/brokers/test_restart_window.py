"""No order is sent around the gateway's daily restart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brokers.gate.restart_window import RestartWindow


@pytest.mark.parametrize(
    ("text", "at", "covered"),
    [
        ("23:40-23:50 UTC", "2026-11-20T23:40", True),
        ("23:40-23:50 UTC", "2026-11-20T23:39", False),
        ("23:40-23:50 UTC", "2026-11-20T23:50", False),
        ("23:55-00:05 UTC", "2026-11-20T00:04", True),
        ("23:55-00:05 UTC", "2026-11-20T12:00", False),
        # New York is at UTC-5 in November and at UTC-4 in July.
        ("23:40-23:50 America/New_York", "2026-11-21T04:45", True),
        ("23:40-23:50 America/New_York", "2026-07-21T04:45", False),
        ("23:40-23:50 America/New_York", "2026-07-21T03:45", True),
    ],
)
def test_the_window_is_given_in_the_gateways_own_time(text: str, at: str, covered: bool) -> None:
    window = RestartWindow.parse(text)
    assert window
    assert window.covers(datetime.fromisoformat(at).replace(tzinfo=UTC)) is covered


def test_no_text_means_no_window() -> None:
    assert RestartWindow.parse(" ") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("23:40", "expected HH:MM-HH:MM Zone"),
        ("23:40-23:50 Nowhere/Land", "no time zone"),
        ("23:40-23:50 America", "no time zone"),  # a folder of the tz database
        ("25:00-26:00 UTC", "hour"),
        ("23:40-23:40 UTC", "empty"),
    ],
)
def test_a_wrong_window_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RestartWindow.parse(text)
