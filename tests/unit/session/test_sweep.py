"""The sweep's steps: each is guarded, timed and counted; none keeps another from its turn."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from brokers.postgres import database
from orders.session.sweep import Step, Sweep


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "discard_connection", lambda: None)


def failing(error: Exception) -> Step:
    def run() -> None:
        raise error

    return Step(repr(error), run)


def test_a_step_that_fails_does_not_stop_the_others() -> None:
    done: list[str] = []
    broken = failing(ValueError())
    sweep = Sweep([broken, Step("next", lambda: done.append("next"))])
    for _ in range(3):
        sweep.round(lambda: None)
    assert done == ["next"] * 3
    assert (broken.runs, broken.failures, broken.failing) == (3, 3, 3)
    assert "failed 3 times in a row: ValueError()" in broken.problem()


def test_steps_without_a_database_do_not_starve_the_others() -> None:
    done: list[str] = []
    away = [failing(OperationalError("away")) for _ in range(2)]
    sweep = Sweep([*away, Step("last", lambda: done.append("last"))])
    sweep.round(lambda: None)
    assert done == []  # waiting for it once is enough
    sweep.round(lambda: None)
    assert done == ["last"]


def test_a_step_is_done_no_oftener_than_it_says() -> None:
    done: list[str] = []
    sweep = Sweep([Step("seldom", lambda: done.append("seldom"), every=3600)])
    for _ in range(3):
        sweep.round(lambda: None)
    assert done == ["seldom"]


def test_a_step_that_works_again_has_no_problem_any_more() -> None:
    outcomes = [ValueError(), ValueError(), ValueError()]

    def run() -> None:
        if outcomes:
            raise outcomes.pop()

    step = Step("shaky", run)
    problems = [bool(step.run()) and bool(step.problem()) for _ in range(4)]
    assert problems == [False, False, True, False]
    assert step.problem() == ""
