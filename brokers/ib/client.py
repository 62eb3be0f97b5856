"""The library's client and decoder, without their habits that lose or delay what a gateway says.

ib_async catches every error of decoding and of our callbacks, logs it and goes on: an execution would
be lost, and an open order would seem to be absent. Here such a message spoils the answers it may have
been a row of, and is told.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import socket
import struct
from collections.abc import Callable, Collection, Hashable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from ib_async import Contract, Order, OrderState
from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE

from brokers.account_codes import is_paper
from brokers.errors import BrokerUnavailable
from brokers.ib.translate import STATUSES
from brokers.postgres import clock

if TYPE_CHECKING:
    from brokers.ib.callbacks import Callbacks

log = logging.getLogger(__name__)

#: Messages about orders, executions and positions, by IB's numbers; the rest is prices and reference data.
ABOUT_OUR_BOOKS = frozenset({"3", "4", "5", "9", "11", "53", "55", "59", "61", "62", "101", "102"})
#: Of these alone the library makes the characters that a gateway escapes.
CONTRACT_DETAILS = "10"
#: How gateways write what is no ASCII, in halves of pairs where need be (tws-wire 1, version 153).
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
SHOWN = 400  # characters of the message
#: Where executionData says its time, and the one form that the library reads alike everywhere.
EXECUTION_TIME, IN_UTC = 15, "%Y%m%d %H:%M:%S UTC"
#: Where it says what was traded and at which price.
TRADED = (19, 20)
#: Where commissionReport says commission and profit, and yield; and the date of a redemption, a whole number.
AMOUNTS, NOT_KNOWN, REDEMPTION = (3, 5, 6), str(UNSET_DOUBLE), 7
#: Where position says quantity and average cost.
HELD = (14, 15)
#: So many fields of executionData say whose execution of what it is; up to five more say how it came about.
EXECUTION_HEAD, EXECUTION_FIELDS = 27, 32
#: How every version begins openOrder and completedOrder: the contract, the plain terms, whose order it is.
CONTRACT_AND_TERMS = (
    *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right", "multiplier"),
    *("exchange", "currency", "localSymbol", "tradingClass"),
    *("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif"),
    *("ocaGroup", "account", "openClose", "origin", "orderRef"),
)
OPEN_HEAD = ("orderId", *CONTRACT_AND_TERMS, "clientId", "permId")
COMPLETED_HEAD = (*CONTRACT_AND_TERMS, "permId")
#: Whose order a message is about: what is no number there is no reason to guess.
IDENTITY = frozenset({"orderId", "clientId", "permId"})
Read = Callable[[str], Any]
Handler = Callable[[list[str]], None]
LARGEST_EXACT = 2**53  # beyond it a double skips whole numbers


class GreetedClient(Client):
    """The library's client; it also tells when the gateway began, which the library throws away.

    The greeting is the first frame: version and time, in the gateway's own zone.
    """

    has_greeted = False

    def _onSocketHasData(self, data: bytes) -> None:
        if self._apiReady:
            self._read(data)
            return
        if not self._serverVersion:
            begun = self._data + data
            fields = begun[4 : 4 + int.from_bytes(begun[:4])].decode(errors="backslashreplace").split("\0")
            if len(begun) >= 4 + int.from_bytes(begun[:4]) and len(fields) == 3:
                self.has_greeted = True
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
            text = unread[begin:end].decode(errors="backslashreplace")
            fields = text.split("\0")[:-1]
            if "\\u" in text and fields[:1] != [CONTRACT_DETAILS]:
                fields = [unescaped(field) for field in fields]
            self.decoder.interpret(fields)  # type: ignore[no-untyped-call]
        self._data = unread[at:]


def unescaped(field: str) -> str:
    """A text as it was meant: the words of a refusal, a reference, a group's name."""
    halves = ESCAPED.sub(lambda found: chr(int(found[1], 16)), field)
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class StrictDecoder(Decoder):
    """Tells the callbacks of messages that could not be read."""

    wrapper: Callbacks  # type: ignore[assignment]

    def wrap(self, methodName: str, types: Sequence[type], skip: int = 2) -> Handler:
        """A handler that gives a callback its fields; the library's own keeps errors to itself."""
        readers = [READERS[kind] for kind in types]

        def handler(fields: list[str]) -> None:
            if callback := getattr(self.wrapper, methodName, None):
                callback(*[read(text) for read, text in zip(readers, fields[skip:], strict=False)])

        return handler

    def errorMsg(self, fields: list[str]) -> None:
        """An error or a notice; what more there is of a refusal (JSON) may be missing."""
        _, _, request_id, code, text, *more = fields
        self.wrapper.error(_whole(request_id), _whole(code), text, more[0] if more else "")

    def openOrder(self, fields: list[str]) -> None:
        """An order that is open. The answer to a what-if order is in what no head says."""
        try:
            super().openOrder(fields)  # type: ignore[no-untyped-call]
        except Exception:
            contract, order, state = self._head(OPEN_HEAD, fields)
            if self.wrapper.requests.is_open(order.orderId):
                raise
            self.wrapper.openOrder(order.orderId, contract, order, state)

    def completedOrder(self, fields: list[str]) -> None:
        """An order that is over."""
        try:
            super().completedOrder(fields)  # type: ignore[no-untyped-call]
        except Exception:
            self.wrapper.completedOrder(*self._head(COMPLETED_HEAD, fields))

    def _head(self, names: Sequence[str], fields: list[str]) -> tuple[Contract, Order, OrderState]:
        """What an order of a form that the library cannot read says in any form; raises ValueError.

        Anybody may put an order together in TWS. One that is shown in words of its own would spoil each
        snapshot, and no gate would open as long as it lives. Its status is the only word that is one.
        """
        if len(fields) <= len(names):
            raise ValueError("the message ends before it says whose order it is")
        contract, order = Contract(), Order()
        for name, text in zip(names, fields[1:], strict=False):
            setattr(order if hasattr(order, name) else contract, name, text)
        self.parse(contract)
        self.parse(order)
        words = [text for text in fields[len(names) + 1 :] if text in STATUSES]
        log.warning("an order could be read in part", extra={"fields": str(fields)[:SHOWN]}, exc_info=True)
        return contract, order, OrderState(status=words[0] if len(words) == 1 else "")

    def execDetails(self, fields: list[str]) -> None:
        """An execution, its time in UTC as we read it: the library knows names of the tz database only.

        It takes a quantity or a price that is not told for zero, which is a bust, or a gift.
        """
        moment = self.wrapper.times.read(fields[EXECUTION_TIME], clock.now())
        read = _with_known(fields, TRADED)
        read[EXECUTION_TIME] = f"{moment:{IN_UTC}}"
        if len(read) >= EXECUTION_HEAD:
            read += [""] * (EXECUTION_FIELDS - len(read))
        super().execDetails(read)  # type: ignore[no-untyped-call]

    def commissionReport(self, fields: list[str]) -> None:
        """A commission; the library takes an empty amount for zero, where the broker does not know it yet."""
        read = _with_known(fields, AMOUNTS)
        if not read[REDEMPTION].isdecimal():
            read[REDEMPTION] = ""  # of no use here, and no reason to lose the commission
        super().commissionReport(read)  # type: ignore[no-untyped-call]

    def position(self, fields: list[str]) -> None:
        """A position; the library takes what is not told for zero, as if nothing were held."""
        super().position(_with_known(fields, HELD))  # type: ignore[no-untyped-call]

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


