"""What the containers of deploy/kubernetes run is started here, and asked by its own probes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stack.containers import Containers, PostgresWith
from tests.stack.kubernetes import pods, service_of
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.servers.redis import EmbeddedRedis

#: The one that has everything of the other, and a session more. `OVERLAY=paper` starts the other.
OVERLAY = os.environ.get("OVERLAY", "live")
ASKED = ["web", "stream", "worker", "beat", "flower"]  # they have a probe
ENDING = {"backup": "backups", "anchor": "anchors", "archive": ""}  # with the folder that it fills
HELD = "SELECT name FROM brokers_gatewaysession WHERE lease_owner <> '' AND heartbeat_at IS NOT NULL"


class Cluster(Containers):
    """Every container of ours of an overlay; the gateways are not ours, and are away."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self.brokers = [name for name in pods(OVERLAY) if name.startswith("broker-")]
        names = ["migrate", *ENDING, *ASKED, *self.brokers]
        super().__init__(folder, undo, {name: service_of(OVERLAY, name) for name in names})
        self.postgres = PostgresWith(folder)
        self.redis = EmbeddedRedis(folder / "redis", password="redis-secret", log=folder / "redis.log")
        self.addresses = {
            "postgres:5432": f"127.0.0.1:{self.postgres.port}",
            "redis:6379": f"127.0.0.1:{self.redis.port}",
            "gateway-main": "127.0.0.1",
            "gateway-second": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",
            "/tmp": str(folder),
            **{f"/{name}": str(folder / name) for name in ("backups", "anchors", "archive")},
            **{port: str(free_port()) for port in ("8000", "8001", "5555", "4003", "4004")},
        }

    def start(self) -> None:
        """Servers, the migration, then everything else, as the init containers order it."""
        for server in (self.postgres, self.redis):
            self.undo.callback(server.kill)
            server.start()
        assert self.completes("migrate"), (self.folder / "migrate.log").read_text()
        for name in [*ASKED, *self.brokers]:
            self.run(name)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as undo:
        running = Cluster(tmp_path_factory.mktemp("cluster"), undo)
        running.start()
        yield running


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ASKED)
def test_every_container_passes_its_own_probe(cluster: Cluster, name: str) -> None:
    assert eventually(lambda: cluster.is_healthy(name), limit=120, pause=1)


@pytest.mark.timeout(300)
def test_every_broker_worker_holds_the_session_of_its_label(cluster: Cluster) -> None:
    sessions = {name.removeprefix("broker-") for name in cluster.brokers}

    def held() -> bool:
        for name in cluster.brokers:
            cluster.require_alive(name)
        with cluster.postgres.connect() as connection:
            return {name for (name,) in connection.execute(HELD).fetchall()} == sessions

    assert eventually(held, limit=120)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ENDING)
def test_every_job_of_the_night_does_its_work_where_its_volume_is(cluster: Cluster, name: str) -> None:
    assert eventually(lambda: sealed(cluster), limit=120)
    assert cluster.completes(name), (cluster.folder / f"{name}.log").read_text()
    assert not ENDING[name] or list((cluster.folder / ENDING[name]).iterdir())


def sealed(cluster: Cluster) -> bool:
    """Whether the worker has sealed the first of the audit: before it nothing can be anchored."""
    with cluster.postgres.connect() as connection:
        return connection.execute("SELECT count(*) FROM orders_auditseal").fetchall() != [(0,)]
