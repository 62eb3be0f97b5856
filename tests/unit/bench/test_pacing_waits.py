"""What pacing adds to the moments of a measurement."""

from __future__ import annotations

import pytest

from tradedesk.bench.latency import pacing_waits


def test_nobody_waits_within_the_pace() -> None:
    assert pacing_waits([0.0, 0.1, 0.2, 1.1], per_second=3) == [0, 0, 0, 0]


def test_who_comes_beyond_the_pace_waits_for_its_second() -> None:
    assert pacing_waits([0.0, 0.25, 0.5, 0.5], per_second=2) == pytest.approx([0, 0, 0.5, 0.75])
