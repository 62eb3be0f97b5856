"""Frames of the gateway, however the network cuts them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from brokers.errors import BrokerUnavailable
from brokers.ib.client import GreetedClient, handshake, new_client
from tests.unit.brokers.test_callbacks import Memory, callbacks, codes, memory

__all__ = ["callbacks", "codes", "memory"]
NOTICES = [["9", "1", str(number)] for number in range(1, 40)]
STREAM = b"".join(
    len(body := b"".join(field.encode() + b"\0" for field in fields)).to_bytes(4) + body for fields in NOTICES
)


@pytest.fixture
def client(callbacks: Any) -> GreetedClient:
    client: GreetedClient = new_client(callbacks)
    client._apiReady = True
    return client


@pytest.mark.parametrize("size", [1, 3, 4, 5, 7, 64, len(STREAM)])
def test_every_frame_is_read_once_and_in_order(client: GreetedClient, memory: Memory, size: int) -> None:
    for at in range(0, len(STREAM), size):
        client._onSocketHasData(STREAM[at : at + size])
    assert memory.valid_ids == list(range(1, 40))


def test_an_empty_frame_spoils_none_of_its_neighbours(client: GreetedClient, memory: Memory) -> None:
    client._onSocketHasData(STREAM + (0).to_bytes(4) + STREAM)
    assert memory.valid_ids == [*range(1, 40), *range(1, 40)]


@pytest.mark.parametrize("body", [b"\\u00e4", b"9\\u0000", b"\\u", b"\0"])
def test_a_frame_of_no_fields_is_no_end_of_the_connection(
    client: GreetedClient, memory: Memory, body: bytes
) -> None:
    client._onSocketHasData(len(body).to_bytes(4) + body + STREAM)
    assert memory.valid_ids == list(range(1, 40))


GREETING = b"\0\0\0\x1a178\x0020261129 12:00:00 EST\0"


@pytest.mark.parametrize(
    ("said", "why"),
    [(None, "nothing listens there"), (b"", "a dialog of the gateway"), (GREETING, "is it logged in?")],
)
def test_why_a_gateway_lets_nobody_in_is_told_in_words(callbacks: Any, said: bytes | None, why: str) -> None:
    async def connect() -> None:
        taken: list[asyncio.StreamWriter] = []

        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(said or b"")
            taken.append(writer)

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        if said is None:
            server.close()
        try:
            await handshake(new_client(callbacks), address, 1, 0.3)
        finally:
            server.close()
            for writer in taken:
                writer.close()
                await writer.wait_closed()

    with pytest.raises(BrokerUnavailable, match=re.escape(why)):
        asyncio.run(connect())
