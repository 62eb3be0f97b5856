"""Habits of ib_async that have cost others money, and why they cannot hurt here.

The real library over TCP, through a proxy, to the simulated gateway; only the order domain is missing.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest

from brokers.errors import BrokerUnavailable, OutcomeUnknown
from brokers.ib.requests import RequestFailed
from brokers.ib.session import PROBE_EVERY, PROBE_TIMEOUT, IBSession
from brokers.messages import (
    CancelOrder,
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    OrderReport,
    WorkingStatus,
)
from brokers.port import Link
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.library import (
    Memory,
    gateway,
    lasting,
    market,
    memory,
    middle,
    open_gate,
    order,
    proxy,
    resting,
    send,
    session,
    snapshot,
)
from tests.integration.broker.proxy import Frame, Proxy, kind, message
from tradedesk.stack.polling import eventually

__all__ = ["gateway", "lasting", "memory", "middle", "proxy", "session"]
STATUS, ERROR, OPEN_ORDER, EXECUTION, COMMISSION, CURRENT_TIME = "3", "4", "5", "11", "59", "49"
END_OF_OPEN_ORDERS, END_OF_EXECUTIONS, END_OF_POSITIONS = "53", "55", "62"
UNSET = b"1.7976931348623157E308"  # how IB says "no number"
END_OF_SUMMARY, END_OF_COMPLETED = "64", "102"


# --- connecting ---------------------------------------------------------------------------------------
def test_a_client_id_in_use_is_waited_for_not_replaced(
    session: IBSession, gateway: Gateway, memory: Memory
) -> None:
    second = IBSession(
        name="b", host="127.0.0.1", port=gateway.port, client_id=7, paper=True, listener=memory
    )
    first = IBSession(name="a", host="127.0.0.1", port=gateway.port, client_id=7, paper=True, listener=memory)
    first.start()
    eventually(lambda: first.link is Link.CONNECTED, limit=60)
    second.start()
    eventually(lambda: "in use" in second._link_reason, limit=60)
    first.stop()
    assert eventually(lambda: second.link is Link.CONNECTED, limit=60)
    second.stop()


@pytest.mark.parametrize("told_with", ["15", "9"])  # accounts, then the next id: that makes it ready
def test_a_broker_that_is_lost_when_the_gateway_greets_stays_lost(
    session: IBSession, proxy: Proxy, told_with: str
) -> None:
    def lose(frame: Frame) -> list[Frame]:
        lost = message(ERROR, 2, -1, 1100, "lost", "")
        return [frame, lost] if kind(frame) == told_with else [frame]

    proxy.filter = lose
    proxy.cut()
    eventually(lambda: session.link is Link.BROKER_LOST and session.connection_started_at, limit=60)
    assert not open_gate(session)
    proxy.pass_on()
    proxy.say(message(ERROR, 2, -1, 1102, "restored", ""))
    eventually(lambda: open_gate(session), limit=60)


def test_a_half_open_link_is_found_by_probes(session: IBSession, proxy: Proxy) -> None:
    assert PROBE_EVERY + PROBE_TIMEOUT < 5
    proxy.filter = lambda frame: []
    eventually(lambda: session.link is Link.DOWN, limit=60)
    assert "no answer to a probe" in session._link_reason or "accept" in session._link_reason


@pytest.mark.soak
def test_a_probe_waits_while_a_long_day_is_told_before_its_answer(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    """The gateway answers in turn. The link was ended each time, and on the next one the day began anew."""
    connection, over = session.connection_started_at, threading.Event()
    held: list[Frame] = []

    def hold(frame: Frame) -> list[Frame]:
        if kind(frame) == CURRENT_TIME and not over.is_set():
            held.append(frame)
            return []
        return [frame]

    def tell() -> None:
        numbers = count(1)
        while not over.wait(0.02):
            for number in islice(numbers, 5):
                told = (STATUS, 900_000 + number, "Filled", 1, 0, 1.0, number, 0, 1.0, 99, "", 0.0)
                proxy.say(message(*told))

    with ThreadPoolExecutor(1) as day:
        proxy.filter = hold
        telling = day.submit(tell)
        try:
            eventually(lambda: held, limit=60)
            time.sleep(2 * PROBE_TIMEOUT)  # no clock is judged: only that nothing ends meanwhile
            assert (session.connection_started_at, len(held)) == (connection, 1)
        finally:
            over.set()
            telling.result()
    eventually(lambda: session.connection_started_at != connection, limit=60)  # silent, and never answered


def test_what_a_look_is_told_counts_as_an_answer(session: IBSession) -> None:
    """So a look lasts as long as its rows are told, and a probe waits behind them."""
    before = session.requests.answered
    told = snapshot(session)
    assert session.requests.answered - before >= len(told.positions) + len(told.account_values) > 0


@pytest.mark.parametrize("codes", [(1100, 1102), (1102,), (2110, 1101)])
def test_a_look_of_before_an_outage_opens_no_gate_after_it(
    session: IBSession, proxy: Proxy, codes: tuple[int, ...]
) -> None:
    before = snapshot(session)
    for code in codes:
        proxy.say(message(ERROR, 2, -1, code, "link", ""))
    eventually(lambda: session.link is Link.CONNECTED, limit=60)
    session.ready(before)
    after = snapshot(session)
    assert session.link is Link.CONNECTED
    session.ready(after)
    eventually(lambda: session.link is Link.READY, limit=60)


def test_1102_without_1100_before_is_a_reason_for_a_snapshot(session: IBSession, proxy: Proxy) -> None:
    proxy.say(message(ERROR, 2, -1, 1102, "restored", ""))
    assert eventually(lambda: session.link is Link.CONNECTED)


# --- sending ------------------------------------------------------------------------------------------
def test_a_burst_leaves_no_order_in_the_librarys_own_queue(
    session: IBSession, gateway: Gateway, memory: Memory
) -> None:
    burst = [order(memory) for _ in range(60)]
    send(session, *burst)
    assert not session._client._msgQ
    refs = {placed.order_ref for placed in burst}
    eventually(lambda: refs <= {row["order_ref"] for row in gateway.control.orders()}, limit=60)


def test_a_send_on_a_closing_socket_reports_not_sent(session: IBSession, memory: Memory) -> None:
    assert session._loop
    session._loop.call_soon_threadsafe(session._client.conn.transport.close)
    (answer,) = session.place([order(memory)])
    assert isinstance(answer.error, BrokerUnavailable)
    eventually(lambda: session.link is not Link.READY)


def test_resending_the_id_of_a_filled_order_makes_no_second(
    session: IBSession, gateway: Gateway, memory: Memory
) -> None:
    placed = market(memory)
    send(session, placed)
    eventually(lambda: memory.told(CommissionReport))
    send(session, placed)
    eventually(lambda: memory.told(ErrorReport, placed))
    assert len([row for row in gateway.control.orders() if row["order_ref"] == placed.order_ref]) == 1


def test_an_order_of_before_a_reconnect_is_still_reported(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    placed = resting(session, memory)
    proxy.cut()
    eventually(lambda: session.link is not Link.READY)
    eventually(lambda: open_gate(session), limit=60)
    session.cancel([CancelOrder(order_id=placed.order_id, broker_order_id=placed.broker_order_id)])
    assert eventually(lambda: memory.told(OrderReport, placed)[-1].status is WorkingStatus.CANCELED)


def test_the_id_on_the_wire_is_the_one_that_was_recorded(
    session: IBSession, gateway: Gateway, memory: Memory
) -> None:
    placed = resting(session, memory)
    rows = {row["order_ref"]: row["order_id"] for row in gateway.control.orders()}
    assert rows[placed.order_ref] == placed.broker_order_id


# --- receiving ----------------------------------------------------------------------------------------
def test_a_completed_order_is_reported_with_identity_and_executed_quantity(
    session: IBSession, memory: Memory
) -> None:
    placed = market(memory)
    send(session, placed)
    eventually(lambda: memory.told(CommissionReport))
    reports = {report.identity.order_ref: report for report in session.snapshot(20, full=True).orders}
    report = reports[placed.order_ref]
    assert (report.status, report.cum_qty) == (WorkingStatus.FILLED, 10)
    assert report.identity.perm_id > 0


@pytest.mark.parametrize("code", [103, 110, 165, 202, 321, 399, 404, 481, 10148, 10349, 99_999])
def test_a_code_about_a_living_order_makes_no_status(
    session: IBSession, proxy: Proxy, memory: Memory, code: int
) -> None:
    placed = order(memory)
    proxy.say(message(ERROR, 2, placed.broker_order_id, code, "words", ""))
    eventually(lambda: memory.told(ErrorReport, placed))
    assert memory.told(OrderReport, placed) == []


def test_what_the_gateway_repeats_is_reported_once(session: IBSession, proxy: Proxy, memory: Memory) -> None:
    proxy.repeat(3)
    placed = market(memory)
    send(session, placed)
    eventually(lambda: memory.told(CommissionReport))
    executions = memory.told(ExecutionReport, placed)
    assert len({report.exec_id for report in executions}) == len(executions)
    keys = [heard.dedup_key for heard in memory.messages]
    assert len(keys) == len(set(keys))


def test_an_execution_has_one_key_in_snapshot_and_live(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    copies: list[Frame] = []

    def hold_back(frame: Frame) -> list[Frame]:
        if kind(frame) == EXECUTION and frame.split(b"\0")[1] == b"-1":
            copies.append(frame)
            return []
        return [frame]

    proxy.filter = hold_back
    placed = market(memory)
    send(session, placed)
    eventually(lambda: copies)
    session.snapshot(20, full=False)
    assert memory.told(ExecutionReport, placed)
    proxy.say(copies[0])
    session.snapshot(20, full=False)
    executions = [heard for heard in memory.messages if heard.event in memory.told(ExecutionReport, placed)]
    assert len({heard.dedup_key for heard in executions}) == len(executions)


def test_an_order_never_shown_still_reports_execution_and_commission(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    proxy.drop(OPEN_ORDER, STATUS)
    placed = market(memory)
    send(session, placed)
    eventually(lambda: memory.told(CommissionReport))
    executed = {report.exec_id for report in memory.told(ExecutionReport, placed)}
    assert {report.exec_id for report in memory.told(CommissionReport)} <= executed
    assert memory.told(OrderReport, placed) == []


def test_an_order_is_acknowledged_while_a_snapshot_is_under_way(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    proxy.drop(END_OF_OPEN_ORDERS)
    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(session.snapshot, 3, full=False)
        resting(session, memory)
        assert not look.done()
        with pytest.raises(OutcomeUnknown):
            look.result()


def test_two_snapshots_at_once_are_both_answered(session: IBSession) -> None:
    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(session.snapshot, 20, full=True) for _ in range(2)]
        assert len({look.result().snapshot_id for look in looks}) == 2


@pytest.mark.parametrize(
    "marker",
    [END_OF_OPEN_ORDERS, END_OF_COMPLETED, END_OF_EXECUTIONS, END_OF_POSITIONS, END_OF_SUMMARY],
)
def test_a_snapshot_without_one_of_its_end_markers_is_none(
    session: IBSession, proxy: Proxy, marker: str
) -> None:
    proxy.drop(marker)
    with pytest.raises(OutcomeUnknown, match="no complete answer"):
        session.snapshot(0.5, full=True)


def test_two_unanswered_snapshots_make_a_new_connection(session: IBSession, proxy: Proxy) -> None:
    began = session.connection_started_at
    proxy.drop(END_OF_POSITIONS)
    for _ in range(2):
        with pytest.raises((OutcomeUnknown, BrokerUnavailable)):
            session.snapshot(0.5, full=False)
    proxy.pass_on()
    eventually(lambda: session.connection_started_at not in (began, None), limit=60)
    assert snapshot(session).positions is not None


def test_the_late_end_of_one_snapshot_leaves_the_next_open(
    session: IBSession, proxy: Proxy, memory: Memory
) -> None:
    late: list[Frame] = []

    def hold_back(frame: Frame) -> list[Frame]:
        if kind(frame) != END_OF_OPEN_ORDERS:
            return [frame]
        late.append(frame)
        return []

    def let_go(frame: Frame) -> list[Frame]:
        released, late[:] = list(late), []
        return [*released, frame]

    resting(session, memory)
    proxy.filter = hold_back
    with pytest.raises(OutcomeUnknown):
        session.snapshot(0.5, full=False)
    placed = resting(session, memory)
    proxy.filter = let_go
    shown = {report.identity.order_ref for report in session.snapshot(20, full=False).orders}
    assert placed.order_ref in shown


@pytest.mark.parametrize("number", [OPEN_ORDER, STATUS, EXECUTION, COMMISSION])
def test_an_unreadable_message_is_reported_and_spoils_the_snapshot(
    session: IBSession, proxy: Proxy, memory: Memory, number: str
) -> None:
    def garble(frame: Frame) -> list[Frame]:
        return [message(number, "?"), frame] if kind(frame) == END_OF_OPEN_ORDERS else [frame]

    proxy.filter = garble
    with pytest.raises(OutcomeUnknown, match="could not be read"):
        session.snapshot(20, full=False)
    assert len(memory.lost) == 1


def test_a_price_that_can_not_be_read_harms_nothing(session: IBSession, proxy: Proxy, memory: Memory) -> None:
    proxy.say(message("1", "?"))
    assert session.snapshot(20, full=False)
    assert memory.lost == []


def test_a_question_that_the_gateway_refuses_has_no_empty_answer(session: IBSession, proxy: Proxy) -> None:
    def refuse(frame: Frame) -> list[Frame]:
        if kind(frame) != END_OF_EXECUTIONS:
            return [frame]
        return [message(ERROR, 2, frame.split(b"\0")[2].decode(), 321, "no", "")]

    proxy.filter = refuse
    with pytest.raises(RequestFailed, match="321"):
        session.snapshot(20, full=False)


def test_a_preview_without_figures_is_an_answer_too(session: IBSession, proxy: Proxy, memory: Memory) -> None:
    """ib_async waits for ever where a what-if order's margin change is not set."""

    def without_figures(frame: Frame) -> list[Frame]:
        fields = frame.split(b"\0")
        if kind(frame) != OPEN_ORDER:
            return [frame]
        at = len(fields) - fields[::-1].index(b"PreSubmitted")  # the status stands before the nine margins
        return [b"\0".join([*fields[:at], *[UNSET] * 9, *fields[at + 9 :]])]

    proxy.filter = without_figures
    answer = session.preview(order(memory), 20)
    assert (answer.init_margin_change, answer.equity_after) == (None, None)


def test_a_look_during_which_the_broker_was_lost_is_none(session: IBSession, proxy: Proxy) -> None:
    def lose(frame: Frame) -> list[Frame]:
        lost = message(ERROR, 2, -1, 1100, "lost", "")
        return [lost, frame] if kind(frame) == END_OF_EXECUTIONS else [frame]

    proxy.filter = lose
    with pytest.raises(BrokerUnavailable, match="1100"):
        session.snapshot(20, full=False)
    proxy.pass_on()
    proxy.say(message(ERROR, 2, -1, 1101, "restored", ""))
    eventually(lambda: open_gate(session), limit=60)
