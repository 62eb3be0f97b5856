"""The WSGI and ASGI applications under the profiler: the server's own threads are not started by Python."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradedesk.bench.path.recorder import recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ORDERS = "/api/v1/orders"


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`tradedesk.wsgi`; records when an order comes in and when its answer is made."""
    from tradedesk.wsgi import application

    if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != ORDERS:
        return application(environ, start_response)
    records = recorder()
    sys.setprofile(records.profile)
    records.record("request", "-")
    try:
        return application(environ, start_response)
    finally:
        records.record("answer", "-")
        sys.setprofile(None)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """`tradedesk.asgi`; records what is sent to a reader."""
    from tradedesk.asgi import application

    records = recorder()
    sys.setprofile(records.profile)

    async def recorded(message: Any) -> None:
        if message["type"] == "http.response.body":
            records.record("delivered", repr(message.get("body", b"")))
        await send(message)

    await application(scope, receive, recorded)
