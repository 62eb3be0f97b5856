"""Nothing is sent that could not be written down first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.journal import Journal, JournalError
from brokers.simulator.server import Connection, Hub
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.frames import PREFIX, pack
from brokers.simulator.wire.records import Record
from tests.integration.simulator.process import LIMIT, run
from tests.unit.simulator.kit import place


def frame(message: Record) -> bytes:
    return pack(codec.encode_client(178, message))


def test_an_order_that_cannot_be_written_down_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        journal = Journal(tmp_path)
        gateway = Gateway(load_universe(), clock=lambda: datetime.now(UTC))
        gateway.begin(journal.append)
        hub = Hub(gateway, journal)
        hub.end_turn()
        server = await asyncio.get_running_loop().create_server(lambda: Connection(hub), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(PREFIX + b"\0\0\0\x04v178" + frame(requests.StartApi(client_id=1)))
        assert b"secdefnj" in await reader.readuntil(b"secdefnj\0\0")  # the last of the greeting
        with Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patch:
            patch.setattr(journal, "_file", full)
            writer.write(frame(place(1)))
            assert await last_words(reader) == b""
        assert isinstance(hub.failed.result(), JournalError)
        writer.close()
        server.close()
        hub.close()
        journal.close()

    run(test)


async def last_words(reader: asyncio.StreamReader) -> bytes:
    """Return what the peer still says before it is gone."""
    try:
        return await asyncio.wait_for(reader.read(), LIMIT)
    except ConnectionError:
        return b""
