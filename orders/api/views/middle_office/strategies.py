"""Strategies inside accounts: what each holds and has made, and moving positions between them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.formats import decimal_or_none, decimal_text
from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.bodies import ORDER_FIELDS, REASON_FIELDS, read_fields
from orders.api.problems import invalid
from orders.api.queries import BIGGEST_ID, read_query, whole_list
from orders.api.schema import orders as schema
from orders.api.schema.shapes import number
from orders.api.views.controls.approvals import ApprovalShape, approval_document
from orders.controls.books.strategy_transfers import TransferInvalid, WantedTransfer, propose_transfer
from orders.entry.reading.fields import Field, whole
from orders.errors import FieldError
from orders.models import Scope
from orders.reconciliation.strategies.rows import StrategyRow, strategy_rows

CON_ID = whole(1, BIGGEST_ID)
QUERY_FIELDS = {
    "account": Field(bodies.account, description="Only this account."),
    "strategy": Field(bodies.strategy, description="Only this strategy."),
    "con_id": Field(CON_ID, description="Only this contract."),
}
REST = "Null: what belongs to none."
TRANSFER_FIELDS = {
    "account": Field(bodies.account, required=True),
    "con_id": Field(CON_ID, required=True, description="The broker's number of the contract."),
    "from_strategy": Field(bodies.strategy, description=REST),
    "to_strategy": Field(bodies.strategy, description=REST),
    "quantity": Field(
        ORDER_FIELDS["order_qty"].read,
        required=True,
        description="How much of what it holds; a short position moves as a short one.",
    ),
    "price": Field(ORDER_FIELDS["price"].read, description="At which it is booked; default: the last known."),
    **REASON_FIELDS,
}


class StrategyShape(serializers.Serializer[Any]):
    """A strategy in one contract of one account. All rows of a contract add up to the broker's figures."""

    account = serializers.CharField()
    strategy = serializers.CharField(allow_null=True, help_text="Null: the rest that belongs to none.")
    con_id = serializers.IntegerField()
    symbol = serializers.CharField()
    sec_type = serializers.CharField()
    currency = serializers.CharField(help_text="Of all money here.")
    position_qty = number()
    avg_px = number(allow_null=True)
    realized_pnl = number(allow_null=True, help_text="Net of commissions; null while one is not known.")
    unrealized_pnl = number(allow_null=True)
    pnl = number(allow_null=True, help_text="Both together.")
    commission = number(allow_null=True)
    account_qty = number(help_text="The broker's position of the whole account.")
    difference = number(
        allow_null=True, help_text="Of the rest: what our books cannot explain; a break tells of it."
    )


class Strategies(ApiView):
    """Strategies of the token's accounts."""

    has_query = True

    @extend_schema(
        operation_id="list_strategies",
        parameters=schema.parameters(QUERY_FIELDS),
        responses={200: schema.page_of("StrategyList", StrategyShape), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """What each strategy holds and has made, and after them the rest of each contract."""
        query = read_query(request.query_params, QUERY_FIELDS)
        accounts = {code for code in self.access.accounts if code and query.get("account") in (None, code)}
        rows = strategy_rows(accounts, con_id=query.get("con_id"))
        wanted = query.get("strategy")
        return whole_list(strategy_document(row) for row in rows if wanted in (None, row.strategy))


class StrategyTransfers(ApiView):
    """Moving a position from one strategy to another."""

    scopes = {"POST": Scope.RISK}

    @extend_schema(
        operation_id="transfer_strategy",
        request=schema.json_body(TRANSFER_FIELDS),
        responses={
            202: OpenApiResponse(ApprovalShape, "It is booked when a second person approves it."),
            **schema.problems(400, 403, 413, 415),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask for it; the broker's position stays as it is."""
        said = read_fields(request.data, TRANSFER_FIELDS)
        reason = said.pop("reason")
        wanted = WantedTransfer(**{"from_strategy": "", "to_strategy": "", **said})
        try:
            made = propose_transfer(wanted, actor=self.actor, reason=reason)
        except TransferInvalid as error:
            raise invalid([FieldError(error.field, "INVALID", str(error))]) from None
        return answer(approval_document(made, self.actor), status=202)


def strategy_document(row: StrategyRow) -> dict[str, Any]:
    """One row."""
    return {
        "account": row.account,
        "strategy": row.strategy or None,
        "con_id": row.con_id,
        **row.described._asdict(),
        "position_qty": decimal_text(row.position_qty),
        "avg_px": decimal_or_none(row.avg_px),
        "realized_pnl": decimal_or_none(row.realized),
        "unrealized_pnl": decimal_or_none(row.unrealized),
        "pnl": decimal_or_none(row.pnl),
        "commission": decimal_or_none(row.commission),
        "account_qty": decimal_text(row.account_qty),
        "difference": decimal_or_none(row.difference),
    }
