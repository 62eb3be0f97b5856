"""References and fingerprints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.models.references import order_id_of, order_ref_of

TICKET = Ticket(
    cl_ord_id="A1",
    account="DU1234567",
    instrument=InstrumentKey(symbol="AAPL"),
    side=Side.BUY,
    order_qty=Decimal(10),
    ord_type=OrdType.LIMIT,
    price=Decimal("229.9"),
)


@given(st.uuids(), st.integers(1, 999))
def test_a_reference_names_its_order_whatever_the_attempt(order_id: UUID, attempt: int) -> None:
    ref = order_ref_of(order_id, attempt)
    assert order_id_of(ref) == order_id
    assert len(ref) <= 32
    assert ref.isascii()


@given(st.text(max_size=40))
def test_any_other_text_names_no_order_of_ours(text: str) -> None:
    found = order_id_of(text)
    assert found is None or order_ref_of(found) == text.split("-")[0]


def test_the_same_meaning_has_the_same_fingerprint() -> None:
    same = msgspec.structs.replace(TICKET, order_qty=Decimal("10.0"), price=Decimal("229.90"))
    assert same.fingerprint() == TICKET.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"order_qty": Decimal(11)},
        {"price": Decimal("229.91")},
        {"price": None},
        {"side": Side.SELL},
        {"account": "DU7654321"},
        {"instrument": InstrumentKey(symbol="AAPL", exchange="NYSE")},
    ],
)
def test_another_meaning_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert msgspec.structs.replace(TICKET, **change).fingerprint() != TICKET.fingerprint()
