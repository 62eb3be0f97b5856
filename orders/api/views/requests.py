"""Requests on orders: cancel, replace, cancel many; each is a resource with a state of its own."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from orders import selectors
from orders.api.base import ApiView, answer
from orders.api.bodies import (
    CANCEL_FIELDS,
    CANCEL_MANY_FIELDS,
    REPLACE_FIELDS,
    read_cancel,
    read_change,
    read_fields,
    read_if_match,
)
from orders.api.keys import keyed
from orders.api.problems import Problem, problem_document, problem_of
from orders.api.queries import whole_list
from orders.api.resources import Document, request_document
from orders.api.schema import requests as schema
from orders.entry.cancel import cancel_order, canceled_with
from orders.entry.replace import RecordedRequest, replace_order
from orders.errors import OrderError
from orders.models import Order, OrderRequest, Scope
from orders.order_search import OrderFilter, find_orders

CANCELED_AT_ONCE = 500


class OrderRequests(ApiView):
    """The requests on one order."""

    @extend_schema(**schema.LIST_REQUESTS)
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """Requests, first to last."""
        order = selectors.order_of(self.access.accounts, order_id)
        return whole_list(request_document(each) for each in order.requests.all())


class RequestDetail(ApiView):
    """One request."""

    @extend_schema(**schema.READ_REQUEST)
    def get(self, request: Request, request_id: UUID) -> HttpResponse:
        """What was asked and what the broker answered."""
        return answer(request_document(selectors.request_of(self.access.accounts, request_id)))


class OrderCancel(ApiView):
    """Requests to cancel an order."""

    acts = False
    scopes = {"POST": Scope.CANCEL}

    @extend_schema(**schema.CANCEL_ORDER)
    @keyed(CANCEL_FIELDS)
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Ask for the cancel; asking again while one is open gives that one.

        `also_cancels`, where there are any, are the orders of its group that the broker cancels with it.
        """
        order = selectors.order_of(self.access.accounts, order_id)
        cl_ord_id, alone = read_cancel(request.data)
        others = [str(other.id) for other in canceled_with(order)]
        asked = cancel_order(
            order.id, actor=self.access.actor, at=self.received_at, cl_ord_id=cl_ord_id, alone=alone
        )
        document = {**request_document(asked), **({"also_cancels": others} if others else {})}
        return answer(document, status=202, headers=location(asked))


class OrderReplace(ApiView):
    """Requests to change the terms of an order."""

    acts = False
    scopes = {"POST": Scope.TRADE}

    @extend_schema(**schema.REPLACE_ORDER)
    @keyed(REPLACE_FIELDS)
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Ask for other terms; If-Match names the version that the caller has seen."""
        order = selectors.order_of(self.access.accounts, order_id)
        version = read_if_match(request.headers.get("If-Match"))
        change = read_change(request.data)
        asked = replace_order(order.id, change, actor=self.access.actor, at=self.received_at, version=version)
        return replace_answer(asked)


class OrdersCancel(ApiView):
    """Cancel every open order that fits."""

    acts = False
    scopes = {"POST": Scope.CANCEL}

    @extend_schema(**schema.CANCEL_ORDERS)
    @keyed(CANCEL_MANY_FIELDS)
    def post(self, request: Request) -> HttpResponse:
        """Ask for all cancels, or, with `dry_run`, show what would be asked; one result per order."""
        query = read_fields(request.data, CANCEL_MANY_FIELDS)
        dry_run, most = query.pop("dry_run", False), query.pop("limit", CANCELED_AT_ONCE)
        wanted = OrderFilter(open=True, **query)
        found = find_orders(self.access.accounts, wanted, limit=most + 1)
        results = [self._result(order, dry_run) for order in found[:most]]
        return answer({"dry_run": dry_run, "results": results, "more": len(found) > most})

    def _result(self, order: Order, dry_run: bool) -> Document:
        known = {"order_id": str(order.id), "cl_ord_id": order.cl_ord_id, "account": order.account_id}
        if dry_run:
            return {**known, "status": None, "request": None, "problem": None}
        try:
            asked = cancel_order(order.id, actor=self.access.actor, at=self.received_at)
        except OrderError as error:  # it was over meanwhile, or is somebody else's
            problem = problem_document(problem_of(error) or Problem("INTERNAL_ERROR"))
            return {**known, "status": problem["status"], "request": None, "problem": problem}
        return {**known, "status": 202, "request": request_document(asked), "problem": None}


def location(request: OrderRequest) -> dict[str, str]:
    """Where the request can be followed."""
    return {"Location": f"/api/v1/requests/{request.id}"}


def replace_answer(asked: RecordedRequest) -> HttpResponse:
    """202 with the request, also when it was asked before; 422 with the report when a check refuses it."""
    request = asked.request
    headers = location(request) | ({} if asked.created else {"Idempotent-Replayed": "true"})
    document = request_document(request)
    if any(not check["passed"] and not check.get("overridden") for check in request.check_report):
        raise Problem(
            request.reason_code,
            request.reason_text,
            kind="REFUSED_BY_CHECK",
            headers=headers,
            report=request.check_report,
            request=document,
        )
    return answer(document, status=202, headers=headers)
