"""What a run came to: tables of states, fills, latencies and checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from math import ceil

from rich import box
from rich.console import Console
from rich.table import Table

from orders.models import State
from tradedesk.demo.checks import Check, Evidence, our_executions, sums
from tradedesk.demo.client import Document
from tradedesk.demo.orders import Outcome

#: Steps of an order's life between which time is taken, as the API names them.
HOPS = ("received", "recorded", "claimed", "sent", "acknowledged", "first_fill", "completed")
#: A resting order waits for the market: its time to a fill says nothing about the system.
BATCH_SIZE = (Outcome.FILLS,)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def milliseconds(timestamps: Document, start: str, stop: str) -> float | None:
    """Time between two steps of an order; None when it has not taken one of them."""
    if not (timestamps[start] and timestamps[stop]):
        return None
    took = datetime.fromisoformat(timestamps[stop]) - datetime.fromisoformat(timestamps[start])
    return took.total_seconds() * 1000


def hop_latencies(orders: Iterable[Document]) -> dict[str, list[float]]:
    """Milliseconds of each hop, and from the first step to the last, by "a -> b"."""
    stamps = [order["timestamps"] for order in orders]
    hops = [*pairwise(HOPS), (HOPS[0], HOPS[-1])]
    found = {
        f"{start} -> {stop}": [ms for each in stamps if (ms := milliseconds(each, start, stop)) is not None]
        for start, stop in hops
    }
    return {hop: values for hop, values in found.items() if values}


def show(console: Console, evidence: Evidence, checks: Sequence[Check]) -> None:
    """Print the whole summary."""
    console.print()
    console.print(states_table(evidence))
    console.print(fills_table(evidence))
    console.print(latency_table(evidence))
    console.print(reconciliation_table(evidence))
    for check in checks:
        style = "green" if check.ok else "bold red"
        console.print(str(check), style=style, highlight=False, markup=False, soft_wrap=True)
    good = all(check.ok for check in checks)
    console.print(verdict(checks), style="bold" if good else "bold red", highlight=False, soft_wrap=True)


def verdict(checks: Sequence[Check]) -> str:
    """The last line: everything is right, or what is not."""
    failed = [check.name for check in checks if not check.ok]
    if failed:
        return f"FAILED: {'; '.join(failed)}"
    left_out = sum(bool(check.left_out) for check in checks)
    return f"All {len(checks) - left_out} checks passed" + (f", {left_out} left out." if left_out else ".")


def table(title: str, *columns: str) -> Table:
    """A table with its first column to the left and numbers to the right."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    return made


def states_table(evidence: Evidence) -> Table:
    """How many orders are in which state, of those taken and those refused."""
    made = table(f"{len(evidence.answers)} sample orders by REST", "state", "orders")
    counted = Counter(order["state"] for order in evidence.orders.values())
    refused = sum(answer.sample.outcome is Outcome.REFUSED for answer in evidence.answers)
    for state in State:
        if counted[state]:
            made.add_row(state.value, str(counted[state]))
    made.add_row("refused by a limit (422)", str(refused))
    return made


def fills_table(evidence: Evidence) -> Table:
    """What was executed and what it cost."""
    made = table("Fills", "", "amount")
    for name, value in fills(evidence):
        made.add_row(name, value)
    return made


def fills(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Rows of the table of fills: executions, shares, value and commissions by currency."""
    executions = our_executions(evidence)
    yield "executions", f"{len(executions):,}"
    yield "shares", f"{sum(Decimal(e['last_qty']) for e in executions):,f}"
    values = (
        (e["instrument"]["currency"], f"{Decimal(e['last_qty']) * Decimal(e['last_px']):f}")
        for e in executions
    )
    yield from ((f"notional {currency}", f"{total:,.2f}") for currency, total in sums(values).items())
    costs = sums((e["commission_currency"], e["commission"] or "0") for e in executions)
    yield from ((f"commissions {currency}", f"{total:,.2f}") for currency, total in costs.items())


def latency_table(evidence: Evidence) -> Table:
    """Hop latencies of the orders that could fill at once."""
    orders = [order for answer, order in evidence.taken if order and answer.sample.outcome in BATCH_SIZE]
    made = table("Latency of marketable orders, ms", "hop", "p50", "p99", "orders")
    for hop, values in hop_latencies(orders).items():
        made.add_row(
            hop, f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.99):.1f}", str(len(values))
        )
    return made


def reconciliation_table(evidence: Evidence) -> Table:
    """What the system's own comparisons with the broker found."""
    made = table("Reconciliation", "compared", "result", "differences")
    for run in evidence.reconciliations:
        made.add_row(run.kind, "ok" if run.ok else run.error or "differs", str(len(run.differences)))
    return made
