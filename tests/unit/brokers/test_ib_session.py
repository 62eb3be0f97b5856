"""The session without a gateway: what it answers, and what waits for its pace."""

from __future__ import annotations

import asyncio
import gc
import warnings
from itertools import count
from typing import Any, cast

import pytest

from brokers.errors import BrokerUnavailable
from brokers.fix import SecType
from brokers.gate.pacing import Pacer
from brokers.ib import session as ib_session
from brokers.ib.session import IBSession
from brokers.messages import CancelOrder, InstrumentRef
from brokers.port import Listener

AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)


def idle(**more: Any) -> IBSession:
    nobody = cast(Listener, None)
    return IBSession(name="main", host="127.0.0.1", port=1, client_id=1, paper=True, listener=nobody, **more)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: session.instrument_details(AAPL, 1),
        lambda session: session.market([AAPL], 1),
        lambda session: session.snapshot(1, full=True),
    ],
)
def test_a_question_to_a_session_that_does_not_run_leaves_nothing_behind(ask: Any) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(BrokerUnavailable):
            ask(idle())
        gc.collect()
    assert [str(one.message) for one in told if "never awaited" in str(one.message)] == []


def test_a_cancel_of_everything_waits_for_the_gateways_pace() -> None:
    time = [0.0]
    pacer = Pacer(1, 0, clock=lambda: time[0])
    session = idle(pacer=pacer)
    everything = CancelOrder(order_id="", broker_order_id=0)

    async def ask() -> tuple[bool, str]:
        assert pacer.one_of_own()
        waiting = asyncio.ensure_future(session._sending.cancel_everything(everything))
        await asyncio.sleep(0.1)
        was_waiting = not waiting.done()
        time[0] += 2
        (sent,) = await asyncio.wait_for(waiting, 30)
        return was_waiting, str(sent.error)

    assert asyncio.run(ask()) == (True, "no live connection to the gateway")
    assert not pacer.one_of_own()


class Telling:
    """Callbacks that have heard so many more messages about orders each time they are asked."""

    def __init__(self, more: int) -> None:
        self._counts = count(step=more)

    @property
    def told(self) -> int:
        return next(self._counts)


class Answering:
    """Callbacks that have heard a row each time they are asked, and after a hundred what is waited for."""

    def __init__(self, session: IBSession, answer: asyncio.Future[None], key: str) -> None:
        self._session, self._answer, self._key = session, answer, key
        self._asked = 0

    @property
    def told(self) -> int:
        self._asked += 1
        self._session.requests.add(self._key, 1)
        if self._asked == 100:
            self._answer.set_result(None)
        return self._asked


@pytest.mark.parametrize("is_told", [True, False])
def test_an_answer_is_waited_for_while_a_day_is_told_before_it(
    monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    monkeypatch.setattr(ib_session, "PROBE_TIMEOUT", 0.01)
    session = idle()
    session._down = asyncio.Event()
    session._callbacks = cast(Any, Telling(ib_session.FLOOD if is_told else 1))

    async def ask() -> bool:
        answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.2, answer.set_result, None)
        return await session._is_done(answer, 0.01)

    assert asyncio.run(ask()) is is_told


@pytest.mark.parametrize(("limit", "rows", "is_kept"), [
    ("LONGEST_FLOOD", False, False),  # whoever only talks may no longer listen
    ("LONGEST_FLOOD", True, True),  # rows of an answer: it has heard us
    ("LONGEST_LOOK", True, False),  # it repeats itself
])  # fmt: skip
def test_only_rows_of_an_answer_are_waited_for_longer_than_a_flood(
    monkeypatch: pytest.MonkeyPatch, limit: str, rows: bool, is_kept: bool
) -> None:
    monkeypatch.setattr(ib_session, "FLOOD", 0)
    monkeypatch.setattr(ib_session, limit, 0.05)
    monkeypatch.setattr(ib_session, "PROBE_TIMEOUT", 0.01)
    session = idle()
    session._down = asyncio.Event()

    async def ask() -> bool:
        answer = asyncio.get_running_loop().create_future()
        session.requests.open("openOrders")
        session._callbacks = cast(Any, Answering(session, answer, "openOrders" if rows else "of nobody"))
        return await session._is_done(answer, 0.01)

    assert asyncio.run(ask()) is is_kept
