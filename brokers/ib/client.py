"""The library's client and decoder, without their habits that lose or delay what a gateway says.

ib_async catches every error of decoding and of our callbacks, logs it and goes on: an execution would
be lost, and an open order would seem to be absent. Here such a message spoils the answers it may have
been a row of, and is told.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
import struct
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE

from brokers.account_codes import is_paper
from brokers.errors import BrokerUnavailable
from brokers.postgres import clock

if TYPE_CHECKING:
    from brokers.ib.callbacks import Callbacks

log = logging.getLogger(__name__)

#: Messages about orders, executions and positions, by IB's numbers; the rest is prices and reference data.
ABOUT_OUR_BOOKS = frozenset({"3", "4", "5", "9", "11", "53", "55", "59", "61", "62", "101", "102"})
SHOWN = 400  # characters of the message
#: Where executionData says its time, and the one form that the library reads alike everywhere.
EXECUTION_TIME, IN_UTC = 15, "%Y%m%d %H:%M:%S UTC"
#: Where commissionReport says commission and profit, and yield.
AMOUNTS, NOT_KNOWN = (3, 5, 6), str(UNSET_DOUBLE)


class GreetedClient(Client):
    """The library's client; it also tells when the gateway began, which the library throws away.

    The greeting is the first frame: version and time, in the gateway's own zone.
    """

    def _onSocketHasData(self, data: bytes) -> None:
        if self._apiReady:
            self._read(data)
            return
        if not self._serverVersion:
            begun = self._data + data
            fields = begun[4 : 4 + int.from_bytes(begun[:4])].decode(errors="backslashreplace").split("\0")
            if len(begun) >= 4 + int.from_bytes(begun[:4]) and len(fields) == 3:
                self.wrapper.greeted(fields[1])
        super()._onSocketHasData(data)  # type: ignore[no-untyped-call]

    def _read(self, data: bytes) -> None:
        """Decode all whole frames: length, then fields that each end with a zero.

        The library copies what is left after each message, so a burst costs the square of its length.
        """
        unread, at = self._data + data, 0
        self._numBytesRecv += len(data)
        while (begin := at + 4) <= len(unread):
            end = begin + int.from_bytes(unread[at:begin])
            if end > len(unread):
                break
            at = end
            self._numMsgRecv += 1
            fields = unread[begin:end].decode(errors="backslashreplace").split("\0")[:-1]
            self.decoder.interpret(fields)  # type: ignore[no-untyped-call]
        self._data = unread[at:]


class StrictDecoder(Decoder):
    """Tells the callbacks of messages that could not be read."""

    wrapper: Callbacks  # type: ignore[assignment]

    def execDetails(self, fields: list[str]) -> None:
        """An execution, its time in UTC as we read it: the library knows names of the tz database only."""
        moment = self.wrapper.times.read(fields[EXECUTION_TIME], clock.now())
        read = [*fields[:EXECUTION_TIME], f"{moment:{IN_UTC}}", *fields[EXECUTION_TIME + 1 :]]
        super().execDetails(read)  # type: ignore[no-untyped-call]

    def commissionReport(self, fields: list[str]) -> None:
        """A commission; the library takes an empty amount for zero, where the broker does not know it yet."""
        read = [_known(text) if place in AMOUNTS else text for place, text in enumerate(fields)]
        super().commissionReport(read)  # type: ignore[no-untyped-call]

    def parse(self, obj: Any) -> None:
        """Give the fields of an object the types of their defaults, as the library does.

        It asks the class for its fields each time, some 150 of an order: that was most of decoding.
        """
        said = vars(obj)
        for name, default, read in _typed(cast(Hashable, type(obj))):
            text = said[name]
            if text is not default:
                said[name] = read(text) if text else default

    def interpret(self, fields: list[str]) -> None:
        """Decode one message and call its callback."""
        try:
            self.handlers[int(fields[0])](fields)
        except Exception as error:
            text = f"{error!r} in {fields}"[:SHOWN]
            if fields and fields[0] in ABOUT_OUR_BOOKS:
                log.exception("a message of the gateway could not be read", extra={"fields": text})
                self.wrapper.unreadable(text)
            else:
                log.warning("a message of the gateway was left out", extra={"fields": text})


Read = Callable[[str], Any]


@cache
def _typed(kind: Hashable) -> list[tuple[str, Any, Read]]:
    """Names, defaults and readers of those fields of a class that are no text."""
    readers: dict[type, Read] = {int: int, float: float, bool: lambda text: bool(int(text))}
    fields = dataclasses.fields(cast(Any, kind))
    return [(f.name, f.default, readers[type(f.default)]) for f in fields if type(f.default) in readers]


def _known(amount: str) -> str:
    """The amount, or what the library knows as not set: for an empty one, and for what is no number."""
    try:
        float(amount)
    except ValueError:
        return NOT_KNOWN
    return amount


def new_client(callbacks: Callbacks) -> Any:
    """The library's client around our callbacks."""
    client = GreetedClient(callbacks)  # type: ignore[no-untyped-call]
    client.decoder = StrictDecoder(callbacks, 0)  # type: ignore[arg-type]
    return client


def abort(client: Any) -> None:
    """Throw away what the socket has not delivered.

    A plain close would still deliver it, perhaps to a gateway that wakes up long after we asked it,
    on the next connection, whether it has these orders.
    """
    transport = client.conn.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def handshake(client: Any, address: tuple[str, int], client_id: int, timeout: float) -> None:
    """Until the gateway has told ids and accounts; raises BrokerUnavailable.

    ib_async waits out its whole timeout when the peer closes before it is ready; we do not.
    """
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_error(text: str) -> None:
        if not refused.done():
            refused.set_result(text)

    client.apiError += on_error
    connecting = asyncio.ensure_future(client.connectAsync(*address, client_id, timeout=timeout))
    await asyncio.wait({connecting, refused}, return_when=asyncio.FIRST_COMPLETED)
    if connecting.done() and not connecting.exception():
        refused.cancel()
        return
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    text = refused.result() if refused.done() else ""
    raise BrokerUnavailable(text or "the gateway did not accept the connection")


def require_mode(accounts: Sequence[str], *, paper: bool) -> None:
    """Never trade real money by mistake, nor paper in the belief that it is real."""
    strangers = [account for account in accounts if is_paper(account) is not paper]
    if strangers:
        mode = "paper" if paper else "live"
        raise BrokerUnavailable(
            f"the gateway is logged in to {', '.join(strangers)}, but TRADEDESK_TRADING_MODE is {mode}"
        )
