"""PostgreSQL and Redis of a stack: embedded ones, unless the environment names others."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Self

import psycopg
import redis

from tradedesk.stack.errors import StackError
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.servers.postgres import EmbeddedPostgres
from tradedesk.stack.servers.redis import EmbeddedRedis
from tradedesk.stack.servers.server import Server


class Servers:
    """A context in which `database_url` and `redis_url` are served."""

    def __init__(self, folder: DataFolder, *, redis_port: int | None = None) -> None:
        self.postgres = None if os.environ.get("DATABASE_URL") else embedded_postgres(folder)
        self.redis = None if os.environ.get("REDIS_URL") else embedded_redis(folder, redis_port)
        self.started = ExitStack()

    @property
    def database_url(self) -> str:
        """URL of the database for web and workers."""
        return self.postgres.app_url if self.postgres else os.environ["DATABASE_URL"]

    @property
    def owner_url(self) -> str:
        """URL of the database for who migrates it."""
        if self.postgres:
            return self.postgres.url
        return os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return self.redis.url if self.redis else os.environ["REDIS_URL"]

    @property
    def embedded(self) -> list[Server]:
        """The servers that are ours to start and stop."""
        return [server for server in (self.postgres, self.redis) if server]

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for server in self.embedded:
                undo.callback(server.stop)
                server.start()
            if not self.postgres:
                check_database(self.database_url)
            if not self.redis:
                check_redis(self.redis_url)
            self.started = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.started.close()


def embedded_postgres(folder: DataFolder, *, durable: bool = True) -> EmbeddedPostgres:
    """The PostgreSQL of this data folder."""
    return EmbeddedPostgres(
        folder.path / "postgres",
        password=folder.secret("postgres_password"),
        log=folder.logs / "postgres.log",
        durable=durable,
        app_password=folder.secret("postgres_app_password"),
    )


def embedded_redis(folder: DataFolder, port: int | None) -> EmbeddedRedis:
    """The Redis of this data folder."""
    return EmbeddedRedis(
        folder.path / "redis",
        password=folder.secret("redis_password"),
        log=folder.logs / "redis.log",
        port=port,
    )


def check_database(url: str) -> None:
    """Raise StackError, without the password in it, when nobody can log in there."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise StackError(
            f"The database of DATABASE_URL cannot be used ({reason}): correct it, or unset it."
        ) from None


def check_redis(url: str) -> None:
    """Raise StackError when nobody answers there."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=None) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StackError(
            f"The Redis of REDIS_URL cannot be used ({error}): correct it, or unset it."
        ) from None
