"""Reading IB's words: translation and error codes, without a connection."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import Contract, OrderState
from ib_async import Order as IBOrder

from brokers.fix import OrdType, SecType, Side, TimeInForce
from brokers.ib import translate
from brokers.ib.capabilities import CAPABILITIES
from brokers.messages import InstrumentRef, NewOrder, WorkingStatus

AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)


def new_order(**terms: Any) -> NewOrder:
    return NewOrder(**{
        "order_id": "1",
        "order_ref": "TDREF",
        "broker_order_id": 7,
        "account": "DU1234567",
        "instrument": AAPL,
        "side": Side.BUY,
        "order_qty": Decimal(100),
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "price": Decimal("229.95"),
        **terms,
    })  # fmt: skip


@given(st.decimals(min_value="0.0001", max_value="99999999", places=4))
def test_a_price_goes_on_the_wire_as_the_exact_text(price: Decimal) -> None:
    wire = translate.to_order(new_order(price=price))
    assert Decimal(wire.lmtPrice) == price
    assert "E" not in str(wire.lmtPrice)


def test_everything_that_a_preset_could_alter_is_set() -> None:
    wire = translate.to_order(new_order(ord_type=OrdType.STOP_LIMIT, stop_px=Decimal("230.5")))
    said = (wire.action, wire.orderType, wire.totalQuantity, wire.lmtPrice, wire.auxPrice)
    assert said == ("BUY", "STP LMT", "100", "229.95", "230.5")
    assert (wire.tif, wire.account, wire.orderRef, wire.outsideRth, wire.transmit) == (
        "DAY", "DU1234567", "TDREF", False, True,
    )  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_wire_float_becomes_the_decimal_that_reads_back_as_it(number: float) -> None:
    assert float(translate.decimal(number)) == number


@pytest.mark.parametrize(
    ("words", "why_held", "status"),
    [
        ("PreSubmitted", "trigger", WorkingStatus.HELD),
        ("Submitted", "", WorkingStatus.WORKING),
        ("ApiCancelled", "", WorkingStatus.CANCELED),
        ("Inactive", "", WorkingStatus.INACTIVE),
        ("Inactive", "locate", WorkingStatus.HELD),
        ("SomethingNew", "", WorkingStatus.UNKNOWN),
    ],
)
def test_a_status_is_read_with_its_reason(words: str, why_held: str, status: WorkingStatus) -> None:
    assert translate.status_of(words, why_held) is status


@pytest.mark.parametrize(
    ("status", "words", "read"),
    [
        ("Filled", "Filled Size: 100", WorkingStatus.FILLED),
        ("Cancelled", "Cancelled by Trader", WorkingStatus.CANCELED),
        ("Cancelled", "Rejected by System:\nThe exchange is closed.", WorkingStatus.REJECTED),
        ("Cancelled", "Expired", WorkingStatus.EXPIRED),
        ("FILLED", "filled size: 100", WorkingStatus.FILLED),
        ("cancelled", " rejected by System: no", WorkingStatus.REJECTED),
        ("Cancelled", "EXPIRED", WorkingStatus.EXPIRED),
    ],
)
def test_a_completed_order_is_read_by_its_words(status: str, words: str, read: WorkingStatus) -> None:
    order = IBOrder(orderRef="TDREF", permId=9, totalQuantity=0, filledQuantity=100)
    state = OrderState(status=status, completedStatus=words)
    report = translate.completed_order_report(Contract(symbol="AAPL", secType="STK"), order, state)
    assert (report.status, report.terms and report.terms.order_qty) == (read, 100)


def test_ib_says_exactly_the_statuses_that_it_declares() -> None:
    known = {translate.status_of(words) for words in (*translate.STATUSES, "SomethingNew")}
    ends = [("Filled", ""), ("Cancelled", ""), ("Cancelled", "Rejected"), ("Cancelled", "Expired")]
    for status, words in ends:
        state = OrderState(status=status, completedStatus=words)
        known.add(translate.completed_order_report(Contract(secType="STK"), IBOrder(), state).status)
    assert known == CAPABILITIES.statuses
    assert not (CAPABILITIES.raises_filled or CAPABILITIES.restates_quantities)


def test_processes_without_a_connection_ask_for_capabilities_without_the_library() -> None:
    ask = "import sys; from brokers.registry import capabilities as c; c('brokers.ib.session.IBSession')"
    done = subprocess.run([sys.executable, "-c", f"{ask}; sys.exit('ib_async' in sys.modules)"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("sec_type", "price"), [("BAG", Decimal(0)), ("STK", None)])
def test_only_a_combination_may_have_a_limit_of_zero(sec_type: str, price: Decimal | None) -> None:
    order = IBOrder(orderType="LMT", totalQuantity=1, lmtPrice=0.0, action="BUY")
    assert translate.terms_of(Contract(secType=sec_type), order).price == price
