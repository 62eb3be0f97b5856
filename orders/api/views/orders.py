"""Orders: place, read, follow, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders import selectors
from orders.api.authentication import Access
from orders.api.base import ApiView, answer, etag_of
from orders.api.bodies import cl_ord_id as cl_ord_id_reader
from orders.api.bodies import read_ticket
from orders.api.keys import key_of, takes_key
from orders.api.prefer import wait_for_broker, wanted_wait
from orders.api.problems import Problem, invalid, problem_response
from orders.api.queries import DEFAULT_LIMIT, EVENT_FIELDS, ORDER_FIELDS, page, read_query
from orders.api.resources import event_document, order_document, share_fields
from orders.api.schema import orders as schema
from orders.entry.idempotency import once
from orders.entry.place import Line, Placed, place_order, place_orders, resolve_lines
from orders.entry.reading.fields import Wrong
from orders.entry.reading.ticket import Ticket
from orders.errors import FieldError
from orders.models import Order, OrderRequest, Scope, Source
from orders.order_search import OrderFilter, find_orders, requests_by_order


class OrderList(ApiView):
    """All orders of the token's accounts."""

    acts = False
    has_query = True
    scopes = {"GET": Scope.READ, "POST": Scope.TRADE}

    @extend_schema(**schema.PLACE_ORDER)
    @takes_key
    def post(self, request: Request) -> HttpResponse:
        """Record an order and answer before the broker speaks."""
        access = self.access
        ticket, key = permitted(access, read_ticket(request.data)), key_of(request)
        if key:
            placed = self._place_once(ticket, key)
        else:
            placed = place_order(ticket, client=access.user, source=Source.API, received_at=self.received_at)
        wait = wanted_wait(request)
        if not wait or not wait_for_broker(placed.order, wait):
            return placed_answer(placed)
        answered = Placed(order=selectors.order_of(access.accounts, placed.order.id), created=placed.created)
        return placed_answer(answered, {"Preference-Applied": f"wait={wait}"})

    def _place_once(self, ticket: Ticket, key: str) -> Placed:
        """Place it once for its Idempotency-Key, which names this request alone."""
        client, line = self.access.user, Line(ticket=ticket)
        resolve_lines(
            [line], client.get_username()
        )  # before the transaction that the key and its order share

        def place() -> dict[str, str]:
            place_orders(
                [line], client=client, source=Source.API, received_at=self.received_at, ask_broker=False
            )
            if line.error:
                raise line.error
            return {"order_id": str(line.order and line.order.id)}

        kept, replayed = once(client, key, ticket.fingerprint(), place)
        order = line.order
        if replayed or order is None:
            order = selectors.order_of(self.access.accounts, UUID(kept["order_id"]))
        return Placed(order=order, created=line.created and not replayed)

    @extend_schema(**schema.LIST_ORDERS)
    def get(self, request: Request) -> HttpResponse:
        """Orders, newest first."""
        query = read_query(request.query_params, ORDER_FIELDS)
        limit, cursor = query.pop("limit", DEFAULT_LIMIT), query.pop("cursor", None)
        fields = query.pop("fields", None)
        rows = find_orders(self.access.accounts, filter_of(query), before=cursor, limit=limit + 1)
        return page(request, rows, shown_of(rows), limit=limit, cursor=lambda order: order.id, fields=fields)


class OrderDetail(ApiView):
    """One order by our id."""

    @extend_schema(**schema.READ_ORDER)
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """The order."""
        return order_answer(*selectors.order_and_requests(self.access.accounts, order_id))


class OrderByClOrdId(ApiView):
    """One order by the id that the client gave it."""

    @extend_schema(**schema.READ_ORDER_BY_CL_ORD_ID)
    def get(self, request: Request, cl_ord_id: str) -> HttpResponse:
        """The order."""
        try:
            cl_ord_id_reader(cl_ord_id)
        except Wrong:
            raise Http404 from None
        access = self.access
        order = selectors.order_of_client(access.accounts, access.user, cl_ord_id)
        return order_answer(order, order.requests.all())


class OrderEvents(ApiView):
    """What happened to an order."""

    has_query = True

    @extend_schema(**schema.LIST_EVENTS)
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """Events, first to last; the cursor is a version."""
        query = read_query(request.query_params, EVENT_FIELDS)
        order = selectors.order_of(self.access.accounts, order_id)
        rows = selectors.events_of(order.id).filter(version__gt=query.pop("cursor", 0))
        return page(request, rows, event_document, cursor=lambda event: event.version, **query)


def filter_of(query: dict[str, Any]) -> OrderFilter:
    """The filter that a query asks for; takes it out of the query."""
    return OrderFilter(states=query.pop("state", ()), status=query.pop("ord_status", None), **query)


def order_answer(order: Order, requests: Iterable[OrderRequest]) -> HttpResponse:
    """An order; its ETag begins with the version, which is what If-Match compares."""
    response = answer(order_document(order, requests) | share_fields(order))
    response["ETag"] = etag_of(response.content, f"{order.version}-")
    return response


def permitted(access: Access, ticket: Ticket) -> Ticket:
    """The ticket as this caller may place it, of its token's strategy; raises Problem INVALID."""
    if errors := permission_errors(access, ticket):
        raise invalid(errors)
    return of_token(access, ticket) if access.strategy else ticket


def of_token(access: Access, ticket: Ticket) -> Ticket:
    """The ticket, which may be placed, of the token's strategy."""
    return msgspec.structs.replace(ticket, strategy=access.strategy)


def permission_errors(access: Access, ticket: Ticket) -> list[FieldError]:
    """An account that does not exist for this caller, a strategy that is not its token's."""
    errors = []
    if ticket.account not in access.accounts:
        errors.append(FieldError("account", "UNKNOWN", "There is no such account."))
    if ticket.override and Scope.RISK not in access.scopes:
        text = "The token lacks the scope risk, so it cannot override warnings."
        errors.append(FieldError("override", "NOT_PERMITTED", text))
    if access.strategy and ticket.strategy not in ("", access.strategy):
        text = f"This token places orders of the strategy {access.strategy} only."
        errors.append(FieldError("strategy", "NOT_PERMITTED", text))
    return errors


def shown(order: Order) -> dict[str, object]:
    """An order that a selector loaded."""
    return order_document(order, order.requests.all())


def shown_of(orders: Sequence[Order]) -> Callable[[Order], dict[str, object]]:
    """How each of some orders is shown that a search found; the requests of all are read at once."""
    asked = requests_by_order(orders)
    return lambda order: order_document(order, asked[order.id])


def placed_answer(placed: Placed, more: Mapping[str, str] | None = None) -> HttpResponse:
    """201 for a new order, 200 for one placed before, 422 with the report for one that a check refused."""
    order = placed.order
    requests: list[OrderRequest] = [] if order.version == 1 else list(order.requests.all())
    document = order_document(order, requests)
    headers = {"Location": f"/api/v1/orders/{order.id}", **(more or {})}
    if not placed.created:
        headers["Idempotent-Replayed"] = "true"
    if order.is_refused_here:
        return problem_response(
            Problem(
                order.reason_code,
                order.reason_text,
                kind="REFUSED_BY_CHECK",
                headers=headers,
                report=order.check_report,
                order=document,
            )
        )
    return answer(document, status=201 if placed.created else 200, headers=headers)
