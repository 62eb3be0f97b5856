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
        told = eventually(lambda: telling(stack, offset), limit=30)
        assert [name for name in WRONG if f"The clock of {name}@" not in told] == []
        # Messages expire by one clock: what beat publishes is run by the worker, or nothing would be sealed.
        seals = count(stack)
        eventually(lambda: count(stack) > seals, limit=30)
        set_clocks(stack, "0")
        trades_again(stack.api, record_property)
        eventually(lambda: '"status": "ready"' in readyz(stack.urls.http), limit=30)


def telling(stack: System, offset: str) -> str:
    """What `/readyz` says once each of them has told of its clock."""
    told = readyz(stack.urls.http)
    return told if told.count(f"{float(offset):+.1f} s off") == len(WRONG) else ""


def count(stack: System) -> int:
    """How many seals there are."""
    ((found,),) = stack.rows("SELECT count(*) FROM orders_auditseal")
    return int(found)


def set_clocks(stack: System, offset: str) -> None:
    """Start them again with another time."""
    for name in WRONG:
        process = stack.processes[name]
        stack.processes[name] = replace(process, env={**process.env, "TRADEDESK_CLOCK_OFFSET": offset})
        stack.kill(name)
    stack.start(*WRONG)
