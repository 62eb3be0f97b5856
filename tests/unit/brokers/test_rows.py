"""Rows of a long answer come back as they were told, and cost next to nothing while they wait."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal

import msgspec
import pytest

from brokers.fix import SecType
from brokers.ib.asking import OneEach
from brokers.messages import InstrumentRef, OrderIdentity, OrderReport, ReportedTerms, WorkingStatus
from brokers.rows import PART, Keys, Rows

AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)
#: Bytes of an order that is over; as an object it is 700.
OF_A_ROW = 150
#: Of one that is open: also where it stands, so that a later word of it can take its place.
OF_AN_OPEN_ORDER = 450
#: Of what only says that something was in an answer; as a string in a set it is 130.
OF_A_KEY = 20


def completed(number: int, quantity: Decimal = Decimal(100)) -> OrderReport:
    terms = ReportedTerms(
        account="DU1234567", instrument=AAPL, side="BUY", order_qty=quantity, ord_type="LIMIT",
        time_in_force="DAY", price=Decimal(number) / 100,
    )  # fmt: skip
    identity = OrderIdentity(order_ref=f"TD{number:026}", perm_id=number)
    return OrderReport(
        identity=identity, status=WorkingStatus.FILLED, source="completedOrder", cum_qty=quantity, terms=terms
    )


@pytest.mark.parametrize("count", [0, 1, PART - 1, PART, PART + 1, 3 * PART])
def test_rows_come_back_as_they_were_told(count: int) -> None:
    told = [completed(number) for number in range(count)]
    rows = Rows(told)
    assert (list(rows), len(rows), bool(rows)) == (told, count, count > 0)
    assert list(rows) == told


def test_odd_words_are_no_trouble() -> None:
    odd = [OrderIdentity(order_ref="\udc80", perm_id=2**70), completed(1, Decimal("Infinity")), None]
    rows = Rows(odd * PART)
    assert list(rows) == odd * PART
    assert None in rows and 7 not in rows


def test_a_day_of_orders_costs_little_while_it_is_compared() -> None:
    tracemalloc.start()
    rows = Rows(completed(number) for number in range(20 * PART))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / len(rows) < OF_A_ROW


def test_open_orders_cost_little_while_a_look_waits_for_the_rest() -> None:
    """As objects those of a busy day, told by every look, were what a process kept of it."""
    tracemalloc.start()
    orders = OneEach(completed(number) for number in range(20 * PART))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / len(orders) < OF_AN_OPEN_ORDER


def test_an_open_order_told_twice_is_shown_once_as_told_last() -> None:
    first, last = completed(1, Decimal(1)), completed(1, Decimal(2))
    orders = OneEach([first, completed(2), last])
    assert (list(orders), len(orders)) == ([completed(2), last], 2)


def test_a_completed_order_is_the_last_word_about_one_that_was_open() -> None:
    is_open = [msgspec.structs.replace(completed(number), source="openOrder") for number in (1, 2, 3)]
    orders = OneEach(is_open)
    assert list(orders) == is_open
    for number in (2, 4):
        orders.append(completed(number))
    assert list(orders) == [is_open[0], is_open[2], completed(2), completed(4)]
    assert len(orders) == 4


def test_keys_of_an_answer_are_there_and_no_others() -> None:
    told = [("DU1234567", f"0001f4e8.{number:08x}") for number in range(20_000)]
    keys = Keys(told[:10_000])
    assert [key in keys for key in told] == [True] * 10_000 + [False] * 10_000
    assert told[0] not in Keys()


def test_the_keys_of_a_day_cost_some_ten_bytes_each() -> None:
    tracemalloc.start()
    keys = Keys(f"0001f4e8.{number:08x}.01" for number in range(100_000))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert "0001f4e8.00000000.01" in keys
    assert held / 100_000 < OF_A_KEY
