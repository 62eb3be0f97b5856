"""The policy for what dies: pauses grow while it keeps dying, and begin anew after a steady life."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tradedesk.stack.processes.interrupts import Interrupts
from tradedesk.stack.processes.restarts import STEADY, Restarts

LOG = Path("none.log")


def test_restarts_begin_at_once_and_pause_up_to_thirty_seconds() -> None:
    restarts = Restarts()
    pauses = [restarts.died("It", 1, LOG).pause for _ in range(9)]
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_steady_life_lets_the_pauses_begin_anew() -> None:
    restarts = Restarts()
    for _ in range(4):
        restarts.died("It", 1, LOG)
    restarts.started()
    restarts.started_at -= STEADY
    assert restarts.died("It", 1, LOG).pause == 0
    restarts.started()
    assert restarts.died("It", 1, LOG).pause == 1


def test_a_death_names_process_cause_next_start_and_log() -> None:
    restarts = Restarts()
    assert str(restarts.died("Redis", -9, LOG)) == (
        "Redis was killed by SIGKILL. It is started again at once. Log: none.log"
    )
    assert str(restarts.died("Redis", 1, LOG)) == (
        "Redis ended by itself, exit code 1 (it said nothing). It is started again in 1 s. Log: none.log"
    )
    assert str(restarts.died("Redis", 1, LOG, "no space left")).startswith(
        "Redis keeps dying, 3 times in a row: it ended by itself, exit code 1 (no space left)."
    )


def test_a_stop_request_lost_in_a_destructor_is_heeded() -> None:
    with Interrupts() as interrupts:
        interrupts.heed()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interrupts.heed()


class Dying:
    """Is asked to stop while it is destroyed."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_stop_request_in_a_destructor_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Interrupts() as interrupts:
        Dying()
        with pytest.raises(KeyboardInterrupt):
            interrupts.heed()
    assert capfd.readouterr().err == ""
