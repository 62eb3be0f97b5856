"""Which processes a stack has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk.stack.options import StackOptions
from tradedesk.stack.processes.commands import processes


def brokers(monkeypatch: pytest.MonkeyPatch, sessions: str) -> dict[str, str]:
    """Name of each broker worker, and its session."""
    monkeypatch.setenv("TRADEDESK_SESSIONS", sessions)
    found = processes(StackOptions(data=Path("/data")))
    return {one.name: one.argv[-1] for one in found if "brokerworker" in one.argv}


def test_every_session_has_its_broker_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    found = brokers(monkeypatch, "main=127.0.0.1:4002/1, second=127.0.0.1:4002/2")
    assert found == {"broker": "main", "broker-second": "second"}


def test_a_plain_stack_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEDESK_SESSIONS", raising=False)
    found = processes(StackOptions(data=Path("/data")))
    assert [one.name for one in found].count("broker") == 1


def test_worker_and_beat_start_without_the_plugins_of_celerys_command() -> None:
    loaded = "import sys, tradedesk.workers.commands; print({'flower', 'tornado'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
