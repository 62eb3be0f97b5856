"""One ClOrdID names one thing of a client, whichever came first, also when two come at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from brokers.fix import OrdType, Side
from orders.entry.cancel import cancel_order
from orders.entry.place import Line, place_order, place_orders
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.entry.slicer import SlicedIdReused, place_sliced
from orders.errors import ClOrdIdReused
from orders.models import Order, OrderRequest, SlicedOrder, Source, UsedId
from tradedesk.stack.polling import eventually


def ticket(cl_ord_id: str, px: int = 200) -> Ticket:
    return Ticket(
        cl_ord_id=cl_ord_id,
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=Side.BUY,
        order_qty=Decimal(10),
        ord_type=OrdType.LIMIT,
        price=Decimal(px),
    )


def place(client: User, cl_ord_id: str) -> Order:
    return place_order(ticket(cl_ord_id), client=client, source=Source.API, received_at=timezone.now()).order


def replace(order: Order, cl_ord_id: str) -> OrderRequest:
    change = Change(cl_ord_id=cl_ord_id, order_qty=Decimal(20))
    return replace_order(order.id, change, actor="client:algo", at=timezone.now()).request


def cancel(order: Order, cl_ord_id: str) -> OrderRequest:
    return cancel_order(order.id, actor="client:algo", at=timezone.now(), cl_ord_id=cl_ord_id)


def slice_up(client: User, cl_ord_id: str) -> SlicedOrder:
    now = timezone.now()
    end = now + timedelta(minutes=5)
    return place_sliced(
        ticket(cl_ord_id), slices=2, start_time=None, end_time=end, client=client, received_at=now
    )[0]


@pytest.mark.parametrize("ask", [replace, cancel])
def test_an_id_of_a_request_is_refused_for_an_order(
    order: Order, ask: Callable[[Order, str], OrderRequest]
) -> None:
    ask(order, "B1")
    with pytest.raises(ClOrdIdReused):
        place(order.client, "B1")
    assert Order.objects.count() == 1


@pytest.mark.parametrize("ask", [replace, cancel])
def test_an_orders_id_is_refused_for_another_orders_request(
    order: Order, ask: Callable[[Order, str], OrderRequest]
) -> None:
    place(order.client, "B1")
    with pytest.raises(ClOrdIdReused):
        ask(order, "B1")
    assert not OrderRequest.objects.exists()


def test_a_bulk_refuses_only_the_line_with_the_used_id(order: Order) -> None:
    replace(order, "B1")
    lines = [Line(ticket=ticket("B1")), Line(ticket=ticket("C1"))]
    place_orders(lines, client=order.client, source=Source.API, received_at=timezone.now())
    assert isinstance(lines[0].error, ClOrdIdReused)
    assert (lines[0].order, lines[1].failed) == (None, False)


def test_a_sliced_order_shares_the_ids(order: Order) -> None:
    replace(order, "B1")
    with pytest.raises(SlicedIdReused):
        slice_up(order.client, "B1")
    slice_up(order.client, "S1")
    with pytest.raises(ClOrdIdReused):
        place(order.client, "S1")


def test_ids_of_another_client_are_free(order: Order) -> None:
    replace(order, "B1")
    assert place(User.objects.create_user("other"), "B1").cl_ord_id == "B1"


# --- at once ------------------------------------------------------------------------------------------
class Meanwhile(threading.Thread):
    """The other one of two requests, on a connection of its own."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.act()
        except Exception as error:
            self.error = error
        finally:
            connection.close()


def somebody_waits() -> bool:
    """Whether a statement of another connection waits for what this one has not committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("committed", [True, False])
def test_an_order_waits_for_a_request_with_its_id(order: Order, committed: bool) -> None:
    with transaction.atomic():
        replace(order, "B1")
        other = Meanwhile(lambda: place(order.client, "B1"))
        eventually(somebody_waits, pause=0.02)
        transaction.set_rollback(not committed)
    other.join(30)
    assert isinstance(other.error, ClOrdIdReused) is committed
    assert Order.objects.filter(cl_ord_id="B1").exists() is not committed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ask", [replace, cancel])
def test_a_request_waits_for_an_order_with_its_id(
    order: Order, ask: Callable[[Order, str], OrderRequest]
) -> None:
    with transaction.atomic():
        place(order.client, "B1")
        other = Meanwhile(lambda: ask(order, "B1"))
        eventually(somebody_waits, pause=0.02)
    other.join(30)
    assert isinstance(other.error, ClOrdIdReused)
    assert not OrderRequest.objects.exists()


def test_what_is_kept_of_an_id_is_one_row(order: Order) -> None:
    place(order.client, "A2")
    place(order.client, "A2")
    assert UsedId.objects.filter(client=order.client).count() == 2
