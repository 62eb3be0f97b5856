"""The same for a minute: lease, pauses and breakers have long run out when PostgreSQL writes again."""

from __future__ import annotations

import pytest

from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.outages import WAYS, assert_survives

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("connections_that_write")]


@pytest.mark.parametrize("way", WAYS)
def test_a_minute_of_read_only_loses_no_order_or_fill(
    desk: Desk, gateway: Gateway, runtime: SessionRuntime, way: str
) -> None:
    gap = assert_survives(desk, gateway, runtime, way, seconds=60)
    print(f"\nread-only for 60 s ({way}): the next order at the gateway {gap:.2f} s after its end")
