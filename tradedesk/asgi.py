"""ASGI application of the stream process: `GET /api/v1/stream`, /healthz and /metrics, nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")

import django

from tradedesk import env

env.require_secret_key()  # it reads the logins of the desk
django.setup()

from django.http import JsonResponse  # noqa: E402

from orders.api.problems import Problem, problem_response  # noqa: E402
from orders.api.stream.app import Stream, respond  # noqa: E402
from orders.desk_sessions import is_own_host  # noqa: E402
from tradedesk import clock_watch  # noqa: E402
from tradedesk.liveness import EVERY, Heartbeat  # noqa: E402
from tradedesk.metrics import stream_metrics  # noqa: E402

_streams: list[Stream] = []


def stream() -> Stream:
    """The process's stream, made on its event loop with the first listener."""
    if not _streams:
        _streams.append(Stream())
        end_with_process(_streams[0])
    return _streams[0]


def end_with_process(stream: Stream) -> None:
    """End all streams at SIGTERM and SIGINT: servers wait for open answers before they tell the lifespan.

    The server's own handler still runs: asyncio hears of signals by its wake-up descriptor, whatever
    handler Python has. Called once the server has set its handlers, so that it does not replace ours.
    """
    loop = asyncio.get_running_loop()
    with suppress(ValueError):  # not the main thread: somebody else looks after signals
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stream.end))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Route by path; the life of the process ends all streams."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] != "http":
        return
    elif scope["path"] == "/api/v1/stream":
        await stream()(scope, receive, send)
    elif scope["path"] == "/healthz":
        await respond(send, JsonResponse({"status": "alive"}), {})
    elif scope["path"] == "/metrics" and is_own_host(host_of(scope)):
        await respond(send, stream_metrics(sum(each.readers for each in _streams)), {})
    else:
        await respond(send, problem_response(Problem("NOT_FOUND")), {})


def host_of(scope: Any) -> str:
    """The Host header of a request; without one, no host of ours."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


async def lifespan(receive: Any, send: Any) -> None:
    """Start and end as the server says; an end must not wait for listeners that never go."""
    beating = asyncio.create_task(beat())
    clock_watch.keep("stream")
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            for each in _streams:
                await each.close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            beating.cancel()
            return


async def beat() -> None:
    """Say that the event loop turns."""
    heartbeat = Heartbeat("stream")
    while True:
        heartbeat.beat()
        await asyncio.sleep(EVERY)
