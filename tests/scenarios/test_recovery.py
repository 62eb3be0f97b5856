"""Every part may be lost for a while: the system finds back by itself, and then orders flow again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System


def kill_the_broker_worker(stack: System) -> None:
    stack.kill("broker")
    stack.start("broker")


def kill_the_web_process(stack: System) -> None:
    stack.kill("web")
    stack.start("web")


def kill_the_gateway(stack: System) -> None:
    stack.kill("simgateway")
    stack.start("simgateway")


@pytest.mark.parametrize(
    "loss",
    [
        kill_the_broker_worker,
        kill_the_web_process,
        kill_the_gateway,
        System.wipe_redis,
        System.lose_redis,
        System.restart_postgres,
    ],
)
def test_orders_flow_again_after_a_loss(stack: System, loss: Callable[[System], None]) -> None:
    loss(stack)
    stack.wait_until_ready()
    # By default a market order is stale within seconds; a worker on a busy machine may start as long.
    order = eventually(lambda: stack.api.placed("MSFT", max_age="300"))
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED")
    assert stack.control.received(order["order_ref"]) == 1
