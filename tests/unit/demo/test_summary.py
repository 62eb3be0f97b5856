"""Figures of the summary, and the progress that is shown before it."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tradedesk.demo.progress import stage, tally
from tradedesk.demo.summary import HOPS, hop_latencies, milliseconds, percentile

NEVER = dict.fromkeys(HOPS)
AT = "2026-11-22T10:00:{}Z"


def test_time_is_taken_between_the_steps_that_an_order_took() -> None:
    stamps = NEVER | {"received": AT.format("00.000000"), "recorded": AT.format("00.012500")}
    assert milliseconds(stamps, "received", "recorded") == 12.5
    assert milliseconds(stamps, "recorded", "sent") is None


def test_a_hop_that_no_order_took_is_not_shown() -> None:
    stamps = NEVER | {"received": AT.format("00.000000"), "recorded": AT.format("00.001000")}
    assert hop_latencies([{"timestamps": stamps}, {"timestamps": NEVER}]) == {"received -> recorded": [1.0]}


def test_the_whole_way_is_the_last_hop() -> None:
    stamps = {step: AT.format(f"{number:02}.000000") for number, step in enumerate(HOPS)}
    hops = hop_latencies([{"timestamps": stamps}])
    assert list(hops)[-1] == "received -> completed"
    assert sum(ms for hop in list(hops)[:-1] for ms in hops[hop]) == hops["received -> completed"][0] == 6000


@given(values=st.lists(st.floats(0, 1e6), min_size=1), share=st.floats(0, 1))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < max(share * len(values), 1)


def test_states_are_counted_most_frequent_first() -> None:
    assert tally(["SENT", "PENDING", "PENDING"]) == "PENDING 2, SENT 1"


def test_without_a_terminal_progress_is_one_line_for_each_quarter() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with stage(console, "Sending", 8) as advance:
        for done in range(9):
            advance(done, "")
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines == ["Sending 0/8", "Sending 2/8", "Sending 4/8", "Sending 6/8", "Sending 8/8"]
