"""The session: one thread with one event loop that owns one connection to one gateway.

Connects, connects again with jittered backoff, probes the socket, tracks the gateway's own link to IB,
and takes what other threads want of the gateway to its loop, where `Asking`, `Sending` and `Prices` do it.
It decides nothing about orders.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import wait
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from brokers import time_zones
from brokers.errors import BrokerError, BrokerUnavailable, OutcomeUnknown
from brokers.gate.fence import Fence
from brokers.gate.pacing import Pacer
from brokers.ib import codes
from brokers.ib.asking import Asking
from brokers.ib.callbacks import Callbacks
from brokers.ib.client import abort, handshake, new_client, require_mode
from brokers.ib.codes import Notice
from brokers.ib.prices import Prices, ProfitKey
from brokers.ib.requests import PROBE, Requests
from brokers.ib.sending import Command, Sending
from brokers.ib.times import GatewayTimes
from brokers.market import MarketView
from brokers.messages import (
    CancelOrder,
    InstrumentDetails,
    InstrumentRef,
    NewOrder,
    Preview,
    ReplaceOrder,
    Snapshot,
)
from brokers.port import Link, Listener, Sent
from brokers.postgres import clock
from brokers.postgres.clock import WholeSeconds
from brokers.threads import RestartableThread, beat_here

log = logging.getLogger(__name__)
T = TypeVar("T")
#: What the loop is to do; begun there only, so that nothing is left over where there is none.
Work = Callable[[], Coroutine[Any, Any, T]]
#: How waiting for the loop's answer ends without one: not in time, or the loop ended meanwhile.
NO_ANSWER = (FutureTimeout, TimeoutError, FutureCancelled, asyncio.CancelledError)

#: Seconds for the handshake, first and longest: short at first, so that a connection on which nothing
#: comes back does not hold up the next one; longer each time, for a gateway that is only slow.
CONNECT_TIMEOUT = (4.0, 16.0)
PROBE_EVERY = 1.5  # seconds
#: Messages about orders within the time of a probe: with fewer the gateway is silent, whatever it tells of
#: markets.
FLOOD = 100
#: Seconds that such messages alone may keep us waiting, none of them a row of an answer of ours.
LONGEST_FLOOD = 90.0
#: Seconds that rows may: a day of a million orders. No gateway that repeats itself for ever is listened to.
LONGEST_LOOK = 1800.0
PROBE_TIMEOUT = 3.0  # seconds; a half-open link is found within PROBE_EVERY + PROBE_TIMEOUT
HAND_OVER_TIMEOUT = 10.0  # seconds
BEAT_EVERY = 0.5  # seconds
ROOM_EVERY = 0.02  # seconds between two looks for room in the gateway's pace
BACKOFF = (0.1, 1.5)  # seconds between attempts, first and longest


class IBSession:
    """`brokers.port.BrokerSession` for Interactive Brokers."""

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        client_id: int,
        paper: bool,
        listener: Listener,
        time_zone: str = "",
        fence: Fence | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        """Without a fence (no lease to lose) it may always write, without a pacer at any pace."""
        self.name = name
        self._pacer = pacer
        self.paper = paper
        self.address = (host, port)
        self.client_id = client_id
        self.listener = listener
        #: For all connections: what a person was told once is not told again after each.
        self._times = GatewayTimes(name, time_zones.find(time_zone), listener)
        self.link = Link.DOWN
        self._link_reason = ""
        self.connection_started_at: datetime | None = None
        #: When the gateway last told of its own link to IB: a look that began before it opens no gate.
        self._link_told_at: datetime | None = None
        self.server_version: int | None = None
        self.requests = Requests()
        self._callbacks: Callbacks | None = None
        self._client: Any = None  # ib_async.client.Client, which carries no types
        self._down = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asking = Asking(self)
        self._sending = Sending(self, fence)
        self._prices = Prices(self)
        self._broker_clock = WholeSeconds()
        self._stopping = threading.Event()
        self.thread = RestartableThread(f"ib-{name}", self._run)

    # --- the port, called from other threads -------------------------------------------------------
    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._post(self.give_up)
        self.thread.join(timeout=10)

    def place(self, orders: Sequence[NewOrder]) -> list[Sent]:
        return self._hand_over(partial(self._sending.place, orders), orders)

    def cancel(self, cancels: Sequence[CancelOrder]) -> list[Sent]:
        return self._hand_over(partial(self._sending.cancel, cancels), cancels)

    def cancel_everything(self) -> Sent:
        everything = CancelOrder(order_id="", broker_order_id=0)
        (answer,) = self._hand_over(partial(self._sending.cancel_everything, everything), [everything])
        return answer

    def replace(self, replaces: Sequence[ReplaceOrder]) -> list[Sent]:
        return self._hand_over(partial(self._sending.replace, replaces), replaces)

    def snapshot(self, timeout: float, *, full: bool) -> Snapshot:
        return self._ask(partial(self._look_patiently, full, timeout), max(timeout, LONGEST_LOOK) + 5)

    def reconnect(self, reason: str) -> None:
        log.warning("reconnecting", extra={"session": self.name, "reason": reason})
        self._post(self.give_up)

    def ready(self, snapshot: Snapshot) -> None:
        self._post(self._open_gate, snapshot)

    def refuse(self, reason: str) -> None:
        self._post(self._stay_shut, reason)

    @property
    def home_zone(self) -> str:
        """What the gateway calls its own time zone; empty when it does not say."""
        return self._times.home

    @property
    def clock_ahead(self) -> float:
        return self._broker_clock.ahead

    def instrument_details(self, instrument: InstrumentRef, timeout: float) -> list[InstrumentDetails]:
        return self._ask(partial(self._asking.details, instrument), timeout)

    def preview(self, order: NewOrder, timeout: float) -> Preview:
        return self._ask(partial(self._asking.preview, order), timeout)

    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        self._post(self._prices.watch, list(instruments))

    def market(self, instruments: Sequence[InstrumentRef], timeout: float) -> list[MarketView]:
        return self._ask(partial(self._look_at, list(instruments)), timeout)

    def follow_profits(self, wanted: Collection[ProfitKey]) -> None:
        self._post(self._prices.follow_profits, set(wanted))

    # --- across threads ----------------------------------------------------------------------------
    def _hand_over(self, sending: Work[list[Sent]], commands: Sequence[Command]) -> list[Sent]:
        """Run a send on the loop. No loop: nothing left. No answer in time: anything may have left."""
        try:
            return self._on_loop(sending, HAND_OVER_TIMEOUT)
        except BrokerUnavailable as error:
            return [Sent(order_id=command.order_id, error=error) for command in commands]
        except NO_ANSWER:
            unknown = OutcomeUnknown("the session thread did not answer in time")
            return [Sent(order_id=command.order_id, error=unknown) for command in commands]

    def _ask(self, question: Work[T], timeout: float) -> T:
        async def answer() -> T:
            return await asyncio.wait_for(question(), timeout)

        try:
            return self._on_loop(answer, timeout + 5)
        except NO_ANSWER:
            raise no_answer(timeout) from None

    def _on_loop(self, work: Work[T], timeout: float) -> T:
        loop = self._loop
        if loop is None or not loop.is_running():
            raise BrokerUnavailable("the session is not running")
        begun = work()
        try:
            answer = asyncio.run_coroutine_threadsafe(begun, loop)
        except RuntimeError:  # it ended just now
            begun.close()
            raise BrokerUnavailable("the session is not running") from None
        ends_at = time.monotonic() + timeout
        while (left := ends_at - time.monotonic()) > 0 and not wait({answer}, min(BEAT_EVERY, left)).done:
            beat_here()  # a look may last; the loop is watched itself
        return answer.result(0)

    def _post(self, what: Callable[..., object], *arguments: object) -> None:
        """Have it called on the loop; without one there is no connection that it could be for."""
        loop = self._loop
        if loop is not None and loop.is_running():
            with suppress(RuntimeError):  # it ended just now
                loop.call_soon_threadsafe(what, *arguments)

    # --- life, on the loop -------------------------------------------------------------------------
    def _run(self) -> None:
        """A loop of its own each time that the thread is started; what belonged to the last one is gone."""
        self._down = asyncio.Event()
        if self.link is not Link.DOWN:
            self._client = None
            self._set_link(Link.DOWN, "the session's thread ended")
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        beating = asyncio.ensure_future(self._beat_forever())
        try:
            await self._stay_connected()
        finally:
            beating.cancel()
            self._drop("stopped" if self._stopping.is_set() else "the session's thread ended")

    async def _beat_forever(self) -> None:
        while True:
            self.thread.beat()
            await asyncio.sleep(BEAT_EVERY)

    async def _stay_connected(self) -> None:
        backoff, timeout = BACKOFF[0], CONNECT_TIMEOUT[0]
        while not self._stopping.is_set():
            try:
                await self._connect(timeout)
                backoff, timeout = BACKOFF[0], CONNECT_TIMEOUT[0]
                reason = await self._serve()
            except (OSError, TimeoutError, BrokerError) as error:
                reason = str(error) or type(error).__name__
            except Exception as error:
                log.exception("connection broke", extra={"session": self.name})
                reason = repr(error)
            self._drop(reason)
            if not self._stopping.is_set():
                self.listener.connection_failed()
            await self._pause(backoff * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            backoff, timeout = min(BACKOFF[1], backoff * 2), min(CONNECT_TIMEOUT[1], timeout * 2)

    async def _look_patiently(self, full: bool, timeout: float) -> Snapshot:
        """A day of many orders takes longer to tell: while it is told the answer is on its way."""
        looking = asyncio.ensure_future(self._look(full))
        begin = time.monotonic()
        if not await self._is_done(looking, timeout):
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            raise no_answer(round(time.monotonic() - begin, 1))
        return looking.result()

    async def _is_done(self, answer: asyncio.Future[Any], timeout: float) -> bool:
        """Wait for it: at least `timeout`, then for as long as a flood of messages about orders goes on.

        The gateway answers in turn, so a probe's answer stands behind a whole day that was asked for before.
        Without this a day that takes longer to read than a probe may take ends each connection, and the next
        one begins the same day anew. Rows of an answer prove that the gateway has heard us, and they end.
        """
        begin = last_row_at = time.monotonic()
        patience = timeout
        while True:
            rows, told = self.requests.answered, self._told
            if (await asyncio.wait({answer}, timeout=patience))[0]:
                return True
            now = time.monotonic()
            if self.requests.answered > rows:
                last_row_at = now
            is_late = now - last_row_at >= LONGEST_FLOOD or now - begin >= LONGEST_LOOK
            if self._told - told < FLOOD or is_late or self._down.is_set():
                return False
            patience = min(patience, PROBE_TIMEOUT)

    @property
    def _told(self) -> int:
        return self._callbacks.told if self._callbacks else 0

    async def _look(self, full: bool) -> Snapshot:
        snapshot = await self._asking.snapshot(full)
        if self._callbacks:
            self._callbacks.looked(full)
        return snapshot

    async def _connect(self, timeout: float) -> None:
        """Open the socket and wait until the gateway has told ids and accounts."""
        self._down.clear()
        self._asking.unanswered = 0
        self.requests = Requests()
        self._callbacks = Callbacks(
            connection_id=uuid4().hex[:12],
            client_id=self.client_id,
            listener=self.listener,
            requests=self.requests,
            prices=self._prices,
            on_link_code=self._link_code,
            times=self._times,
        )
        self._client = client = new_client(self._callbacks)
        client.MaxRequests = 0  # pacing is ours; the library's queue would be dropped on a disconnect
        client.apiEnd += self._down.set
        await handshake(client, self.address, self.client_id, timeout)
        require_mode(client.getAccounts(), paper=self.paper)
        self.connection_started_at = clock.now()
        self.server_version = client.serverVersion()
        if self.link is not Link.BROKER_LOST:  # told with the greeting, before we come to this
            self._set_link(Link.CONNECTED, f"connected to {self.address[0]}:{self.address[1]}")
        client.reqMarketDataType(3)  # live where allowed, else delayed
        self._prices.connected()

    async def _serve(self) -> str:
        """Until the connection ends; the reason.

        Probes even while data comes in: a gateway may still talk and no longer listen.
        """
        while not self._down.is_set():
            if not await self._probe():
                return f"no answer to a probe within {PROBE_TIMEOUT:g} s"
            await self._pause(PROBE_EVERY)
        return "stopped" if self._stopping.is_set() else "the gateway closed the connection"

    async def _probe(self) -> bool:
        await self.room()
        answered = self.requests.open(PROBE)
        answer = self.requests.collect(PROBE)
        asked_at = clock.now()
        try:
            self.live_client().reqCurrentTime()
            if not await self._is_done(answered, PROBE_TIMEOUT):
                raise TimeoutError
            told = await answer
            self._broker_clock.answered(told[-1], asked_at, clock.now())
        except (TimeoutError, BrokerError, ConnectionError):
            answer.close()
            self.requests.close(PROBE, answered=False)
            return False
        return not self._down.is_set()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake when the connection ends or the session is to stop."""
        try:
            await asyncio.wait_for(self._down.wait(), seconds)
        except TimeoutError:
            return

    def give_up(self) -> None:
        """End this connection; on the loop."""
        self._down.set()

    def _drop(self, reason: str) -> None:
        client, self._client = self._client, None
        self.connection_started_at = self.server_version = None
        self.requests.connection_lost()
        self._prices.disconnected()
        self._set_link(Link.DOWN, reason)
        if client:
            client.apiEnd -= self._down.set
            abort(client)
            client.disconnect()
        if not self._stopping.is_set():
            self._down.clear()

    def _set_link(self, link: Link, reason: str) -> None:
        if (link, reason) != (self.link, self._link_reason):
            self.link, self._link_reason = link, reason
            log.info("link %s", link, extra={"session": self.name, "reason": reason})
            self.listener.link_changed(link, reason)

    def _link_code(self, code: int, text: str) -> None:
        """1100: the gateway lost IB. 1101, 1102: it is back, and anything may have happened meanwhile."""
        what = codes.classify(code)
        if what in (Notice.LINK_LOST, Notice.LINK_RESTORED):
            self._link_told_at = clock.now()
        if what is Notice.LINK_LOST:
            self.requests.spoil(BrokerUnavailable(f"{code}: {text}"))
            self._set_link(Link.BROKER_LOST, f"{code}: {text}")
        elif what is Notice.LINK_RESTORED and self.link in (Link.BROKER_LOST, Link.READY):
            self._set_link(Link.CONNECTED, f"{code}: {text}")
            if code == codes.SUBSCRIPTIONS_LOST:
                self._prices.connected()
        elif what is Notice.CLIENT_ID_IN_USE:
            log.warning("client id in use", extra={"session": self.name, "text": text})

    def _stay_shut(self, reason: str) -> None:
        if self.link in (Link.CONNECTED, Link.READY):
            self._set_link(Link.CONNECTED, reason)

    def _open_gate(self, snapshot: Snapshot) -> None:
        same = snapshot.connection_started_at == self.connection_started_at
        is_older = self._link_told_at is not None and snapshot.started_at <= self._link_told_at
        if same and not is_older and self.link is Link.CONNECTED:
            self._set_link(Link.READY, "reconciled")

    def live_client(self) -> Any:
        """The client, if its socket would really take bytes: a closing transport drops them silently."""
        client = self._client
        transport = client.conn.transport if client else None
        if client is None or not client.isReady() or transport is None or transport.is_closing():
            raise BrokerUnavailable("no live connection to the gateway")
        return client

    # --- prices, on the loop -------------------------------------------------------------------------
    async def _look_at(self, instruments: list[InstrumentRef]) -> list[MarketView]:
        self._prices.show_books(instruments)
        return [self._prices.view(instrument) for instrument in instruments]

    async def room(self) -> None:
        """Wait until the gateway takes one more message that is neither an order nor a cancel."""
        while self._pacer and not self._pacer.one_of_own():
            await asyncio.sleep(ROOM_EVERY)

    def next_id(self) -> int:
        """A fresh request id."""
        return self._asking.next_id()


def no_answer(seconds: float) -> OutcomeUnknown:
    """What a question ends with whose answer did not come."""
    return OutcomeUnknown(f"no complete answer within {seconds:g} s")
