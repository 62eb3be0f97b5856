"""`manage.py enterexecution`: book an execution of the broker's statement that its gateway shows no more."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.formats import decimal_text
from orders.desk.decisions import FoundExecution
from orders.desk.manual_executions import request_execution
from orders.errors import OrderError
from orders.management.people import add_persons, done_by
from orders.management.times import moment
from orders.models import Approval, Order


class Command(BaseCommand):
    help = "Book an execution of an order that is held because the gateway does not show it any more."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", type=UUID, help="the order's id")
        parser.add_argument("--exec-id", required=True, help="as the statement has it; booked once")
        parser.add_argument("--qty", required=True, type=positive, help="quantity executed")
        parser.add_argument("--px", required=True, type=positive, help="price of one unit")
        parser.add_argument("--time", required=True, type=moment, help="ISO 8601; UTC when it names no zone")
        parser.add_argument("--commission", type=Decimal, help="left out while it is not known")
        parser.add_argument("--currency", default="", help="currency of the commission")
        parser.add_argument("--multiplier", type=positive, default=Decimal(1))
        add_persons(parser)
        parser.add_argument("--reason", required=True, help="where it was found; kept with it")

    def handle(self, *args: Any, order: UUID, by: str, approved_by: str, reason: str, **said: Any) -> None:
        """Enter it and say how the order stands."""
        if said["commission"] is not None and not said["currency"]:
            raise CommandError("Name the --currency of the commission.")
        found = FoundExecution(
            exec_id=said["exec_id"],
            last_qty=said["qty"],
            last_px=said["px"],
            transact_time=said["time"],
            commission=said["commission"],
            commission_currency=said["currency"],
            multiplier=said["multiplier"],
        )
        try:
            done = done_by(
                by, approved_by, lambda actor: request_execution(order, found, actor=actor, reason=reason)
            )
        except Order.DoesNotExist:
            raise CommandError(f"There is no order {order}.") from None
        except OrderError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(told(done))


def told(done: Order | Approval) -> str:
    """How it stands."""
    if isinstance(done, Order):
        return f"{done.cl_ord_id} is {done.state}, {decimal_text(done.cum_qty)} executed"
    return done.outcome or "It is booked when another person approves it at the desk (Approvals)."


def positive(text: str) -> Decimal:
    """A number above zero."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite() or number <= 0:
        raise ValueError(text)
    return number
