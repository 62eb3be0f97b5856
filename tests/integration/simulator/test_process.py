"""The process around the gateway: control port, faults on the wire, start and stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import LimitOrder, MarketOrder, Stock

from brokers.simulator.bench.wire import RawClient, order_frame, order_tail
from brokers.simulator.wire import client as requests
from tests.integration.simulator.process import LIMIT, SimulatedGateway, run, until

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)


def test_the_ledger_has_one_row_per_order_and_execution(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="desk-1"))
        await until(trade.isDone)
        ib.disconnect()
        (order,) = gateway.get("/orders")
        (execution,) = gateway.get("/executions")
        (position,) = gateway.get("/positions")
        wanted = {
            "order_ref": "desk-1",
            "status": "Filled",
            "filled": "100",
            "client_id": 1,
            "place_count": 1,
        }
        assert wanted.items() <= order.items()
        assert datetime.fromisoformat(order["received_at"]).utcoffset() == timedelta(0)
        assert execution["perm_id"] == order["perm_id"] == trade.order.permId
        assert (execution["shares"], execution["side"], execution["commission"]) == ("100", "BOT", "1")
        assert (position["symbol"], position["position"]) == ("AAPL", "100")

    run(test)


def test_an_unacknowledged_order_is_in_the_ledger_by_reference(
    gateway: SimulatedGateway,
) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        gateway.post("/faults", [{"kind": "no_ack", "count": 1}]).raise_for_status()
        silent = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0, orderRef="silent"))
        loud = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0, orderRef="loud"))
        await until(lambda: loud.orderStatus.status == "Submitted")
        assert silent.orderStatus.permId == 0
        assert {row["order_ref"] for row in gateway.get("/orders")} == {"silent", "loud"}
        found = {trade.order.orderRef for trade in await ib.reqAllOpenOrdersAsync()}
        assert found == {"silent", "loud"}
        ib.disconnect()

    run(test)


def test_one_fault_may_be_asked_for_without_a_list(gateway: SimulatedGateway) -> None:
    assert gateway.post("/faults", {"kind": "drop_place", "count": 2}).json()[0]["left"] == 2
    wrong = gateway.post("/faults", {"kind": "nope"})
    assert (wrong.status_code, "nope" in wrong.json()["error"]) == (400, True)


def test_a_method_that_is_none_of_the_control_ports_is_answered_as_json(gateway: SimulatedGateway) -> None:
    answer = gateway.delete("/orders")
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/json")


def test_a_dropped_order_is_nowhere(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        gateway.post("/faults", [{"kind": "drop_place"}]).raise_for_status()
        ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="lost"))
        await until(lambda: gateway.get("/faults") == [])
        assert gateway.get("/orders") == []
        ib.disconnect()

    run(test)


def test_disconnect_drops_the_clients_at_once(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        gateway.post("/faults", [{"kind": "disconnect"}]).raise_for_status()
        await until(lambda: not ib.isConnected())
        assert not ib.isConnected()

    run(test)


def test_a_lost_link_is_notified_and_holds_orders(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        codes: list[int] = []
        ib.errorEvent += lambda req_id, code, text, contract: codes.append(code)
        gateway.post("/faults", [{"kind": "link_lost"}]).raise_for_status()
        await until(lambda: 1100 in codes)
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        await ib.reqCurrentTimeAsync()
        assert gateway.get("/orders") == []
        gateway.post("/faults", [{"kind": "link_restored"}]).raise_for_status()
        await until(trade.isDone)
        assert 1102 in codes
        ib.disconnect()

    run(test)


def test_delayed_answers_come_late_but_in_order(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        gateway.post("/faults", [{"kind": "delay_ms", "ms": 300}]).raise_for_status()
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        await until(trade.isDone)
        assert loop.time() - asked_at >= 0.3
        gateway.post("/faults", [{"kind": "delay_ms", "ms": 0}]).raise_for_status()
        ib.disconnect()

    run(test)


def test_a_hanging_gateway_reads_later_what_was_sent(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        gateway.fault("hang", seconds=60)
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        assert gateway.get("/faults")[0]["kind"] == "hang"
        assert gateway.get("/orders") == []
        gateway.fault("clear")
        await until(trade.isDone)
        assert gateway.get("/faults") == []
        ib.disconnect()

    run(test)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/faults", [{"kind": "meteor"}], 400),
        ("/faults", [{"kind": "no_ack", "speed": 1}], 400),
        ("/faults", "no_ack", 400),
        ("/prices", {"symbol": "AAPL"}, 400),
        ("/prices", {"symbol": "AAPL", "price": "-1"}, 400),
        ("/prices", {"symbol": "AAPL", "price": "NaN"}, 400),
        ("/prices", {"symbol": "AAPL", "price": "1e300"}, 400),
        ("/prices", {"symbol": "NOPE", "price": "1"}, 404),
        ("/halt", {"symbol": "NOPE"}, 404),
        ("/nothing", {}, 404),
        ("/orders", {}, 405),
    ],
)
def test_wrong_control_requests_are_answered_with_a_reason(
    gateway: SimulatedGateway, path: str, body: object, status: int
) -> None:
    response = gateway.post(path, body)
    assert response.status_code == status
    assert response.json()["error"]


def test_garbage_on_one_connection_does_not_disturb_another(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect()
        with socket.create_connection(("127.0.0.1", gateway.port)) as bad:
            bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
            bad.settimeout(LIMIT)
            assert bad.recv(100) == b""
        assert await ib.reqCurrentTimeAsync()
        ib.disconnect()

    run(test)


def test_sigterm_ends_it_cleanly(restartable: SimulatedGateway) -> None:
    assert restartable.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_a_port_in_use_is_one_sentence_and_a_failure(tmp_path: Path, option: str) -> None:
    gateway = SimulatedGateway(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*gateway.command(), option, str(port)],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    assert ended.returncode == 1
    assert f"cannot listen on port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [["--scenario", "storm"], ["--data", "/dev/null"]])
def test_what_cannot_start_says_why(tmp_path: Path, arguments: list[str]) -> None:
    command = [*SimulatedGateway(tmp_path).command(), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert ended.returncode == 1
    assert arguments[1] in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_management_command_serves_without_a_database(tmp_path: Path) -> None:
    gateway = SimulatedGateway(tmp_path)
    ports = [
        "--port",
        str(gateway.port),
        "--control-port",
        str(gateway.control_port),
        "--data",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "simgateway", *ports], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "ready on" in process.stdout.readline()
    assert gateway.get("/healthz")["status"] == "ok"
    process.terminate()
    assert process.wait(LIMIT) == 0
    process.stdout.close()


def test_a_client_that_reads_no_list_keeps_nobody_waiting(gateway: SimulatedGateway) -> None:
    lister, other = RawClient(gateway.port, 11), RawClient(gateway.port, 12)
    tail = order_tail(order_type="LMT", lmt_price=Decimal("100.00"), tif="GTC")
    placed = {number: order_frame(number, tail) for number in lister.take_ids(4_000)}
    lister.work(placed, b"Submitted", 64)
    for _ in range(4):  # more than any socket holds
        lister.send(requests.ReqAllOpenOrders())
    other.send(requests.ReqCurrentTime())
    assert other.until(lambda frame: frame.startswith(b"49\0"))
    listed: list[bytes] = []
    while listed.count(b"53") < 4:
        listed += [frame.split(b"\0", 1)[0] for frame in lister.frames()]
    assert listed.count(b"5") == 4 * len(placed)
    assert listed[-1] == b"53"
    lister.close()
    other.close()
