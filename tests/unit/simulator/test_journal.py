"""What is sent is written down before: the memory survives an end at any byte."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator import ledger
from brokers.simulator.faults.fault import Fault
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.journal import Journal, JournalError
from brokers.simulator.wire import client as requests
from tests.examples import examples
from tests.unit.simulator.kit import UNIVERSE, Bench, limit, place


def working_day(journal: Journal) -> tuple[Bench, list[int]]:
    """Work some turns into the journal; return the bench and the file's size after each turn."""
    bench = Bench()
    bench.gateway.begin(journal.append)
    sizes = []
    messages = [
        place(1),
        limit(2, "200.00", order_ref="rest"),
        limit(2, "201.00", order_ref="rest"),
        place(3, action="SELL", total_quantity="40"),
        limit(4, "200.00"),
        requests.CancelOrder(order_id=4),
        place(5, action="SELL", order_type="STP", aux_price="225"),
    ]
    for fact in bench.facts:
        journal.append(fact)
    for message in messages:
        bench.send(message)
        journal.commit(bench.gateway.state)
        sizes.append(journal.path.stat().st_size)
    return bench, sizes


def replayed(directory: Path, *, tomorrow: bool = False) -> Gateway:
    journal = Journal(directory)
    now = Bench().now + timedelta(days=tomorrow)
    try:
        gateway = Gateway(UNIVERSE, clock=lambda: now)
        journal.replay(gateway.state)
        return gateway
    finally:
        journal.close()


def books(gateway: Gateway) -> tuple[object, ...]:
    state = gateway.state
    return (
        ledger.orders(state),
        ledger.executions(state),
        ledger.positions(state),
        state.order_ids,
        state.epoch,
    )


def test_a_new_process_knows_what_the_old_one_knew(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bench, _ = working_day(journal)
    journal.close()
    assert books(replayed(tmp_path)) == books(bench.gateway)


def test_open_orders_go_back_into_the_market(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    working_day(journal)
    journal.close()
    gateway = replayed(tmp_path)
    gateway.begin(lambda fact: None)
    assert [record.order_id for record in gateway.state.open_orders()] == [2, 5]
    gateway.move_market("AAPL", UNIVERSE[265598].price - 40)
    assert not list(gateway.state.open_orders())


def test_day_orders_of_yesterday_are_expired_when_a_new_process_begins(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    working_day(journal)
    journal.close()
    gateway = replayed(tmp_path, tomorrow=True)
    gateway.begin(lambda fact: None)
    assert not gateway.state.open
    assert ledger.orders(gateway.state)[1]["completed_status"] == "Expired"


@examples(30)
@given(data=st.data())
def test_an_end_at_any_byte_loses_no_turn_that_was_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    journal = Journal(directory)
    _, sizes = working_day(journal)
    journal.close()
    content = journal.path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    journal.path.write_bytes(content[:cut])
    gateway = replayed(directory)
    whole = sum(size <= cut for size in sizes)
    assert (
        sum(record.place_count for record in gateway.state.orders.values()) == [0, 1, 2, 3, 4, 5, 5, 6][whole]
    )
    # What is left of the torn turn is cut off, so that new turns can follow.
    assert journal.path.stat().st_size == ([0, *sizes][whole])


def test_a_snapshot_replaces_the_journal_and_says_the_same(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bench, _ = working_day(journal)
    journal.compact(bench.gateway.state)
    journal.close()
    assert journal.path.read_bytes().count(b"\n") == 1
    assert books(replayed(tmp_path)) == books(bench.gateway)


def assert_gets_small(journal: Journal, bench: Bench, size: int) -> None:
    """Go on working until the snapshots, which are written beside the work, have made the file small."""
    end = time.monotonic() + 60
    while journal.path.stat().st_size >= size:
        assert time.monotonic() < end
        bench.send(limit(10_000, "200.00"))
        journal.commit(bench.gateway.state)
        time.sleep(0.001)


def test_the_journal_is_bounded_by_what_it_says(tmp_path: Path) -> None:
    journal = Journal(tmp_path, compact_above=4_000)
    bench = Bench()
    bench.gateway.begin(journal.append)
    bench.send(limit(1, "200.00"))
    journal.compact(bench.gateway.state)
    for _ in range(200):
        bench.send(limit(1, "200.00"))  # an order that is sent again leaves a line each time
        bench.send(limit(1, "201.00"))
        bench.send(limit(1, "200.00"))
        journal.commit(bench.gateway.state)
    assert_gets_small(journal, bench, 10_000)
    journal.close()


def test_turns_that_come_while_a_snapshot_is_written_are_in_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, compact_above=1)
    bench = Bench()
    bench.gateway.begin(journal.append)
    for fact in bench.facts:
        journal.append(fact)
    for order_id in range(1, 30):
        bench.place(order_id)
        journal.commit(bench.gateway.state)
    journal.close()
    assert books(replayed(tmp_path)) == books(bench.gateway)


def test_a_snapshot_that_was_not_finished_is_not_used(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    bench, _ = working_day(journal)
    journal.close()
    journal.path.with_suffix(".new").write_bytes(b"[{")
    assert books(replayed(tmp_path)) == books(bench.gateway)


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    working_day(journal)
    journal.close()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[2] = b"[{]\n"
    journal.path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match="line 3 is damaged"):
        replayed(tmp_path)


def test_a_data_folder_serves_one_gateway_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(JournalError, match="in use by another"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_a_failed_write_is_an_error_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    bench = Bench()
    bench.gateway.begin(journal.append)
    bench.place(1)
    with Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patch:
        patch.setattr(journal, "_file", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.commit(bench.gateway.state)
    journal.close()


@pytest.mark.parametrize("as_snapshot", [False, True])
def test_what_faults_did_to_the_books_is_remembered(tmp_path: Path, as_snapshot: bool) -> None:
    journal = Journal(tmp_path)
    bench, _ = working_day(journal)
    bench.gateway.faults.add(Fault(kind="bust_execution", symbol="MSFT"), Fault(kind="correct_execution"))
    bench.send(place(6))
    bench.send(place(7, symbol="MSFT"))
    bench.gateway.end_day()
    bench.gateway.forget_order_ids()
    bench.send(limit(1, "200.00", order_ref="again"))
    journal.commit(bench.gateway.state)
    if as_snapshot:
        journal.compact(bench.gateway.state)
    journal.close()
    again = replayed(tmp_path)
    assert books(again) == books(bench.gateway)
    assert [fill["exec_id"][-2:] for fill in ledger.executions(again.state)][-2:] == ["02", "02"]
    assert again.state.day_began_at == bench.now
    known = again.state.order(1, 1)
    assert known is not None
    assert known.order.order_ref == "again"
    assert again.state.order(1, 6) is None
