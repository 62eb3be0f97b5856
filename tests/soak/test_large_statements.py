"""A statement of very many trades: read and compared in bounded memory (`STATEMENT_TRADES`)."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

from orders.models import Break, Order, StatementRow
from orders.reconciliation.statements.reading import read_statement
from tests.integration.statements.conftest import element, flex, order, trade

__all__ = ["order"]
pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]
TRADES = int(os.environ.get("STATEMENT_TRADES", "200000"))  # 1000000: six minutes alone
GROWTH = 200  # MB, whatever the number of rows


def write(path: Path) -> None:
    """All trades cancel out with one of the other side, and none is ours: no break for any of them."""
    place = element("Trade", {"x": "here"})
    head, _, tail = flex({"Trades": [("Trade", {"x": "here"})]}).partition(place.encode())
    with path.open("wb") as file:
        file.write(head)
        for number in range(TRADES // 2):
            for version, quantity in ((1, 10), (2, -10)):
                said = trade(
                    transactionID=f"{number}-{version}",
                    ibExecID=f"0000e1.{number:08x}.0{version}",
                    quantity=quantity,
                )
                file.write(element("Trade", said).encode())
        file.write(tail)


def test_a_year_of_trades_is_read_in_bounded_memory(order: Order, tmp_path: Path) -> None:
    write(tmp_path / "year.xml")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, worked = time.time(), time.process_time()
    with (tmp_path / "year.xml").open("rb") as source:
        (outcome,) = read_statement(source, name="year.xml", by="shell:test")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    took, own = time.time() - begun, time.process_time() - worked
    print(f"{took:.0f} s, of them {own:.0f} s of this process; {grown:.0f} MB more")
    assert (outcome.rows, StatementRow.objects.count(), Break.objects.count()) == (TRADES, TRADES, 0)
    assert grown < GROWTH, f"{grown:.0f} MB"
