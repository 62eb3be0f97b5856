"""A client that behaves: each request is repeated with the same ids until it is answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

import httpx

from tradedesk.chaos.plan import RAISE_BY, Plan, PlannedOrder
from tradedesk.stack.clients import Api

SENDERS = 8
PAUSE = 0.25  # seconds before a request is repeated
REQUEST_TIMEOUT = 10.0  # seconds
PATIENCE = 240.0  # seconds after the planned end
TOO_MANY = httpx.codes.TOO_MANY_REQUESTS


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The last word on one order: its status (0: never answered) and the order, {} when there is none."""

    planned: PlannedOrder
    status: int
    order: dict[str, Any]
    cancel_status: int | None = None
    replace_status: int | None = None

    @property
    def cl_ord_id(self) -> str:
        """The id that we gave it."""
        return self.planned.sample.cl_ord_id

    @property
    def taken(self) -> bool:
        """Whether the order was recorded to be sent: 201, or 200 when that answer had been lost."""
        return self.status in (httpx.codes.CREATED, httpx.codes.OK)


class Sender:
    """Sends the orders of a plan at their moments, from threads of its own.

    `repeats` counts the reasons for which a request was sent again.
    """

    def __init__(self, api: Api, plan: Plan) -> None:
        self.api = api
        self.plan = plan
        self.started = time.monotonic()
        self.repeats: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(SENDERS)
        self._answers: list[Future[Answer]] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)

    def start(self) -> None:
        """From now on the plan's clock runs."""
        self.started = time.monotonic()
        self._answers = [self._pool.submit(self._send, planned) for planned in self.plan.orders]

    def wait(self) -> list[Answer]:
        """All answers, once the last is there."""
        return [future.result() for future in self._answers]

    def _send(self, planned: PlannedOrder) -> Answer:
        self._over.wait(max(0.0, self.started + planned.at - time.monotonic()))
        answer = self._until_answered(lambda: self.api.post("/orders", json=planned.sample.body))
        if answer is None:
            return Answer(planned=planned, status=0, order={})
        said = answer.json()
        order = said if answer.is_success else said.get("order", {})
        sent = Answer(planned=planned, status=answer.status_code, order=order)
        if sent.taken and planned.replace_after is not None:
            sent = self._replace(sent)
        return self._cancel(sent) if sent.taken and planned.cancel_after is not None else sent

    def _replace(self, sent: Answer) -> Answer:
        """Ask for more shares, guarded by the version; one that moved is looked at again."""
        self._over.wait(sent.planned.replace_after or 0.0)
        status: int = httpx.codes.PRECONDITION_FAILED
        while status == httpx.codes.PRECONDITION_FAILED and not self._over.is_set():
            answer = self._until_answered(lambda: self._ask_for_more(sent))
            status = answer.status_code if answer is not None else 0
        return replace(sent, replace_status=status)

    def _ask_for_more(self, sent: Answer) -> httpx.Response:
        seen = self.api.get(f"/orders/{sent.order['id']}")
        if not seen.is_success:
            return seen
        wanted = Decimal(sent.planned.sample.body["order_qty"]) + RAISE_BY
        return self.api.post(
            f"/orders/{sent.order['id']}/replace",
            json={"cl_ord_id": f"{sent.cl_ord_id}-r", "order_qty": str(wanted)},
            headers={"If-Match": f'"{seen.json()["version"]}"'},
        )

    def _cancel(self, sent: Answer) -> Answer:
        self._over.wait(sent.planned.cancel_after or 0.0)
        answer = self._until_answered(lambda: self.api.cancel(sent.order["id"]))
        status = answer.status_code if answer is not None else 0
        return replace(sent, cancel_status=status)

    def _until_answered(self, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        """The first answer that is one; None when there was none long after everything was healed."""
        deadline = self.started + self.plan.duration + PATIENCE
        while time.monotonic() < deadline and not self._over.is_set():
            try:
                answer = ask()
            except httpx.TransportError as error:
                self.repeats[type(error).__name__] += 1
            else:
                if not answer.is_server_error and answer.status_code != TOO_MANY:
                    return answer
                self.repeats[str(answer.status_code)] += 1
            self._over.wait(PAUSE)
        return None
