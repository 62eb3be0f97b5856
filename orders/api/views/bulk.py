"""Many orders in one request: placed one by one or all or none."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import partial
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders import selectors
from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.bodies import BULK_FIELDS, BulkMode, read_fields, read_ticket
from orders.api.keys import key_of, takes_key
from orders.api.problems import Problem, problem_document, problem_of
from orders.api.resources import Document
from orders.api.schema import bulk as schema
from orders.api.views.orders import permitted, shown
from orders.entry.idempotency import once
from orders.entry.place import Line, place_orders, resolve_lines
from orders.entry.reading.fields import Wrong, meaning
from orders.models import Scope, Source


class OrderBulk(ApiView):
    """Up to 1,000 orders at once."""

    acts = False
    scopes = {"POST": Scope.TRADE}

    @extend_schema(**schema.PLACE_ORDERS)
    @takes_key
    def post(self, request: Request) -> HttpResponse:
        """Record them and answer for each, in the order in which they came."""
        body = read_fields(request.data, BULK_FIELDS)
        mode = body.get("mode", BulkMode.PER_ITEM)

        lines = [self._line(item) for item in body["orders"]]
        key = key_of(request)
        if not key:
            return self._answer(self._place(lines, mode), mode)
        said = [meaning(item, bodies.order) for item in body["orders"]]
        meant = json.dumps([mode, said], sort_keys=True).encode()
        digest = hashlib.sha256(meant).hexdigest()
        resolve_lines(
            lines, self.access.user.get_username()
        )  # before the transaction that the key and its orders share
        place = partial(self._place, lines, mode, ask_broker=False)
        results, replayed = once(self.access.user, key, digest, place)
        return self._replay(results, lines, mode) if replayed else self._answer(results, mode)

    def _place(self, lines: list[Line], mode: BulkMode, *, ask_broker: bool = True) -> list[Document]:
        place_orders(
            lines,
            client=self.access.user,
            source=Source.API,
            received_at=self.received_at,
            all_or_none=mode == BulkMode.ALL_OR_NONE,
            ask_broker=ask_broker,
        )
        return [result(index, line) for index, line in enumerate(lines)]

    def _line(self, item: Any) -> Line:
        try:
            ticket = permitted(self.access, read_ticket(item))
        except Problem as problem:
            return Line(ticket=None, error=problem, settled=True, name=name_of(item))
        return Line(ticket=ticket)

    def _replay(self, kept: list[Document], lines: list[Line], mode: BulkMode) -> HttpResponse:
        """The results of the first time, but for orders of accounts that the token has lost since."""
        seen = [
            result(index, line) if line.error else each
            for index, (each, line) in enumerate(zip(kept, lines, strict=True))
        ]
        refused = any(each["problem"] for each in kept)
        return self._answer(seen, mode if refused else BulkMode.PER_ITEM, {"Idempotent-Replayed": "true"})

    def _answer(
        self, results: list[Document], mode: BulkMode, headers: dict[str, str] | None = None
    ) -> HttpResponse:
        """The results with their orders as they are now."""
        rows = selectors.orders_of(self.access.accounts).filter(pk__in=[r["order_id"] for r in results])
        orders = {str(order.id): shown(order) for order in rows}
        told = [{**each, "order": orders.get(each["order_id"])} for each in results]
        if mode == BulkMode.ALL_OR_NONE and any(each["problem"] for each in results):
            wrong = sum(each["status"] != 424 for each in results if each["problem"])
            detail = f"{wrong} of {len(results)} orders were refused, so none was placed."
            raise Problem("BULK_REFUSED", detail, headers=headers, results=told)
        summary = Counter(str(each["status"]) for each in results)
        return answer({"results": told, "summary": summary}, headers=headers)


def name_of(item: Any) -> str | None:
    """The cl_ord_id that an entry gives, whatever else is wrong with it; None when that is none."""
    try:
        return str(bodies.cl_ord_id(item["cl_ord_id"]))
    except (Wrong, KeyError, TypeError):
        return None


def result(index: int, line: Line) -> Document:
    """What became of one order, in the form that is stored: the order itself is read anew each time."""
    problem = problem_of_line(line)
    return {
        "index": index,
        "cl_ord_id": line.ticket.cl_ord_id if line.ticket else line.name,
        "status": problem["status"] if problem else 201 if line.created else 200,
        "order_id": str(line.order.id) if line.order and line.stored else None,
        "problem": problem,
    }


def problem_of_line(line: Line) -> Document | None:
    """The problem that a line alone would have been answered with."""
    if line.error:
        problem = problem_of(line.error)
        if problem is None:
            raise line.error
        return problem_document(problem)
    order = line.order
    if order and order.is_refused_here:
        refused = Problem(
            order.reason_code, order.reason_text, kind="REFUSED_BY_CHECK", report=order.check_report
        )
        return problem_document(refused)
    return None