#: How a field of each kind is read; the library takes an empty one for zero.
READERS: dict[type, Read] = {
    str: str,
    int: lambda text: _whole(text or "0"),
    float: lambda text: _figure(text or "0"),
    bool: lambda text: text == "1" or (text != "0" and _odd_flag(text)),
}


@cache
def _typed(kind: Hashable) -> list[tuple[str, Any, Read]]:
    """Names, defaults and readers of those fields of a class that are no text."""
    fields = [f for f in dataclasses.fields(cast(Any, kind)) if type(f.default) in (int, float, bool)]
    return [(f.name, f.default, _reader(f.name, f.default)) for f in fields]


def _reader(name: str, default: Any) -> Read:
    """How a field is read; a whole number that is none is not told, unless it is an identity."""
    read = READERS[type(default)]
    return read if type(default) is not int or name in IDENTITY else partial(_whole_or, default)


def _whole_or(default: int, text: str) -> int:
    try:
        return _whole(text)
    except ValueError:
        return default


def _odd_flag(text: str) -> bool:
    try:
        return bool(_whole(text or "0"))
    except ValueError:
        return text.lower() == "true"


def _whole(text: str) -> int:
    """A whole number, also one that is written as others are: 42.0, 1.7E9."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer() or abs(number) > LARGEST_EXACT:
            raise
        return int(number)


def _figure(text: str) -> float:
    """A number; what is none is not known, as the largest double: no reason to lose the message."""
    try:
        return float(text)
    except ValueError:
        return UNSET_DOUBLE


def _with_known(fields: list[str], places: Collection[int]) -> list[str]:
    """The fields; at these places what the library knows as not set, where there is no number."""
    return [_known(text) if place in places else text for place, text in enumerate(fields)]


def _known(amount: str) -> str:
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
    error: object = (await asyncio.gather(connecting, return_exceptions=True))[0]
    text = refused.result() if refused.done() else ""
    raise BrokerUnavailable(_why_not(error, client) or text or "the gateway did not accept the connection")


def _why_not(error: object, client: GreetedClient) -> str:
    """What a person may do about a gateway that does not let us in; empty where its own words say it.

    A gateway without a person at it may show a dialog, and wait (IBC: AcceptIncomingConnectionAction).
    """
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: is the gateway running, and its API port open?"
    if not isinstance(error, TimeoutError):
        return ""
    if client.has_greeted:
        return "the gateway greets and tells no accounts: is it logged in?"
    return "the connection is taken and nothing is said: a dialog of the gateway may wait for a person"


def require_mode(accounts: Sequence[str], *, paper: bool) -> None:
    """Never trade real money by mistake, nor paper in the belief that it is real."""
    strangers = [account for account in accounts if is_paper(account) is not paper]
    if strangers:
        mode = "paper" if paper else "live"
        raise BrokerUnavailable(
            f"the gateway is logged in to {', '.join(strangers)}, but TRADEDESK_TRADING_MODE is {mode}"
        )
