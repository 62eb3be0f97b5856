"""A demo in which something dies, on the data of one before it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.scenarios.test_demo import folder, run_demo, start_demo

__all__ = ["folder"]


def test_a_second_demo_in_which_something_died_checks_all_and_fails(folder: Path) -> None:
    assert run_demo(folder, "--orders", "60").returncode == 0
    with start_demo(folder, "--orders", "60", "--seed", "3") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("Market: "):
                os.kill(int((folder / "run/flower.pid").read_text()), signal.SIGKILL)
                break
        said, errors = demo.communicate(timeout=560)
    assert "The process flower was killed by SIGKILL. It is started again at once." in said
    assert "All 12 checks passed." in said
    assert demo.returncode == 1
    assert "Something died while the sample orders ran: The process flower was killed by SIGKILL" in errors
