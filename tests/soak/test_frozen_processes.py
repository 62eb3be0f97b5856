"""Each process in turn is stopped (SIGSTOP) for half a minute: it keeps its sockets and says nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from tests.soak.sickness import NO_ANSWER, Measure, answer_of, light_flow, probe, readyz, trades_again
from tradedesk.chaos.up import CHILD, Up
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.process import family_of

FROZEN = 30.0  # seconds; what hangs for a minute is killed
SILENT = 10  # seconds
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE client_port = ANY(%s)"
#: Who is stopped, and who says so.
SAID: dict[str, Callable[[Up], bool]] = {
    f"web{CHILD}": lambda up: readyz(up.urls.http) == NO_ANSWER,
    "stream": lambda up: answer_of(up.processes["stream"].health or "") == NO_ANSWER,
    "broker": lambda up: "was last heard of" in readyz(up.urls.http),
    "worker": lambda up: "worker (pid" in probe(up.folder / "run/heartbeats", SILENT),
    "beat": lambda up: "beat (pid" in probe(up.folder / "run/heartbeats", SILENT),
    "redis": lambda up: '"degraded"' in readyz(up.urls.http),
    "postgres": lambda up: '"not ready"' in (said := readyz(up.urls.http)) or said == NO_ANSWER,
    "walwriter": lambda up: '"ready"' in readyz(up.urls.http),  # every commit writes its own
    "backends of the broker worker": lambda up: "was last heard of" in readyz(up.urls.http),
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("frozen") / "data") as running:
        yield running


def members(up: Up, name: str) -> list[psutil.Process]:
    """The processes that go by this name."""
    if name.endswith(CHILD):
        return family_of(up.pid(name.removesuffix(CHILD)))[1:]
    if name == "walwriter":
        return [each for each in family_of(up.pid("postgres")) if name in " ".join(each.cmdline())]
    if name.startswith("backends"):
        sockets = [
            each.laddr.port for one in family_of(up.pid("broker")) for each in one.net_connections("tcp")
        ]
        with up.connect() as connection:
            return [psutil.Process(pid) for (pid,) in connection.execute(BACKENDS, [sockets])]
    return family_of(up.pid(name))


@pytest.mark.parametrize("name", SAID)
def test_a_process_that_is_frozen_for_half_a_minute_costs_no_order(
    up: Up, name: str, record_property: Measure
) -> None:
    with light_flow(up, up.api, name.replace(" ", "-")):
        frozen = members(up, name)
        assert frozen
        thaw_at = time.monotonic() + FROZEN
        try:
            for process in frozen:
                process.send_signal(signal.SIGSTOP)
            eventually(lambda: SAID[name](up), limit=FROZEN, pause=0.5)
            time.sleep(max(0.0, thaw_at - time.monotonic()))
        finally:
            for process in frozen:
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)
        trades_again(up.api, record_property)
        eventually(lambda: '"status": "ready"' in readyz(up.urls.http), limit=120)
