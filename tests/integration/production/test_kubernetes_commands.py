"""What the containers of deploy/kubernetes run is started here, and asked by its own probes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.stack.compose import here
from tests.stack.containers import Containers, PostgresWith
from tests.stack.kubernetes import OVERLAYS, liveness_of, pods, service_of
from tradedesk.stack import template
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.servers.postgres import DATABASE
from tradedesk.stack.servers.redis import EmbeddedRedis

pytestmark = pytest.mark.soak  # whole systems; what the files themselves say is read in `make test`
ASKED = ["web", "stream", "worker", "beat", "flower"]  # they have a door, or say that they live
ENDING = {"backup": "backups", "anchor": "anchors", "archive": ""}  # with the folder that it fills
PROBE = ["python", "-IS", "tradedesk/liveness.py", "60"]
HELD = "SELECT name FROM brokers_gatewaysession WHERE lease_owner <> '' AND heartbeat_at IS NOT NULL"


class Servers:
    """PostgreSQL with the template's database, and Redis: both overlays have one of each, and share these."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        with DataFolder(folder) as data:
            template.fill(data)
            self.postgres = PostgresWith(folder, password=data.secret("postgres_password"))
        self.redis = EmbeddedRedis(folder / "redis", password="redis-secret", log=folder / "redis.log")
        for server in (self.postgres, self.redis):
            undo.callback(server.kill)
            server.start()


class Cluster(Containers):
    """Every container of ours of an overlay; the gateways are not ours, and are away."""

    def __init__(self, overlay: str, servers: Servers, folder: Path, undo: ExitStack) -> None:
        self.overlay = overlay
        self.brokers = [name for name in pods(overlay) if name.startswith("broker-")]
        names = ["migrate", *ENDING, *ASKED, *self.brokers]
        super().__init__(folder, undo, {name: service_of(overlay, name) for name in names})
        self.postgres = servers.postgres
        self.addresses = {
            "postgres:5432/tradedesk": f"127.0.0.1:{servers.postgres.port}/{overlay}",
            "postgres-secret": servers.postgres.password,
            "redis:6379/0": f"127.0.0.1:{servers.redis.port}/{OVERLAYS.index(overlay)}",
            "gateway-main": "127.0.0.1",
            "gateway-second": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",
            "/tmp": str(folder),
            **{f"/{name}": str(folder / name) for name in ("backups", "anchors", "archive")},
            **{port: str(free_port()) for port in ("8000", "8001", "5555", "4003", "4004")},
        }

    def start(self) -> None:
        """A database, the migration, then everything else, as the init containers order it."""
        with self.postgres.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {self.overlay} TEMPLATE {DATABASE}".encode())
        assert self.completes("migrate"), (self.folder / "migrate.log").read_text()
        for name in [*ASKED, *self.brokers]:
            self.run(name)

    def is_alive(self, name: str, limit: int) -> bool:
        """What its liveness probe says when it allows so many seconds."""
        _, *probe = [here(word, self.addresses) for word in liveness_of(self.overlay, name)]
        return self.passes(name, [re.sub("^60$", str(limit), word) for word in probe])

    def stop(self, name: str, number: int) -> None:
        """Send a signal to a container's process, and those that it started."""
        process = psutil.Process(self.running[name].pid)
        for each in [process, *process.children(recursive=True)]:
            each.send_signal(number)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as undo:
        yield Servers(tmp_path_factory.mktemp("servers"), undo)


@pytest.fixture(scope="module", params=["live", "paper"])
def cluster(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    with ExitStack() as undo:
        running = Cluster(request.param, servers, tmp_path_factory.mktemp(request.param), undo)
        running.start()
        yield running


@pytest.mark.timeout(300)
def test_every_container_passes_its_own_probes(cluster: Cluster) -> None:
    for name in [*ASKED, *cluster.brokers]:
        assert eventually(lambda name=name: cluster.is_healthy(name), limit=120, pause=0.5), name
        assert cluster.is_alive(name, 60), name
        assert cluster.passes(name, PROBE), name  # as `make up` and systemd see it


@pytest.mark.timeout(300)
def test_every_broker_worker_holds_the_session_of_its_label(cluster: Cluster) -> None:
    sessions = {name.removeprefix("broker-") for name in cluster.brokers}

    def held() -> bool:
        for name in cluster.brokers:
            cluster.require_alive(name)
        with cluster.postgres.connect(cluster.overlay) as connection:
            return {name for (name,) in connection.execute(HELD).fetchall()} == sessions

    assert eventually(held, limit=120)


@pytest.mark.timeout(300)
def test_a_container_that_hangs_fails_its_liveness_probe(cluster: Cluster) -> None:
    """One overlay is enough: both have the same probes."""
    names = ["web", "worker", "beat", "broker-main"] if cluster.overlay == "paper" else []
    for name in names:
        cluster.stop(name, signal.SIGSTOP)
    for name in names:
        assert eventually(lambda name=name: not cluster.is_alive(name, 3), limit=120), name
    for name in names:
        cluster.stop(name, signal.SIGCONT)
    for name in names:
        assert eventually(lambda name=name: cluster.is_healthy(name), limit=120), name


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ENDING)
def test_every_job_of_the_night_does_its_work_where_its_volume_is(cluster: Cluster, name: str) -> None:
    assert eventually(lambda: sealed(cluster), limit=120)
    assert cluster.completes(name), (cluster.folder / f"{name}.log").read_text()
    assert not ENDING[name] or list((cluster.folder / ENDING[name]).iterdir())


def sealed(cluster: Cluster) -> bool:
    """Whether the worker has sealed the first of the audit: before it nothing can be anchored."""
    with cluster.postgres.connect(cluster.overlay) as connection:
        return connection.execute("SELECT count(*) FROM orders_auditseal").fetchall() != [(0,)]
