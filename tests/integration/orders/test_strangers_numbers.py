"""Numbers that come twice: a stranger's status under ours, others' of other days; and combinations."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from brokers.fix import Side
from brokers.messages import CommissionReport, OrderIdentity, OrderReport, WorkingStatus
from orders.models import Order, State
from tests.integration.orders.test_any_order import AAPL
from tests.integration.orders.test_attribution import OURS, books, execution, external, open_order, sent, tell

__all__ = ["sent"]
STRANGER = msgspec.structs.replace(OURS, perm_id=777000002)
MSFT = msgspec.structs.replace(AAPL, con_id=272093, symbol="MSFT")
NAMELESS = OrderIdentity(client_id=5, broker_order_id=7)
ENDS = (
    WorkingStatus.CANCELED, WorkingStatus.EXPIRED, WorkingStatus.REJECTED, WorkingStatus.INACTIVE,
    WorkingStatus.DONE_FOR_DAY, WorkingStatus.CALCULATED, WorkingStatus.SUSPENDED, WorkingStatus.FILLED,
)  # fmt: skip


def status(identity: OrderIdentity, word: WorkingStatus) -> OrderReport:
    return OrderReport(identity=identity, status=word, source="orderStatus")


def shown() -> list[tuple[Any, ...]]:
    return [(one.account_id, one.side, one.instrument.symbol, one.cum_qty) for one in external()]


# --- ours ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("word", WorkingStatus)
def test_a_strangers_status_under_our_number_teaches_nothing(sent: Order, word: WorkingStatus) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    tell(status(STRANGER, word))
    assert books(sent) == (State.SENT, 0, 0, None, False, 0)
    tell(open_order(msgspec.structs.replace(OURS, order_ref=sent.order_ref)))
    tell(open_order(STRANGER, side="SELL"))
    assert books(sent) == (State.PENDING, 0, 0, OURS.perm_id, False, 0)
    assert [one.perm_id for one in external()] == [STRANGER.perm_id]


def test_a_status_that_came_before_our_perm_id_counts_once_it_is_known(sent: Order) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    tell(status(OURS, WorkingStatus.CANCELED))
    assert books(sent)[0] == State.SENT
    tell(open_order(msgspec.structs.replace(OURS, order_ref=sent.order_ref)))
    tell(status(OURS, WorkingStatus.CANCELED))
    assert books(sent)[0] == State.CANCELED


@pytest.mark.parametrize("word", ENDS)
def test_a_status_without_perm_id_ends_no_order_that_has_one(sent: Order, word: WorkingStatus) -> None:
    before = books(sent)
    tell(status(msgspec.structs.replace(OURS, perm_id=0), word))
    assert books(sent) == before


def test_a_status_without_perm_id_ends_an_order_that_never_got_one(sent: Order) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    tell(status(msgspec.structs.replace(OURS, perm_id=0), WorkingStatus.CANCELED))
    assert books(sent)[0] == State.CANCELED


# --- others' ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("facts", [{"instrument": MSFT}, {"side": Side.SELL}], ids=["contract", "side"])
def test_two_trades_without_perm_id_under_one_number_are_two_orders(
    sent: Order, facts: dict[str, Any]
) -> None:
    tell(execution(NAMELESS), execution(NAMELESS, **facts))
    assert [one.cum_qty for one in external()] == [10, 10]


def test_a_number_without_perm_id_of_another_day_is_another_order(sent: Order) -> None:
    tell(execution(NAMELESS))
    Order.objects.filter(pk=external()[0].pk).update(received_at=timezone.now() - timedelta(days=2))
    tell(execution(NAMELESS))
    assert [one.cum_qty for one in external()] == [10, 10]


def test_one_perm_id_shown_for_two_accounts_is_an_order_of_each(sent: Order) -> None:
    identity = OrderIdentity(perm_id=55, client_id=3, broker_order_id=9)
    for account in ("DU7000001", "DU7000002", "DU7000001"):
        tell(open_order(identity, account=account))
    tell(execution(identity, account="DU7000002", last_qty=Decimal(4)))
    assert shown() == [("DU7000001", "BUY", "AAPL", 0), ("DU7000002", "BUY", "AAPL", 4)]


# --- combinations of others --------------------------------------------------------------------------
BAG = msgspec.structs.replace(AAPL, sec_type="BAG", symbol="AAPL,MSFT", con_id=28812380)
SPREAD = OrderIdentity(perm_id=56)


def of_spread(instrument: Any, exec_id: str, side: Side, quantity: int) -> Any:
    facts: dict[str, Any] = {"last_qty": Decimal(quantity), "cum_qty": Decimal(quantity)}
    return execution(SPREAD, exec_id, instrument=instrument, sec_type=instrument.sec_type, side=side, **facts)


PARTS = {
    "whole": of_spread(BAG, "c.01", Side.BUY, 5),
    "leg": of_spread(AAPL, "l1.01", Side.BUY, 5),
    "other leg": of_spread(MSFT, "l2.01", Side.SELL, 10),
}


@pytest.mark.parametrize("names", [("whole", "leg", "other leg"), ("other leg", "leg", "whole")])
def test_a_strangers_combination_counts_by_the_whole(sent: Order, names: tuple[str, ...]) -> None:
    tell(*(PARTS[name] for name in names))
    tell(*(CommissionReport(exec_id=f"l{n}.01", commission=Decimal(1), currency="USD") for n in (1, 2)))
    (spread,) = external()
    assert (spread.instrument.sec_type, spread.side) == ("BAG", "BUY")
    assert (spread.order_qty, spread.cum_qty, spread.state) == (5, 5, State.COMPLETED)
    assert spread.executions.count() == 3


def test_a_combination_told_of_by_a_leg_first_becomes_what_it_is(sent: Order) -> None:
    tell(PARTS["other leg"])
    tell(open_order(SPREAD, instrument=BAG, order_qty=Decimal(5)))
    (spread,) = external()
    assert (spread.instrument.sec_type, spread.side, spread.order_qty, spread.cum_qty) == ("BAG", "BUY", 5, 0)
    tell(PARTS["whole"], PARTS["leg"])
    assert (external()[0].cum_qty, external()[0].state) == (5, State.FILLED)


CALL = msgspec.structs.replace(AAPL, sec_type="OPT", con_id=700000005, strike_price=Decimal(200))


@pytest.mark.parametrize("first", ["order", "hedge"])
def test_what_hedges_a_strangers_option_is_no_part_of_its_quantity(sent: Order, first: str) -> None:
    fills = of_spread(CALL, "o.01", Side.BUY, 1), of_spread(AAPL, "h.01", Side.SELL, 50)
    told = [open_order(SPREAD, instrument=CALL), *fills]
    tell(*(told if first == "order" else reversed(told)))
    (option,) = external()
    assert (option.instrument.sec_type, option.side, option.executions.count()) == ("OPT", "BUY", 2)
    assert (option.order_qty, option.cum_qty, option.state) == (10, 1, State.PARTIALLY_FILLED)
