from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.simulator.process import SimulatedGateway


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedGateway]:
    """One process for the tests of a module."""
    gateway = SimulatedGateway(tmp_path_factory.mktemp("simulator"))
    gateway.start()
    yield gateway
    gateway.end()


@pytest.fixture
def gateway(running: SimulatedGateway, caplog: pytest.LogCaptureFixture) -> Iterator[SimulatedGateway]:
    """A gateway without a past; afterwards the client library must have understood every message."""
    running.post("/reset").raise_for_status()
    yield running
    assert "Error handling fields" not in caplog.text


@pytest.fixture
def restartable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[SimulatedGateway]:
    """A gateway of the test's own, to be killed and started again."""
    gateway = SimulatedGateway(tmp_path)
    gateway.start()
    yield gateway
    if gateway.is_running:
        gateway.end()
    assert "Error handling fields" not in caplog.text
