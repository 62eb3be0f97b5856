"""Placing and following orders over REST; every call may be repeated and is, when no answer came."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from tradedesk_client.errors import Document, NoAnswer, raise_for
from tradedesk_client.retry import Patience, patiently
from tradedesk_client.stream import Event, follow

PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An order as recorded; `replayed` when this very request had been recorded before."""

    order: Document
    replayed: bool


class Tradedesk:
    """The REST API behind one token; may be used by several threads.

    `with Tradedesk("http://127.0.0.1:8000", token) as desk: desk.place({...})`. Numbers in orders are
    strings or Decimals, never floats. Raises ApiError for refusals and NoAnswer when tries are used up.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: Patience | None = None,
        timeout: float = 30,
        connections: int = 10,
    ) -> None:
        self.patience = patience or Patience()
        self.http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers={"Authorization": f"Token {token}"},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=timeout,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def place(self, order: Document, *, wait: int = 0) -> Placed:
        """Place an order; a missing cl_ord_id is made up before the first try, so no try can repeat it.

        `wait`: seconds to wait for the broker's answer. Raises OrderRefused when a check refuses it.
        """
        body = {"cl_ord_id": f"c-{uuid.uuid4()}", **order}
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        answer = self.request("POST", "/orders", json=body, headers=headers)
        return Placed(order=answer.json(), replayed="Idempotent-Replayed" in answer.headers)

    def place_many(self, orders: Sequence[Document], *, all_or_none: bool = False) -> list[Document]:
        """Place up to 1,000 orders; one result for each, in their order."""
        body = {"mode": "all_or_none" if all_or_none else "per_item", "orders": list(orders)}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return list(self.request("POST", "/orders/bulk", json=body, headers=headers).json()["results"])

    def order(self, order_id: str) -> Document:
        """One order as it is now."""
        return dict(self.request("GET", f"/orders/{order_id}").json())

    def cancel(self, order_id: str) -> Document:
        """Ask for a cancel; asking again while one is open is the same request.

        Its cl_ord_id is made up before the first try: a try that comes when the order is over gets the first
        one's answer.
        """
        body = {"cl_ord_id": f"c-{uuid.uuid4()}"}
        return dict(self.request("POST", f"/orders/{order_id}/cancel", json=body).json())

    def replace(self, order: Document, **terms: Any) -> Document:
        """Ask for other terms of an order as it was read; ApiError 412 when it has moved on since."""
        body = {"cl_ord_id": f"c-{uuid.uuid4()}", **terms}
        headers = {"If-Match": f'"{order["version"]}"'}
        return dict(self.request("POST", f"/orders/{order['id']}/replace", json=body, headers=headers).json())

    def orders(self, **filters: Any) -> Iterator[Document]:
        """Orders that fit, newest first, over all pages."""
        return self.pages("/orders", **filters)

    def executions(self, **filters: Any) -> Iterator[Document]:
        """Executions that fit, newest first, over all pages."""
        return self.pages("/executions", **filters)

    def positions(self, **filters: Any) -> Iterator[Document]:
        """Positions as the broker reports them."""
        return self.pages("/positions", limit=None, **filters)

    def events(self, last_event_id: str = "", **filters: Any) -> Iterator[Event]:
        """The stream of order events, for good; resumes by itself wherever it breaks."""
        url = str(self.request("GET", "/").json()["stream"])
        return follow(self.http, url, parameters(filters), last_event_id)

    def pages(self, path: str, *, limit: int | None = PAGE, **filters: Any) -> Iterator[Document]:
        """The rows of a list, page after page."""
        page = self.request("GET", path, params=parameters({"limit": limit, **filters})).json()
        yield from page["results"]
        while page["next"]:
            page = self.request("GET", page["next"].removeprefix("/api/v1")).json()
            yield from page["results"]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request that may be repeated: by its ids it takes effect once. Raises ApiError, NoAnswer."""
        if "json" in options:
            options["content"] = json.dumps(options.pop("json"), default=plain, allow_nan=False)
            options["headers"] = {**options.get("headers", {}), "Content-Type": "application/json"}
        answer = patiently(lambda: self.http.request(method, path, **options), self.patience)
        if answer is None:
            raise NoAnswer(f"{method} {path}: no answer in {self.patience.tries} tries")
        raise_for(answer)
        return answer


def parameters(filters: Document) -> dict[str, str]:
    """Filters as the server reads them; None is none."""
    return {name: parameter(value) for name, value in filters.items() if value is not None}


def parameter(value: Any) -> str:
    """A filter's value: a flag, a time with its zone, several words, or its text."""
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple() | set() | frozenset():
            return ",".join(map(parameter, value))
        case datetime() | Decimal():
            return plain(value)
    return str(value)


def plain(value: Any) -> str:
    """A Decimal or a time as JSON has it, which knows neither."""
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone, so it is no moment.")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} has no form in JSON.")
