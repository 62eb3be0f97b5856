"""A correction may change what was traded, which way and for whom: the books follow, and a person is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from brokers.fix import Side
from brokers.messages import CommissionReport, ExecutionReport, OrderIdentity
from brokers.models import BrokerAccount
from orders.models import Alert, AlertKind, Execution, Order, State
from orders.reconciliation.positions import executed_quantities
from tests.integration.orders.test_any_order import AAPL, desk
from tests.integration.orders.test_attribution import OURS, books, execution, external, sent, tell
from tests.integration.orders.test_snapshots import LONG_AGO

__all__ = ["desk", "sent"]
FIRST, SECOND, THIRD = "0000e0d5.65f1.01.01", "0000e0d5.65f1.01.02", "0000e0d5.65f1.01.03"
MSFT = msgspec.structs.replace(AAPL, symbol="MSFT", con_id=272093)


def moved(con_id: int = 265598, account: str = "DU1234567") -> Decimal:
    BrokerAccount.objects.update(baseline_at=LONG_AGO)
    return executed_quantities("main").get((account, con_id), Decimal(0))


def told(sent: Order, exec_id: str, **facts: Any) -> ExecutionReport:
    identity = msgspec.structs.replace(OURS, order_ref=sent.order_ref)
    return execution(identity, exec_id, **facts)


CHANGES = [
    ({"side": Side.SELL}, {(265598, "DU1234567"): -10}),
    ({"instrument": MSFT}, {(265598, "DU1234567"): 0, (272093, "DU1234567"): 10}),
    ({"account": "DU7654321"}, {(265598, "DU1234567"): 0, (265598, "DU7654321"): 10}),
    ({"side": Side.SELL, "last_qty": Decimal(4)}, {(265598, "DU1234567"): -4}),
]


@pytest.mark.parametrize(("change", "positions"), CHANGES)
@pytest.mark.parametrize("first_heard", [0, 1])
def test_a_correction_to_other_facts_leaves_our_order_and_is_told(
    sent: Order, change: dict[str, Any], positions: dict[Any, int], first_heard: int
) -> None:
    versions = [told(sent, FIRST), told(sent, SECOND, **change)]
    tell(versions[first_heard], versions[1 - first_heard])
    state, cum_qty, _, _, held, _ = books(sent)
    assert (state, cum_qty, held) == (State.PENDING, 0, True)
    assert {contract: moved(*contract) for contract in positions} == positions
    assert [one.cum_qty for one in external()] == [change.get("last_qty", 10)]
    assert SECOND in Alert.objects.get(kind=AlertKind.CORRECTION, order=sent).text


def test_its_commission_is_of_the_version_that_counts(sent: Order) -> None:
    tell(told(sent, FIRST), CommissionReport(exec_id=FIRST, commission=Decimal(1), currency="USD"))
    assert Order.objects.get(pk=sent.pk).state == State.COMPLETED
    tell(told(sent, SECOND, side=Side.SELL))
    tell(CommissionReport(exec_id=SECOND, commission=Decimal(2), currency="USD"))
    counting = Execution.objects.filter(superseded=False)
    assert [(one.exec_id, one.side, one.commission) for one in counting] == [(SECOND, Side.SELL, 2)]
    assert external()[0].state == State.COMPLETED


def test_a_correction_corrected_back_is_our_orders_again(sent: Order) -> None:
    tell(told(sent, FIRST), told(sent, SECOND, side=Side.SELL), told(sent, THIRD))
    assert (books(sent)[:2], moved()) == ((State.FILLED, 10), 10)
    assert [(one.state, one.cum_qty) for one in external()] == [(State.CANCELED, 0)]


def test_other_executions_of_the_order_stay(sent: Order) -> None:
    rest = "0000e0d5.65f2.01.01"
    tell(told(sent, FIRST, last_qty=Decimal(6)), told(sent, rest, last_qty=Decimal(4)))
    tell(told(sent, SECOND, last_qty=Decimal(6), side=Side.SELL))
    assert (books(sent)[:2], moved()) == ((State.PARTIALLY_FILLED, 4), -2)


NAMELESS = OrderIdentity(client_id=0, broker_order_id=0)


@pytest.mark.parametrize(("quantity", "state"), [(7, State.PARTIALLY_FILLED), (0, State.PENDING)])
def test_a_correction_that_names_no_order_is_of_the_one_it_corrects(
    sent: Order, quantity: int, state: State
) -> None:
    tell(told(sent, FIRST))
    tell(execution(NAMELESS, SECOND, last_qty=Decimal(quantity), cum_qty=Decimal(quantity)))
    assert (books(sent)[:2], moved(), external()) == ((state, quantity), quantity, [])


def test_a_correction_of_side_that_names_no_order_leaves_our_order(sent: Order) -> None:
    tell(told(sent, FIRST), execution(NAMELESS, SECOND, side=Side.SELL))
    assert (books(sent)[:2], moved(), len(external())) == ((State.PENDING, 0), -10, 1)


def test_a_group_orders_shares_are_corrected_each_in_its_account(sent: Order) -> None:
    group = OrderIdentity(perm_id=77, client_id=9, broker_order_id=5)
    shares = [execution(group, FIRST, account=account) for account in ("DU1234567", "DU7654321")]
    tell(*shares, execution(group, SECOND, account="DU7654321", last_qty=Decimal(3)))
    assert (moved(), moved(account="DU7654321")) == (10, 3)
