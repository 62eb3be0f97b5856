"""Chaos of many seeds, two at a time; docs/chaos.md says what each does."""

from __future__ import annotations

import pytest

from tests.stack.chaos import MANY_SEEDS, Done, chaos_together


@pytest.fixture(scope="module")
def finished() -> dict[int, Done]:
    return chaos_together(MANY_SEEDS, at_once=2)


@pytest.mark.parametrize("seed", MANY_SEEDS)
def test_every_invariant_holds(finished: dict[int, Done], seed: int) -> None:
    assert finished[seed].returncode == 0, finished[seed].stdout + finished[seed].stderr
