"""docker-compose.yml and the Dockerfile: no engine runs here, so what they would run is run without one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest
import redis
import yaml

from tests.stack.compose import FILE, services, surroundings
from tests.stack.containers import BIN, Containers, PostgresWith
from tradedesk.env import BASE_DIR
from tradedesk.stack.options import StackOptions
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.commands import processes
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.servers.redis import server_binary

VARIABLES = {
    "POSTGRES_PASSWORD": "postgres-secret",
    "POSTGRES_APP_PASSWORD": "application-secret",
    "REDIS_PASSWORD": "redis-secret",
    "SECRET_KEY": "s" * 50,
    "DESK_PASSWORD": "desk-secret-1",
    "GRAFANA_PASSWORD": "grafana-secret",
}
OURS = ["web", "stream", "broker", "worker", "beat", "flower", "simgateway"]


class Compose(Containers):
    """Every service of ours as a process of this machine, against servers started as the file says."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        super().__init__(folder, undo, services(VARIABLES))
        self.postgres = PostgresWith(folder, *self.declared["postgres"].command[1:])
        self.redis_port = free_port()
        self.addresses = {
            "postgres:5432": f"127.0.0.1:{self.postgres.port}",
            "redis:6379": f"127.0.0.1:{self.redis_port}",
            "simgateway:4002": "127.0.0.1:4002",
            "0.0.0.0": "127.0.0.1",
            "/tmp": str(folder),
            **{f"/{name}": str(folder / name) for name in ("anchors", "archive")},
            **{port: str(free_port()) for port in ("8000", "8001", "5555", "4002", "4003")},
        }

    def start(self) -> None:
        """Servers, the migration, then everything else, as `depends_on` orders it."""
        self.undo.callback(self.postgres.kill)
        self.postgres.start()
        self.run_redis()
        self.run("migrate").wait(120)
        for name in OURS:
            self.run(name)

    def run_redis(self) -> None:
        """The redis service's own command line; its image has `valkey-server` on the path, and port 6379."""
        service = self.declared["redis"]
        (self.folder / "bin").mkdir()
        (self.folder / "bin/valkey-server").symlink_to(server_binary())
        *shell, script = service.command
        script = script.replace(
            "valkey-server -", f"valkey-server - --port {self.redis_port} --dir {self.folder}"
        )
        env = surroundings(service, self.folder / "bin", self.folder)
        log = self.folder / "redis.log"
        self.undo.callback(end, spawn([*shell, script], env=env, log=log, cwd=self.folder))
        eventually(self.redis_client().ping_or_false)

    def redis_client(self) -> PatientRedis:
        """A client of that Redis."""
        return PatientRedis(
            host="127.0.0.1", port=self.redis_port, password="redis-secret", decode_responses=True
        )


class PatientRedis(redis.Redis):
    """A client that can be asked before the server is there."""

    def ping_or_false(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ping())
        except redis.RedisError:
            return False


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with ExitStack() as undo:
        running = Compose(tmp_path_factory.mktemp("compose"), undo)
        running.start()
        yield running


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OURS)
def test_every_service_becomes_healthy_by_its_own_check(compose: Compose, name: str) -> None:
    assert eventually(lambda: compose.is_healthy(name), limit=120, pause=1)


@pytest.mark.soak
def test_the_options_of_postgres_are_understood(compose: Compose) -> None:
    with compose.postgres.connect() as connection:
        row = connection.execute(
            "SELECT current_setting('max_connections'), current_setting('timezone')"
        ).fetchone()
    assert row == ("200", "UTC")


@pytest.mark.soak
def test_the_redis_of_compose_is_durable_and_never_evicts(compose: Compose) -> None:
    settings = compose.redis_client().config_get("*")
    assert (settings["appendonly"], settings["maxmemory-policy"]) == ("yes", "noeviction")


def test_every_process_of_the_system_is_a_service() -> None:
    known = {process.name for process in processes(StackOptions(data=Path("/data")))}
    assert known == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_the_same_program_as_the_local_stack(name: str) -> None:
    local = {process.name: process for process in processes(StackOptions(data=Path("/data")))}
    assert shape(local[name].argv) == shape(services(VARIABLES)[name].command)


def shape(argv: Sequence[str]) -> list[str]:
    """A command line without what may differ: interpreter, addresses, folders and numbers."""
    line = " ".join(Path(word).name if "/" in word else word for word in argv)
    line = re.sub(r"^python[\d.]* (-m )?|--host \S+ ?", "", line)
    return re.sub(r"\d+(\.\d+)*", "N", line).split()


def test_a_service_waits_for_what_its_process_needs() -> None:
    """The database is waited for by way of its migration."""
    waited_for = {"postgres": "migrate", "redis": "redis"}
    for process in processes(StackOptions(data=Path("/data"))):
        depends_on = services(VARIABLES)[process.name].options["depends_on"]
        assert {waited_for[need] for need in process.needs} <= set(depends_on), process.name


def test_every_variable_that_compose_sets_is_read_somewhere() -> None:
    code = "".join(
        path.read_text()
        for folder in ("tradedesk", "orders")
        for path in Path(BASE_DIR, folder).rglob("*.py")
    )
    names = {name for service in OURS for name in services(VARIABLES)[service].environment}
    assert [name for name in names if f'"{name}"' not in code] == []


