"""Faults that a client feels at its socket, met by ib_async and by plain bytes."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from pathlib import Path

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock

from tests.integration.simulator.process import LIMIT, SimulatedGateway, run, until

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)


class RawClient:
    """A client that counts bytes and sends frames as fast as it likes. To be used with `with`."""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def __init__(self, gateway: SimulatedGateway, client_id: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), LIMIT)
        self.socket.sendall(b"API\0" + struct.pack(">I", 9) + b"v157..178")
        self.send("71", "2", str(client_id), "")

    def send(self, *fields: str) -> None:
        payload = "".join(f"{field}\0" for field in fields).encode()
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def read_until(self, wanted: bytes) -> bytes:
        """Return what came until `wanted` did, or everything when the connection ended."""
        data = b""
        while wanted not in data and (piece := self.socket.recv(1 << 16)):
            data += piece
        return data


def codes_of(ib: IB) -> list[int]:
    codes: list[int] = []
    ib.errorEvent += lambda req_id, code, text, contract: codes.append(code)
    return codes


def test_only_the_chosen_client_is_disconnected(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        first, second = await gateway.connect(1), await gateway.connect(2)
        gateway.fault("disconnect", client_id=1)
        await until(lambda: not first.isConnected())
        assert await second.reqCurrentTimeAsync()
        second.disconnect()

    run(test)


def test_a_half_open_link_swallows_everything_and_keeps_its_id(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        gateway.fault("half_open", client_id=1)
        ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.5)
        assert ib.isConnected()
        assert gateway.get("/orders") == []
        with RawClient(gateway, 1) as second:
            assert b"326" in second.read_until(b"in use")
        gateway.fault("disconnect", client_id=1)
        await until(lambda: not ib.isConnected())

    run(test)


def test_a_half_open_link_is_dropped_after_its_time(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        gateway.fault("half_open", seconds=0.3)
        await until(lambda: not ib.isConnected())
        assert not ib.isConnected()

    run(test)


def test_a_hanging_client_does_not_stop_the_others(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        first, second = await gateway.connect(1), await gateway.connect(2)
        gateway.fault("hang", client_id=1, seconds=60)
        asked = asyncio.ensure_future(first.reqCurrentTimeAsync())
        assert await second.reqCurrentTimeAsync()
        assert not asked.done()
        gateway.fault("clear")
        assert await asyncio.wait_for(asked, LIMIT)
        first.disconnect()
        second.disconnect()

    run(test)


def test_bytes_drip_and_nothing_is_lost(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        gateway.fault("slow_drip", bytes=7, ms=1)
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        await until(lambda: trade.isDone() and trade.fills and trade.fills[0].commissionReport.execId)
        assert gateway.get("/faults")[0]["bytes"] == 7
        gateway.fault("clear")
        assert await ib.reqCurrentTimeAsync()
        ib.disconnect()

    run(test)


def test_torn_messages_end_the_connection_and_the_next_one_is_whole(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        gateway.fault("cut_out", message="execDetails", where="middle")
        ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="torn"))
        await until(lambda: not ib.isConnected())
        again = await gateway.connect(1)
        assert [fill.execution.orderRef for fill in again.fills()] == ["torn"]
        again.disconnect()

    run(test)


def test_the_third_second_of_too_many_messages_ends_the_session(gateway: SimulatedGateway) -> None:
    with RawClient(gateway, 3) as client:
        client.read_until(b"2158")
        gateway.fault("pacing", mode="reject", rate=0)
        for number in (1, 2, 3):
            client.send("49", "1")
            answer = client.read_until(f"({number})".encode())
            assert b"\x00100\x00Max rate of messages per second" in answer
            assert b"49\x001\x00" not in answer
            if number < 3:
                asyncio.run(asyncio.sleep(1.05))  # a second is what pacing is about
        assert client.read_until(b"never") == b""


def test_delayed_reads_lose_nothing(gateway: SimulatedGateway) -> None:
    gateway.fault("pacing", mode="delay", rate=20)
    with RawClient(gateway, 3) as client:
        client.read_until(b"2158")
        began = time.monotonic()
        for number in range(50):
            client.send(
                "9",
                "8",
                str(1000 + number),
                *["0", "AAPL", "STK", "", "0.0", "", "", "SMART"],
                *[""] * 4,
                "0",
                *[""] * 3,
            )
        asked_all = client.read_until(b"\x001049\x00")
        assert asked_all.count(b"52\x001\x00") >= 49
    # 50 messages at 20 a second: a whole second lies between the first of them and the last.
    assert time.monotonic() - began >= 1
    assert gateway.get("/faults") == [{"kind": "pacing", "mode": "delay", "rate": 20}]


def test_the_link_to_ib_comes_back_by_itself(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        codes = codes_of(ib)
        gateway.fault("link_lost", seconds=0.3, orders="dropped", data_lost=True)
        await until(lambda: 1100 in codes)
        ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        await until(lambda: 1101 in codes)
        await ib.reqCurrentTimeAsync()
        assert gateway.get("/orders") == []
        ib.disconnect()

    run(test)


def test_a_farm_breaks_and_comes_back(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        codes = codes_of(ib)
        gateway.fault("notice", code=2105, seconds=0.2)
        await until(lambda: len(codes) == 2)
        assert codes == [2105, 2106]
        ib.disconnect()

    run(test)


def test_a_fault_of_the_clock_repeats(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        codes = codes_of(ib)
        gateway.fault("notice", code=2108, count=3, every=0.1, after=0.1)
        await until(lambda: codes == [2108] * 3)
        assert gateway.get("/faults") == []
        assert [strike["kind"] for strike in gateway.get("/strikes")][-3:] == ["notice"] * 3
        ib.disconnect()

    run(test)


@pytest.mark.parametrize(("data", "known"), [("kept", ["day", "gtc"]), ("lost", [])])
def test_a_restart_closes_the_port_and_keeps_or_loses_orders(
    gateway: SimulatedGateway, data: str, known: list[str]
) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        for ref, tif in (("day", "DAY"), ("gtc", "GTC")):
            trade = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0, orderRef=ref, tif=tif))
            await until(lambda trade=trade: trade.orderStatus.status == "Submitted")
        gateway.fault("restart", data=data, ids_reset=True, seconds=1.0)
        await until(lambda: not ib.isConnected())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gateway.port), LIMIT)
        assert gateway.get("/faults") == [{"kind": "restart"}]
        await until(lambda: gateway.get("/faults") == [])
        again = await gateway.connect(1)
        assert sorted(trade.order.orderRef for trade in again.openTrades()) == known
        with RawClient(gateway, 2) as fresh:
            assert b"9\x001\x001\x00" in fresh.read_until(b"2158")
        again.disconnect()

    run(test)


def test_at_midnight_clients_are_notified_and_logged_out(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 200.0))
        filled = ib.placeOrder(AAPL, MarketOrder("BUY", 100))
        await until(lambda: trade.orderStatus.status == "Submitted" and filled.isDone())
        gateway.fault("midnight")
        await until(lambda: not ib.isConnected())
        assert [entry.status for entry in trade.log][-1] == "Cancelled"
        again = await gateway.connect(1)
        assert again.fills() == []
        assert again.trades() == []  # completed orders are those of the gateway's own day
        again.disconnect()

    run(test)


def test_faults_are_listed_struck_and_deleted(gateway: SimulatedGateway) -> None:
    async def test() -> None:
        ib = await gateway.connect(1)
        gateway.fault("no_ack", count=2, order_ref="desk*", probability=1.0)
        gateway.fault("delay_ms", ms=5)
        ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="desk-1"))
        await until(lambda: "desk-1" in [strike["order_ref"] for strike in gateway.get("/strikes")])
        armed, delay = gateway.get("/faults")
        assert armed == {"kind": "no_ack", "count": 2, "order_ref": "desk*", "struck": 1, "left": 1}
        assert delay == {"kind": "delay_ms", "ms": 5}
        assert gateway.delete("/faults").json() == []
        ib.disconnect()

    run(test)


def test_a_scenario_begins_with_the_gateway(tmp_path: Path) -> None:
    gateway = SimulatedGateway(tmp_path, "--scenario", "bad_day")
    gateway.start()
    kinds = {fault["kind"] for fault in gateway.get("/faults")}
    gateway.end()
    assert {"no_ack", "correct_execution", "fill_after_cancel", "lag"} <= kinds


def test_pacing_is_an_option_of_the_gateway(tmp_path: Path) -> None:
    gateway = SimulatedGateway(tmp_path, "--pacing", "reject")
    gateway.start()
    with RawClient(gateway, 3) as client:
        client.read_until(b"2158")
        for _ in range(60):
            client.send("49", "1")
        assert b"max=50 rec=5" in client.read_until(b"(1)")
    gateway.end()
