"""What the tests of orders share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import Instrument
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.instruments.prices import last_prices
from orders.models import Order, Source
from tests.seeded import seed_again


def seed_desk(settings: Any, **facts: Any) -> None:
    """The seeded rows, each instrument resolved and priced without a broker; `facts`: more of each."""
    seed_again(settings)
    instruments = list(Instrument.objects.order_by("symbol"))
    for number, instrument in enumerate(instruments, start=1):
        instrument.con_id = number
    Instrument.objects.bulk_update(instruments, ["con_id"])
    price = {"last_px": Decimal(200), "last_px_at": timezone.now()}
    Instrument.objects.update(**{"min_tick": Decimal("0.01"), **price, **facts})
    last_prices.forget()  # those of a second ago are of the test before


@pytest.fixture
def order(request: pytest.FixtureRequest, db: None, settings: Any) -> Order:
    """An order to buy 10 AAPL at 200 that nobody sends; a module's MAX_AGE says how long it stays fresh."""
    seed_again(settings)
    Instrument.objects.filter(symbol="AAPL").update(
        con_id=265598, min_tick=Decimal("0.01"), last_px=200, last_px_at=timezone.now()
    )
    ticket = Ticket(
        cl_ord_id="A1",
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=Side.BUY,
        order_qty=Decimal(10),
        ord_type=OrdType.LIMIT,
        price=Decimal(200),
        max_age=getattr(request.module, "MAX_AGE", None),
    )
    client = User.objects.create_user("algo")
    return place_order(ticket, client=client, source=Source.API, received_at=timezone.now()).order
