"""Splits and the ends of options: positions, cash and price follow, and the journal keeps them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.simulator import ledger
from brokers.simulator.gateway.accounts.corporate_actions import End, OptionEnd, Split
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.journal import Journal
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, limit, place

CALL = next(one for one in UNIVERSE.options(AAPL) if one.right == "C")


def held(bench: Bench) -> dict[int, Decimal]:
    rows = ledger.positions(bench.gateway.state)
    found = {row["con_id"]: Decimal(row["position"]) for row in rows}
    return {con_id: quantity for con_id, quantity in found.items() if quantity}


def cash(gateway: Gateway) -> Decimal:
    return sum((Decimal(row["amount"]) for row in ledger.cash(gateway.state)), Decimal(0))


@pytest.mark.parametrize(
    ("bought", "ratio", "there"), [("100", (4, 1), 400), ("105", (1, 10), 10), ("100", (3, 2), 150)]
)
def test_a_split_multiplies_positions_and_pays_fractions(
    bought: str, ratio: tuple[int, int], there: int
) -> None:
    bench = Bench()
    bench.send(place(1, total_quantity=bought))
    bench.send(limit(2, "100.00", tif="GTC"))
    before, last = cash(bench.gateway), bench.gateway.exchange.last_price(AAPL)
    bench.gateway.split(Split(symbol="AAPL", numerator=ratio[0], denominator=ratio[1]))
    changes = ledger.changes(bench.gateway.state)
    paid = sum(-Decimal(row["quantity"]) * Decimal(row["price"]) for row in changes)
    assert held(bench) == {AAPL: there}
    assert cash(bench.gateway) - before == paid
    assert abs(bench.gateway.exchange.last_price(AAPL) * ratio[0] / ratio[1] - last) < 1
    assert not list(bench.gateway.state.open_orders())


@pytest.mark.parametrize(("how", "left"), [(End.EXPIRATION, {}), (End.EXERCISE, {AAPL: 200})])
def test_an_option_that_ends_is_gone_and_its_underlying_comes(how: End, left: dict[int, int]) -> None:
    bench = Bench()
    call = contract("AAPL", con_id=CALL.con_id, sec_type="OPT")
    bench.send(place(1, contract=call, total_quantity="2"))
    before = cash(bench.gateway)
    bench.gateway.end_option(OptionEnd(symbol=CALL.local_symbol, how=how))
    paid = 200 * CALL.strike if how == End.EXERCISE else 0
    assert (held(bench), cash(bench.gateway)) == (left, before - paid)


def test_the_journal_keeps_what_changed_positions(tmp_path: Path) -> None:
    journal, bench = Journal(tmp_path), Bench()
    bench.gateway.begin(journal.append)
    for fact in bench.facts:
        journal.append(fact)
    bench.send(place(1))
    bench.gateway.split(Split(symbol="AAPL", numerator=2))
    journal.commit(bench.gateway.state)
    journal.close()
    again, reopened = Gateway(UNIVERSE, clock=lambda: bench.now), Journal(tmp_path)
    reopened.replay(again.state)
    reopened.close()
    assert ledger.changes(again.state) == ledger.changes(bench.gateway.state)
    assert ledger.positions(again.state) == ledger.positions(bench.gateway.state)
