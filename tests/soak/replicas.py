"""Systems whose PostgreSQL or Redis has a second one that takes over."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import HOST, free_port
from tradedesk.stack.processes.process import end, identity, spawn
from tradedesk.stack.servers.accounts import postgres_home
from tradedesk.stack.servers.cluster import seen_by
from tradedesk.stack.servers.postgres import ROLE, EmbeddedPostgres
from tradedesk.stack.servers.redis import EmbeddedRedis, server_binary
from tradedesk.stack.servers.server import Server
from tradedesk.stack.system import System

WAITS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
PRIMARY = "mymaster"


def base_backup(primary: EmbeddedPostgres, folder: Path, *options: str) -> None:
    """Copy a running server's files into a new folder, with the WAL that makes them whole."""
    folder.mkdir(mode=0o700)
    account = primary.account
    if account:
        os.chown(folder, account.uid, account.gid)
    copied = subprocess.run(
        [
            str(postgres_home(account) / "bin/pg_basebackup"),
            f"--dbname=postgresql://{ROLE}@{HOST}:{primary.port}/postgres",
            f"--pgdata={seen_by(account, folder)}",
            *("--wal-method=stream", "--checkpoint=fast", *options),
        ],
        cwd=folder,
        env={"PGPASSWORD": primary.password, "LC_ALL": "C", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        **identity(account),
    )
    assert copied.returncode == 0, copied.stderr


class Standby(EmbeddedPostgres):
    """A standby: a base backup of the primary that follows its WAL."""

    name = "the standby"

    def follow(self, primary: EmbeddedPostgres) -> None:
        """Copy the primary and start."""
        base_backup(primary, self.folder, "--write-recovery-conf")
        Server.start(self)  # a standby cannot be told passwords

    def promote(self) -> None:
        """From now on it is the primary."""
        with self.connect("postgres") as connection:
            connection.execute("SELECT pg_promote()")


class WithStandby(System):
    """PostgreSQL with a synchronous standby; the processes know both addresses."""

    def _start_servers(self, undo: ExitStack) -> None:
        super()._start_servers(undo)
        primary = self.postgres
        self.standby = Standby(
            self.folder.path / "standby",
            password=primary.password,
            log=self.folder.logs / "standby.log",
            app_password=primary.app_password,
        )
        undo.callback(self.standby.kill)
        self.standby.follow(primary)
        with primary.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: self.rows(WAITS) == [(1,)])
        self.environment["DATABASE_URL"] = (
            f"postgresql://tradedesk_app:{primary.app_password}@/tradedesk?host={HOST},{HOST}"
            f"&port={primary.port},{self.standby.port}&target_session_attrs=read-write"
        )

    def lose_primary(self) -> None:
        """SIGKILL the primary; its standby is promoted by whoever looks after it."""
        self.postgres.kill()
        self.postgres = self.standby
        self.standby.promote()


class WithSentinel(System):
    """Redis with a replica and three Sentinels, which decide who is the primary."""

    def _start_servers(self, undo: ExitStack) -> None:
        super()._start_servers(undo)
        password = self.redis.password
        self.replica = EmbeddedRedis(
            self.folder.path / "replica", password=password, log=self.folder.logs / "replica.log"
        )
        undo.callback(self.replica.kill)
        self.replica.start()
        with self.redis.client() as first, self.replica.client() as second:
            first.config_set("masterauth", password)
            second.config_set("masterauth", password)
            second.replicaof(HOST, self.redis.port)
        ports = [self._sentinel(undo, number) for number in range(3)]
        places = ";".join(f"sentinel://:{password}@{HOST}:{port}" for port in ports)
        self.environment["REDIS_URL"] = f"{places}/0"

    def _sentinel(self, undo: ExitStack, number: int) -> int:
        port = free_port()
        folder = Path(self.folder.path / f"sentinel-{number}")
        folder.mkdir()
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f"bind {HOST}\nport {port}\ndir {folder}\n"
            f"sentinel monitor {PRIMARY} {HOST} {self.redis.port} 2\n"
            f"sentinel auth-pass {PRIMARY} {self.redis.password}\n"
            f"sentinel down-after-milliseconds {PRIMARY} 2000\n"
            f"sentinel failover-timeout {PRIMARY} 6000\n"
        )
        argv = [str(server_binary()), str(configuration), "--sentinel"]
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        log = self.folder.logs / f"sentinel-{number}.log"
        undo.callback(end, spawn(argv, env=env, log=log, cwd=folder))
        return port

    def lose_primary(self) -> None:
        """SIGKILL the primary; the Sentinels find that out by themselves."""
        self.redis.kill()
