"""A man in the middle: drops, repeats, holds back and makes up messages of a real gateway to its client."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

Frame = bytes  # one message without its length; fields end with a zero byte
Filter = Callable[[Frame], list[Frame]]


def kind(frame: Frame) -> str:
    """The number that a message begins with."""
    return frame.split(b"\0", 1)[0].decode()


def message(*fields: object) -> Frame:
    """A message of these fields."""
    return b"".join(f"{field}\0".encode() for field in fields)


class Proxy:
    """Listens on a port of its own and passes everything on to the gateway's, until told otherwise.

    `filter` sees every message of the gateway and returns what its client shall get instead.
    """

    def __init__(self, gateway_port: int) -> None:
        self.gateway_port = gateway_port
        self.port = 0
        self.lossy = False
        self.filter: Filter = lambda frame: [frame]
        self._clients: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def drop(self, *kinds: str) -> None:
        """Swallow messages of these kinds, for good."""
        self.lossy = True
        self.filter = lambda frame: [] if kind(frame) in kinds else [frame]

    def repeat(self, times: int) -> None:
        """Every message comes so many times."""
        self.filter = lambda frame: [frame] * times

    def pass_on(self) -> None:
        """Everything comes as it is."""
        self.filter = lambda frame: [frame]

    def say(self, frame: Frame) -> None:
        """Send a made-up message to the connected client."""
        self._loop.call_soon_threadsafe(self._write, frame)

    def cut(self) -> None:
        """Close the client's connection."""
        self._loop.call_soon_threadsafe(lambda: [writer.close() for writer in self._clients])

    def _write(self, frame: Frame) -> None:
        for writer in self._clients:
            writer.write(struct.pack(">I", len(frame)) + frame)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_gateway = await asyncio.open_connection("127.0.0.1", self.gateway_port)
        self._clients.append(writer)
        up = asyncio.ensure_future(self._up(reader, to_gateway))
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._down(there, writer)
        up.cancel()
        self._clients.remove(writer)
        for end in (writer, to_gateway):
            end.close()

    @staticmethod
    async def _up(reader: asyncio.StreamReader, to_gateway: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                to_gateway.write(data)
        to_gateway.close()

    async def _down(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack(">I", await there.readexactly(4))
            for frame in self.filter(await there.readexactly(length)):
                writer.write(struct.pack(">I", len(frame)) + frame)
