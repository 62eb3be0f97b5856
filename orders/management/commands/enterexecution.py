"""`manage.py enterexecution`: book an execution of the broker's statement that its gateway shows no more."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from brokers.formats import decimal_text
from orders.desk.decisions import FoundExecution, NotHeld, enter_execution
from orders.models import Order


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
        parser.add_argument("--by", required=True, help="who enters it")
        parser.add_argument("--reason", required=True, help="where it was found; kept with it")

    def handle(self, *args: Any, order: UUID, by: str, reason: str, **said: Any) -> None:
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
            now = enter_execution(order, found, actor=f"desk:{by}", at=timezone.now(), reason=reason)
        except Order.DoesNotExist:
            raise CommandError(f"There is no order {order}.") from None
        except NotHeld as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{now.cl_ord_id} is {now.state}, {decimal_text(now.cum_qty)} executed")


def positive(text: str) -> Decimal:
    """A number above zero."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite() or number <= 0:
        raise ValueError(text)
    return number


def moment(text: str) -> datetime:
    """A time; UTC when it names no zone."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
