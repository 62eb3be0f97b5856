"""A process that can open no file and no socket any more, and then can again."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.soak.sickness import NO_ANSWER, Measure, light_flow, readyz, trades_again
from tradedesk.chaos.up import Up
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.process import family_of

FEW = 3  # below what each of them keeps open: a connection that ends gives its number back for the next
SICK = 15.0  # seconds at least
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port = ANY(%s)"


#: What who asks `/readyz` sees.
SAID: dict[str, Callable[[str], bool]] = {
    "web": lambda answer: answer == NO_ANSWER or "database" in answer,
    "broker": lambda answer: '"not ready"' in answer,
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("descriptors") / "data") as running:
        yield running


def limit(process: psutil.Process, soft: int) -> None:
    """How many descriptors it may have; what it may ever ask for stays."""
    _, hard = process.rlimit(resource.RLIMIT_NOFILE)
    process.rlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cut_off_from_database(up: Up, process: psutil.Process) -> None:
    """End its connections, so that it needs new ones."""
    ports = [each.laddr.port for each in process.net_connections("tcp")]
    with up.connect() as connection:
        connection.execute(CUT, [ports])


@pytest.mark.parametrize("name", SAID)
def test_a_process_without_descriptors_says_so_and_loses_nothing(
    up: Up, name: str, record_property: Measure
) -> None:
    with light_flow(up, up.api, f"descriptors-{name}"):
        process = family_of(up.pid(name))[-1]
        before, _ = process.rlimit(resource.RLIMIT_NOFILE)
        sick_until = time.monotonic() + SICK
        limit(process, FEW)
        cut_off_from_database(up, process)
        if name == "broker":
            up.control.fault(kind="disconnect")
        try:
            eventually(lambda: SAID[name](readyz(up.urls.http)), limit=120)  # it stays sick until it is told
            time.sleep(max(0.0, sick_until - time.monotonic()))
        finally:
            limit(process, before)
        trades_again(up.api, record_property)
        assert eventually(lambda: '"status": "ready"' in readyz(up.urls.http), limit=120)
    record_property("died meanwhile", up.deaths())
