"""Rules are remembered, and a change of them holds for the very next order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import BrokerAccount, Instrument
from orders.entry.limits.rules import rules_cache
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import TicketInvalid
from orders.models import AccountLimit, Order, Ruleset, Source, State
from tests.integration.orders.conftest import seed_desk

NUMBERS = iter(range(1_000_000))


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)


def place(**changes: Any) -> Order:
    ticket = Ticket(
        **{
            "cl_ord_id": f"r-{next(NUMBERS)}",
            "account": "DU1234567",
            "instrument": InstrumentKey(symbol="AAPL"),
            "side": Side.BUY,
            "order_qty": Decimal(100),
            "ord_type": OrdType.LIMIT,
            "price": Decimal("100.00"),
            **changes,
        }
    )
    client, _ = User.objects.get_or_create(username="algo")
    return place_order(ticket, client=client, source=Source.API, received_at=timezone.now()).order


def test_a_changed_limit_holds_for_the_next_order() -> None:
    assert place().state == State.CREATED
    AccountLimit.objects.update(max_order_qty=99)
    refused = place()
    assert (refused.state, refused.reason_code) == (State.REJECTED, "QTY_ABOVE_LIMIT")
    AccountLimit.objects.update(max_order_qty=100)
    assert place().state == State.CREATED


def test_an_instrument_taken_from_the_list_is_refused_at_once() -> None:
    AccountLimit.objects.update(any_instrument=False)
    assert place().state == State.CREATED
    limit = AccountLimit.objects.get()
    limit.allowed_instruments.remove(Instrument.objects.get(symbol="AAPL"))
    assert place().state == State.REJECTED
    limit.allowed_instruments.add(Instrument.objects.get(symbol="AAPL"))
    assert place().state == State.CREATED


def test_a_changed_tick_counts_at_once() -> None:
    place(price=Decimal("100.01"))
    Instrument.objects.update(min_tick=Decimal("0.05"))
    with pytest.raises(TicketInvalid, match="tick"):
        place(price=Decimal("100.01"))
    Instrument.objects.update(min_tick=Decimal("0.01"))
    place(price=Decimal("100.01"))


def test_an_instrument_can_be_ordered_as_soon_as_it_is_resolved() -> None:
    Instrument.objects.filter(symbol="AAPL").update(con_id=None)
    with pytest.raises(TicketInvalid, match="resolved"):
        place()
    Instrument.objects.filter(symbol="AAPL").update(con_id=77)
    assert place().state == State.CREATED


def test_a_change_by_hand_in_the_database_counts_too() -> None:
    place()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_accountlimit SET max_notional = 1")
    assert place().reason_code == "NOTIONAL_ABOVE_LIMIT"


def test_a_price_makes_no_new_edition() -> None:
    before = Ruleset.objects.get().version
    Instrument.objects.update(last_px=Decimal(5), last_px_at=timezone.now())
    assert Ruleset.objects.get().version == before
    Instrument.objects.update(long_name="Apple")
    assert Ruleset.objects.get().version != before


def test_remembered_rules_cost_no_query(memories_last: None, django_assert_num_queries: Any) -> None:
    place()
    client = User.objects.get(username="algo")
    with django_assert_num_queries(1):  # the client of this test
        place()
    assert client.orders.count() == 2


def test_an_account_that_moves_takes_its_next_order_along() -> None:
    place()
    account = BrokerAccount.objects.get()
    session = account.session
    session.pk = "other"
    session.save(force_insert=True)
    BrokerAccount.objects.update(session="other")
    assert place().session_id == "other"


def test_nothing_is_forgotten_while_it_is_in_force() -> None:
    place()
    assert not rules_cache.forget_outdated()
    AccountLimit.objects.update(max_order_qty=5)
    assert rules_cache.forget_outdated()
