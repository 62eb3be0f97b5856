"""The ASGI application of the stream: one long answer per listener, heartbeats, a clean end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings
from django.db import Error, connection
from django.http import HttpResponse
from redis.exceptions import RedisError

from orders.access import address_of as address_of_meta
from orders.api.authentication import Access
from orders.api.problems import Problem, problem_of, problem_response
from orders.api.stream import authentication, feed
from orders.api.stream.feed import Feed
from orders.api.stream.listener import Subscriber, dropped
from orders.api.stream.subscription import Subscription, read_subscription
from orders.notify.redis_client import async_client
from orders.notify.wakeup import events_channel

log = logging.getLogger(__name__)

SEND_LIMIT = 30.0  # seconds; a reader that takes nothing for so long is cut off, and may resume
SLOW = 10.0  # seconds; one that takes so long is told that it is dropped, and may resume
LISTEN = 2.0  # seconds until the connection to Redis is looked after
Headers = dict[str, str]
P = ParamSpec("P")
T = TypeVar("T")


def in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """The function in a thread, its database connection given back to the pool: nothing blocks the loop."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connection.close()

    return sync_to_async(run, thread_sensitive=False)


class Stream:
    """`GET /api/v1/stream`. One instance per process; its feed starts with the first listener."""

    def __init__(self) -> None:
        self.feed = Feed(in_thread(feed.read_items), in_thread(feed.newest))
        self._authorise = in_thread(authentication.authorise)
        self._copies = in_thread(feed.read_copies)
        self.readers = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one listener until it goes, loses its access or the process ends."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if scope["method"] == "OPTIONS":
            await respond(send, HttpResponse(status=204), preflight(headers))
            return
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise Problem("METHOD_NOT_ALLOWED", headers={"Allow": "GET, HEAD, OPTIONS"})
            wanted = read_subscription(
                scope["query_string"].decode("latin-1"), headers.get("last-event-id", "")
            )
            address = address_of(scope, headers)
            access = await self._authorise(headers, address)
            authentication.is_drop_copy(access, asked=wanted.drop_copy)
        except (Problem, Error) as error:
            problem = problem_of(error) or Problem("INTERNAL_ERROR")
            await respond(send, problem_response(problem), authentication.cors(headers))
            return
        if scope["method"] == "HEAD":
            await begin(send, headers)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        self._start_feed()
        self.readers += 1
        try:
            await self._until_gone(receive, self._write(headers, wanted, access, send, address))
        finally:
            self.readers -= 1

    def end(self) -> None:
        """End every stream."""
        self._closing.set()

    async def close(self) -> None:
        """End every stream and the feed."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_feed(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self.feed.run()), asyncio.create_task(listen(self.feed.heard))]

    async def _until_gone(self, receive: ASGIReceiveCallable, writing: Any) -> None:
        """Write until the writer ends, the client goes, or the process closes."""
        ends = [
            asyncio.create_task(writing),
            asyncio.create_task(disconnected(receive)),
            asyncio.create_task(self._closing.wait()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            for result in await asyncio.gather(*ends, return_exceptions=True):
                if isinstance(result, Exception):
                    log.info("stream ended", extra={"error": repr(result)})

    async def _write(
        self,
        headers: Headers,
        wanted: Subscription,
        access: Access,
        send: ASGISendCallable,
        address: str = "",
    ) -> None:
        await begin(send, headers)
        whole = authentication.is_drop_copy(access, asked=wanted.drop_copy)
        copies = self._copies if whole else None
        listener = Subscriber(self.feed, access, lambda: self._authorise(headers, address), wanted, copies)
        async for block in listener.blocks():
            if await self._send(send, block) > SLOW:
                await self._send(send, dropped("SLOW_READER", "Resume from your last event id."))
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: ASGISendCallable, block: bytes) -> float:
        """Send a block; the seconds until the reader had room for it. Raises TimeoutError."""
        started = time.monotonic()
        async with asyncio.timeout(SEND_LIMIT):
            await send({"type": "http.response.body", "body": block, "more_body": True})
        return time.monotonic() - started


def address_of(scope: HTTPScope, headers: Headers) -> str:
    """Where the listener is, by the rule of all requests."""
    client = scope.get("client")
    told = headers.get("x-forwarded-for", "")
    return address_of_meta({"REMOTE_ADDR": client[0] if client else "", "HTTP_X_FORWARDED_FOR": told})


def preflight(headers: Headers) -> dict[str, str]:
    """The answer to a browser that asks whether it may send a token from another origin."""
    return {
        **authentication.cors(headers),
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "Authorization, Last-Event-ID, Cache-Control",
        "Access-Control-Max-Age": "600",
    }


async def disconnected(receive: ASGIReceiveCallable) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def listen(heard: Callable[[bytes], None]) -> None:
    """Pass on what Redis says of events and sessions; without Redis the feed looks by itself."""
    while True:
        with suppress(RedisError, OSError):
            client = async_client(socket_connect_timeout=settings.REDIS_TIMEOUT, health_check_interval=5)
            async with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.subscribe(events_channel())
                while True:
                    if said := await pubsub.get_message(timeout=LISTEN):
                        heard(said["data"])
        await asyncio.sleep(1)


async def begin(send: ASGISendCallable, headers: Headers) -> None:
    """The head of a stream's answer."""
    start = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    start += [(b"cache-control", b"no-store"), *encoded(authentication.cors(headers))]
    await send({"type": "http.response.start", "status": 200, "headers": start, "trailers": False})


def encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def respond(send: ASGISendCallable, response: HttpResponse, headers: dict[str, str]) -> None:
    """Send a short answer."""
    both = encoded({**dict(response.items()), **headers, "Content-Length": str(len(response.content))})
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": both, "trailers": False}
    )
    await send({"type": "http.response.body", "body": response.content, "more_body": False})
