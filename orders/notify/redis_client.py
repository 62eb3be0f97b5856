"""How this house talks to Redis: short waits, no repeats, and no question to one that did not answer.

Redis is never the record, so whoever asks it has an answer for the case that it is away.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

log = logging.getLogger(__name__)

#: What a Redis that is down, slow or full raises, directly and through kombu.
REDIS_ERRORS = (redis.RedisError, OperationalError, OSError)
REQUEST_TIMEOUT = 0.05  # seconds that a request waits for Redis
AWAY_FOR = 3.0  # seconds in which nobody in this process waits for a Redis that did not answer


class Availability:
    """Whether it makes sense to wait for Redis; shared by all that requests do with it."""

    def __init__(self) -> None:
        self._away_until = 0.0

    def require(self) -> None:
        """Raise ConnectionError at once while Redis is held to be away."""
        if time.monotonic() < self._away_until:
            raise redis.ConnectionError("Redis did not answer a moment ago.")

    def failed(self, error: Exception) -> None:
        """It did not answer in time, or could not be reached."""
        self._away_until = time.monotonic() + AWAY_FOR
        log.warning("redis does not answer", extra={"error": repr(error)})

    def reset(self) -> None:
        """Ask again at once."""
        self._away_until = 0.0


availability = Availability()


class RequestConnection(redis.connection.AbstractConnection):
    """Mixed into a connection: fails at once while Redis is away, and says so to the others when it is.

    A connection that the server has closed is no sign of absence; the next one may well be served.
    """

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """As always, unless Redis is away."""
        availability.require()
        try:
            return super().connect(*args, **kwargs)  # type: ignore[no-untyped-call]
        except REDIS_ERRORS as error:
            availability.failed(error)
            raise

    def send_packed_command(self, *args: Any, **kwargs: Any) -> Any:
        """As always, unless Redis is away."""
        availability.require()
        return super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """As always; no answer in time holds Redis to be away."""
        try:
            return super().read_response(*args, **kwargs)
        except redis.TimeoutError as error:
            availability.failed(error)
            raise


def worker_options() -> dict[str, Any]:
    """For clients of workers, which may wait a little; no retries: a repeated SET NX answers wrongly."""
    return {
        "socket_timeout": settings.REDIS_TIMEOUT,
        "socket_connect_timeout": settings.REDIS_TIMEOUT / 2,
        "retry": Retry(NoBackoff(), 0),
    }


def request_options() -> dict[str, Any]:
    """For clients of requests: one waits at most 50 ms for a frozen Redis, the next ones not at all."""
    return {
        "socket_timeout": REQUEST_TIMEOUT,
        "socket_connect_timeout": REQUEST_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "connection_class": type("RequestConnection", (RequestConnection, plain_connection()), {}),
    }


def plain_connection() -> type:
    """The class of connections to the Redis of the settings: by a socket, by TLS, by asking Sentinels."""
    if by_sentinel():
        return SentinelManagedConnection
    url: dict[str, Any] = parse_url(settings.REDIS_URL)  # type: ignore[no-untyped-call]
    found: type = url.get("connection_class", redis.Connection)
    return found


def by_sentinel() -> bool:
    """Whether Sentinels are asked which Redis is the primary: "sentinel://:password@a:26379;sentinel://b"."""
    return bool(settings.REDIS_URL.startswith("sentinel://"))


def sentinel_facts() -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Where the Sentinels are, and how to log in to what they lead to."""
    parts = [urlsplit(part) for part in settings.REDIS_URL.split(";")]
    places = [(part.hostname or "", part.port or 26379) for part in parts]
    login = {"username": parts[0].username or None, "password": unquote(parts[0].password or "") or None}
    return places, {**login, "db": int(parts[0].path.strip("/") or 0)}


def sentinel_login() -> dict[str, Any]:
    """How to speak to the Sentinels themselves."""
    password = settings.REDIS_SENTINEL_PASSWORD or None
    return {"password": password, "socket_timeout": settings.REDIS_TIMEOUT}


def pool(**options: Any) -> redis.ConnectionPool:
    """Connections to the Redis of the settings, to the primary of this moment where Sentinels know it."""
    if not by_sentinel():
        return redis.ConnectionPool.from_url(settings.REDIS_URL, **options)
    places, login = sentinel_facts()
    sentinel = Sentinel(places, sentinel_kwargs=sentinel_login())  # type: ignore[no-untyped-call]
    return SentinelConnectionPool(settings.REDIS_PRIMARY, sentinel, **(login | options))  # type: ignore[no-untyped-call]


def connected(**options: Any) -> redis.Redis:
    """A client with a pool of its own."""
    return redis.Redis.from_pool(pool(**options))


def async_client(**options: Any) -> redis.asyncio.Redis:
    """The same for an event loop."""
    if not by_sentinel():
        return redis.asyncio.Redis.from_url(settings.REDIS_URL, **options)
    places, login = sentinel_facts()
    sentinel = redis.asyncio.Sentinel(places, sentinel_kwargs=sentinel_login())  # type: ignore[no-untyped-call]
    found: redis.asyncio.Redis = sentinel.master_for(settings.REDIS_PRIMARY, **(login | options))
    return found


@cache
def client() -> redis.Redis:
    """A worker's client, one per process."""
    return connected(**worker_options())


@cache
def request_client() -> redis.Redis:
    """The client of requests, one per process."""
    return connected(**request_options())


def forget_clients() -> None:
    """Begin anew, for a changed REDIS_URL."""
    client.cache_clear()
    request_client.cache_clear()
    availability.reset()