@pytest.mark.soak
def test_only_migration_and_backup_log_in_as_the_owner_of_the_database(compose: Compose) -> None:
    owners = [
        name
        for name in [*OURS, "migrate", "backup"]
        if "postgres-secret" in str(compose.service(name).environment)
    ]
    assert owners == ["migrate", "backup"]
    with compose.postgres.connect() as connection:
        users = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'tradedesk'"
        )
        assert users.fetchall() == [("tradedesk_app",)]


def test_no_secret_opens_two_doors() -> None:
    used = {
        name: [other for other, service in services(VARIABLES).items() if value in str(service.options)]
        for name, value in VARIABLES.items()
        if name.startswith(("DESK", "GRAFANA"))
    }
    assert used == {
        "DESK_PASSWORD": ["migrate"],
        "GRAFANA_PASSWORD": ["grafana"],
    }


def test_the_proxy_that_is_believed_is_the_one_of_the_file() -> None:
    told = services(VARIABLES)
    believed = {ip_network(told[name].environment["TRADEDESK_TRUSTED_PROXY"]) for name in ("web", "stream")}
    own = told["proxy"].options["networks"]["front"]["ipv4_address"]
    assert believed == {ip_network(own)}
    (pool,) = yaml.safe_load(FILE.read_text())["networks"]["front"]["ipam"]["config"]
    assert ip_network(own).subnet_of(ip_network(pool["subnet"]))
    assert not ip_network(own).subnet_of(ip_network(pool["ip_range"])), "another container may get it"


def test_a_missing_secret_stops_compose() -> None:
    for missing in VARIABLES:
        with pytest.raises(KeyError, match=missing):
            services({name: value for name, value in VARIABLES.items() if name != missing})


def test_ports_are_published_on_loopback_only() -> None:
    published = [
        port for service in services(VARIABLES).values() for port in service.options.get("ports", [])
    ]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_our_containers_are_read_only_and_without_privileges() -> None:
    for name in [*OURS, "migrate", "backup", "postgres", "redis", "proxy"]:
        options = services(VARIABLES)[name].options
        assert options["read_only"] is True
        assert options["cap_drop"] == ["ALL"]


def test_every_service_is_limited_in_memory_processes_and_log() -> None:
    for name, service in services(VARIABLES).items():
        assert {"mem_limit", "pids_limit", "logging"} <= service.options.keys(), name
        assert service.options["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_a_service_reaches_only_those_that_it_needs() -> None:
    networks = {name: set(service.options["networks"]) for name, service in services(VARIABLES).items()}
    assert {name for name, found in networks.items() if "gateway" in found} == {
        *("broker", "simgateway", "ibgateway")
    }
    assert networks["postgres"] == networks["redis"] == {"data"}
    assert not {"proxy", "prometheus", "grafana", "ibgateway"} & {
        name for name, found in networks.items() if "data" in found
    }
    assert yaml.safe_load(FILE.read_text())["networks"]["data"] == {"internal": True}


def test_every_image_is_named_to_its_version() -> None:
    """But the gateway's, of which only the operator knows which one he has tried."""
    images = {name: service.options["image"] for name, service in services(VARIABLES).items()}
    tags = {name: image.partition(":")[2] for name, image in images.items() if image != "tradedesk"}
    assert tags.pop("ibgateway") == "stable"
    assert [tag for tag in tags.values() if not re.match(r"v?\d+\.\d+", tag)] == []


def test_the_real_gateway_is_a_profile_and_paper_by_default() -> None:
    gateway = services(VARIABLES)["ibgateway"]
    assert gateway.options["profiles"] == ["ibgateway"]
    assert gateway.environment["TRADING_MODE"] == "paper"


def test_the_proxy_leads_to_services_that_listen_there() -> None:
    declared = services(VARIABLES)
    upstreams = re.findall(r"proxy_pass http://(\w+):(\d+);", (BASE_DIR / "deploy/nginx.conf").read_text())
    assert {name for name, _ in upstreams} == {"web", "stream"}
    assert all(port in declared[name].command for name, port in upstreams)


def test_every_volume_and_file_that_is_named_exists() -> None:
    parsed = yaml.safe_load(FILE.read_text())
    for service in services(VARIABLES).values():
        for volume in service.options.get("volumes", []):
            source = volume.split(":")[0]
            assert (BASE_DIR / source).is_file() if source.startswith("./") else source in parsed["volumes"]


DOCKERFILE = (BASE_DIR / "Dockerfile").read_text().replace("\\\n", " ")


def test_everything_the_dockerfile_copies_exists_and_is_not_ignored() -> None:
    sources = [line.split()[1] for line in re.findall(r"^COPY (?!--).*$", DOCKERFILE, re.MULTILINE)]
    kept = [
        line[1:] for line in (BASE_DIR / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    assert sources
    assert set(sources) == set(kept)
    assert all((BASE_DIR / source).exists() for source in sources)


def test_the_image_is_not_root_and_installs_by_hash() -> None:
    assert re.search(r"^USER tradedesk$", DOCKERFILE, re.MULTILINE)
    assert re.search(
        r"^RUN .*pip install .*--require-hashes -r /tmp/requirements\.lock", DOCKERFILE, re.MULTILINE
    )


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_the_management_commands_of_the_dockerfile_work(tmp_path: Path) -> None:
    """Without a database and without a key, as while the image is built."""
    env = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "STATIC_ROOT": str(tmp_path),
        "TRADEDESK_DATA": str(tmp_path / "data"),
    }
    (command,) = re.findall(r"python (manage\.py [^&\n]+)", DOCKERFILE)
    done = subprocess.run(
        [BIN / "python", *command.split()], env=env, cwd=BASE_DIR, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "admin").is_dir()
