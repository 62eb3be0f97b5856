"""What others trade is shown for what it is, and never becomes the contract of our orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from brokers.errors import BrokerUnavailable
from brokers.fix import SecType
from brokers.messages import InstrumentDetails, InstrumentRef, OrderIdentity
from brokers.models import Instrument
from orders import selectors
from orders.entry.limits.rules import read_exchanges, read_instrument
from orders.entry.reading.ticket import InstrumentKey
from orders.instruments import contracts
from orders.instruments.watchlist import wanted
from orders.models import Order, Source
from tests.integration.orders.test_any_order import desk
from tests.integration.orders.test_attribution import execution, open_order, tell

__all__ = ["desk"]
NFLX, AAPL = InstrumentKey(symbol="NFLX"), InstrumentKey(symbol="AAPL")
KINDS = ("FOP", "WAR", "CFD", "BOND", "CRYPTO", "FUND", "IND", "CMDTY", "IOPT", "EVENTCONTRACT")


def contract(symbol: str, con_id: int, sec_type: str = "STK", **facts: Any) -> InstrumentRef:
    named = {"symbol": symbol, "exchange": "SMART", "currency": "USD", "con_id": con_id, **facts}
    return InstrumentRef(sec_type=sec_type, **named)


def details(ref: InstrumentRef) -> InstrumentDetails:
    one = Decimal(1)
    return InstrumentDetails(
        instrument=ref, long_name=ref.symbol, min_tick=Decimal("0.01"), min_size=one, size_increment=one
    )


def shown(ref: InstrumentRef, perm_id: int = 790000001) -> Order:
    """Somebody's order in this contract."""
    tell(open_order(OrderIdentity(perm_id=perm_id), instrument=ref))
    return Order.objects.get(perm_id=perm_id, source=Source.EXTERNAL)


class Broker:
    """Contract details, and nothing else of a session."""

    def __init__(self, *known: InstrumentDetails) -> None:
        self.known = known

    def instrument_details(self, wanted: InstrumentRef, timeout: float) -> list[InstrumentDetails]:
        by_number = [one for one in self.known if one.instrument.con_id == wanted.con_id]
        if wanted.con_id and not by_number:
            raise BrokerUnavailable("not known")
        return by_number or [one for one in self.known if one.instrument.symbol == wanted.symbol]

    def watch(self, references: list[InstrumentRef]) -> None:
        self.watched = references


def look_after(*known: InstrumentDetails) -> None:
    contracts.InstrumentDesk("main", Broker(*known)).look_after()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_not_traded_here_keeps_its_own_word(desk: User, kind: str) -> None:
    order = shown(contract("ES", 700000006, kind, multiplier=Decimal(50)))
    assert order.instrument.sec_type == kind
    assert str(order.instrument) == f"ES {kind} SMART USD, not traded here"


@pytest.mark.parametrize("kind", ["CFD", "STK"])
def test_what_others_taught_answers_no_look_up(desk: User, kind: str) -> None:
    row = shown(contract("NFLX", 120550477, kind)).instrument
    assert read_instrument(NFLX) is None
    assert read_instrument(InstrumentKey(symbol="NFLX", con_id=120550477)) is None
    assert read_exchanges(120550477) == frozenset()
    assert row not in selectors.instruments("NFLX")
    assert row.pk not in wanted("main")


def test_contract_details_asked_for_us_confirm_what_others_taught(desk: User) -> None:
    row = shown(contract("NFLX", 15124833)).instrument
    assert contracts.store(details(contract("NFLX", 15124833))) == row
    assert read_instrument(NFLX) == row


def test_the_details_of_a_strangers_contract_are_kept_and_confirm_nothing(desk: User) -> None:
    row = shown(contract("NFLX", 120550477)).instrument
    look_after(details(contract("NFLX", 120550477, "CFD")))
    row.refresh_from_db()
    assert (row.sec_type, row.long_name, row.confirmed) == ("CFD", "NFLX", False)


def test_our_row_takes_over_what_others_traded_under_its_contract(desk: User) -> None:
    Instrument.objects.filter(symbol="IBM").update(con_id=None, resolved_at=None)
    ours, order = Instrument.objects.get(symbol="IBM"), shown(contract("IBM", 8314))
    assert order.instrument != ours
    look_after(details(contract("IBM", 8314)))
    order.refresh_from_db()
    assert (order.instrument, Instrument.objects.filter(symbol="IBM").count()) == (ours, 1)
    assert read_instrument(InstrumentKey(symbol="IBM")) == ours


def test_a_row_that_cannot_be_stored_keeps_no_other_from_being_asked_for(desk: User) -> None:
    Instrument.objects.exclude(symbol="AAPL").delete()
    Instrument.objects.create(symbol="BAD", sec_type="STK", con_id=7)
    ours = Instrument.objects.get(symbol="AAPL")
    Instrument.objects.filter(pk=ours.pk).update(resolved_at=timezone.now() - timedelta(days=2))
    look_after(
        details(contract("BAD", 7, currency="TOO LONG")),
        details(contract("AAPL", 265598, trading_class="NMS")),
    )
    ours.refresh_from_db()
    assert ours.trading_class == "NMS"
    assert "does not fit" in Instrument.objects.get(symbol="BAD").resolve_error


@pytest.mark.parametrize("kind", ["CFD", "STK"])
def test_a_second_row_of_a_ticker_stops_no_start_and_no_order(desk: User, kind: str) -> None:
    ours = Instrument.objects.get(symbol="AAPL")
    tell(execution(OrderIdentity(perm_id=790000003), instrument=contract("AAPL", 120550480, kind)))
    call_command("seed")
    assert read_instrument(AAPL) == ours


def test_two_confirmed_rows_of_a_ticker_stop_no_start(desk: User) -> None:
    Instrument.objects.create(symbol="AAPL", sec_type="STK", con_id=38708077, trading_class="LSE")
    call_command("seed")
    assert Instrument.objects.filter(symbol="AAPL").count() == 2


def test_a_row_that_waits_for_the_broker_hides_no_known_one(desk: User) -> None:
    known = Instrument.objects.get(symbol="AAPL")
    Instrument.objects.filter(pk=known.pk).update(trading_class="NMS")
    Instrument.objects.create(symbol="AAPL", sec_type=SecType.STK)
    assert read_instrument(AAPL) == known
