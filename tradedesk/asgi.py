"""ASGI application of the stream process: `GET /api/v1/stream` and /healthz, nothing else."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")

import django

django.setup()

from django.http import JsonResponse  # noqa: E402

from orders.api.problems import Problem, problem_response  # noqa: E402
from orders.api.stream.app import Stream, respond  # noqa: E402

_streams: list[Stream] = []


def stream() -> Stream:
    """The process's stream, made on its event loop."""
    if not _streams:
        _streams.append(Stream())
    return _streams[0]


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
    else:
        await respond(send, problem_response(Problem("NOT_FOUND")), {})


async def lifespan(receive: Any, send: Any) -> None:
    """Start and end as the server says; an end must not wait for listeners that never go."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await stream().close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
