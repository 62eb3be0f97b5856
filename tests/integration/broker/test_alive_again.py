"""An order that the broker calls over and works on comes back to our books, over TCP."""

from __future__ import annotations

import pytest

from orders.models import Alert, AlertKind, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway


@pytest.mark.parametrize(("code", "said"), [(201, State.REJECTED), (202, State.CANCELED)])
def test_an_order_over_by_a_wrong_word_comes_back_and_is_canceled(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, code: int, said: State
) -> None:
    gateway.control.fault(kind="order_notice", code=code, where="after", count=1)
    order = desk.wait(desk.rest(), said)
    runtime.flags.snapshot_wanted = True
    desk.wait(order, State.PENDING)
    assert said in Alert.objects.get(kind=AlertKind.STILL_WORKING, order=order).text
    desk.cancel(order, runtime)
    assert [row["status"] for row in gateway.orders_of(order)] == ["Cancelled"]
