"""Which processes a stack has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradedesk.stack.options import StackOptions
from tradedesk.stack.processes import processes


def brokers(monkeypatch: pytest.MonkeyPatch, sessions: str) -> dict[str, str]:
    """Name of each broker worker, and its session."""
    monkeypatch.setenv("TRADEDESK_SESSIONS", sessions)
    found = processes(StackOptions(data=Path("/data")), flower_password="x")
    return {one.name: one.argv[-1] for one in found if "brokerworker" in one.argv}


def test_every_session_has_its_broker_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    found = brokers(monkeypatch, "main=127.0.0.1:4002/1, second=127.0.0.1:4002/2")
    assert found == {"broker": "main", "broker-second": "second"}


def test_a_plain_stack_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEDESK_SESSIONS", raising=False)
    found = processes(StackOptions(data=Path("/data")), flower_password="x")
    assert [one.name for one in found].count("broker") == 1
