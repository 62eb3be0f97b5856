"""Web, worker and beat believe in a time that is half a minute off: it is said, and orders go as before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.soak.sickness import Measure, light_flow, readyz, trades_again
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

WRONG = ("web", "worker", "beat")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


@pytest.mark.parametrize("offset", ["30", "-30"])
def test_clocks_that_are_half_a_minute_off_cost_no_order(
    stack: System, offset: str, record_property: Measure
) -> None:
    with light_flow(stack, stack.api, f"clock{offset}"):
        set_clocks(stack, offset)
        trades_again(stack.api, record_property)
        # Fresh for ten seconds, by whatever clock: neither stale at once nor alive for ever.
        order = stack.api.placed("AAPL", max_age="10")
        eventually(lambda: stack.api.state(order["id"]) == "COMPLETED")
        assert f"clock is {float(offset):+.1f} s off" in readyz(stack.urls.http)
        set_clocks(stack, "0")
        trades_again(stack.api, record_property)
        assert '"status": "ready"' in readyz(stack.urls.http)


def set_clocks(stack: System, offset: str) -> None:
    """Start them again with another time."""
    for name in WRONG:
        process = stack.processes[name]
        stack.processes[name] = replace(process, env={**process.env, "TRADEDESK_CLOCK_OFFSET": offset})
        stack.kill(name)
    stack.start(*WRONG)
