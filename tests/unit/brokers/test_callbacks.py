"""What becomes of raw callbacks before they reach the inbox."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from ib_async import Contract, Order, OrderState

from brokers.gate.order_ids import USED_UP_FROM
from brokers.ib.callbacks import Callbacks
from brokers.ib.client import StrictDecoder
from brokers.ib.contracts import instrument_details
from brokers.ib.ids import FIRST_REQUEST_ID
from brokers.ib.prices import Prices
from brokers.ib.requests import Requests
from brokers.market import LiveQuote, ProfitReport
from brokers.messages import ErrorReport, HandedOver, OrderReport, PositionReport
from brokers.port import InboundMessage, Link


class Memory:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.valid_ids: list[int] = []
        self.prices: list[tuple[int, str, str]] = []
        self.quotes: dict[int, LiveQuote] = {}

    def on_message(self, message: InboundMessage) -> None:
        self.messages.append(message)

    def handed_over(self, note: HandedOver) -> None:
        raise AssertionError("callbacks hand nothing over")

    def link_changed(self, link: Link, reason: str) -> None:
        raise AssertionError("the session tells of the link")

    def next_valid_id(self, broker_order_id: int) -> None:
        self.valid_ids.append(broker_order_id)

    def position_seen(self, report: PositionReport) -> None:
        raise AssertionError("no position was told")

    def price_seen(self, con_id: int, name: str, value: str) -> None:
        self.prices.append((con_id, name, value))

    def quote_changed(self, con_id: int, quote: LiveQuote) -> None:
        self.quotes[con_id] = quote

    def profit_seen(self, report: ProfitReport) -> None:
        raise AssertionError("nobody asked for profits")


class Unconnected:
    """A session that asks nothing."""

    def __init__(self, listener: Memory) -> None:
        self.listener = listener

    def next_id(self) -> int:
        raise AssertionError("nothing is asked")

    def live_client(self) -> Any:
        raise AssertionError("nothing is asked")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def codes() -> list[int]:
    return []


@pytest.fixture
def callbacks(memory: Memory, codes: list[int]) -> Callbacks:
    return Callbacks(
        connection_id="c1",
        client_id=1,
        listener=memory,
        requests=Requests(),
        prices=Prices(Unconnected(memory)),
        on_link_code=lambda code, text: codes.append(code),
    )


def status(callbacks: Callbacks, **changes: Any) -> None:
    said: dict[str, Any] = {
        "order_id": 5, "status": "Submitted", "filled": 0.0, "remaining": 10.0, "avg_fill_price": 0.0,
        "perm_id": 99, "parent_id": 0, "last_fill_price": 0.0, "client_id": 1, "why_held": "",
    }  # fmt: skip
    callbacks.orderStatus(**{**said, **changes})


def test_a_status_of_an_unknown_order_is_still_reported(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks, order_id=0, perm_id=123, client_id=0)
    (message,) = memory.messages
    assert isinstance(message.event, OrderReport)
    assert message.event.identity.perm_id == 123


def test_a_word_for_word_repeat_is_reported_once(callbacks: Callbacks, memory: Memory) -> None:
    for _ in range(3):
        status(callbacks)
    assert len(memory.messages) == 1


def test_a_message_lost_before_storage_is_new_when_repeated(callbacks: Callbacks, memory: Memory) -> None:
    for _ in range(3):
        status(callbacks)
        memory.messages[-1].forget()
    assert len({message.dedup_key for message in memory.messages}) == 3


def test_a_loss_does_not_forget_what_came_after_it(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks)
    status(callbacks, status="PendingCancel")
    memory.messages[0].forget()
    status(callbacks, status="PendingCancel")
    assert len(memory.messages) == 2


def test_going_back_to_an_earlier_status_is_reported_again(callbacks: Callbacks, memory: Memory) -> None:
    for word in ("Submitted", "PendingCancel", "Submitted"):
        status(callbacks, status=word)
    assert len({message.dedup_key for message in memory.messages}) == 3


def test_what_every_look_repeats_is_reported_once(callbacks: Callbacks, memory: Memory) -> None:
    for _ in range(5):
        status(callbacks)
        callbacks.looked(full=False)
    assert len(memory.messages) == 1


def test_what_two_looks_did_not_repeat_is_forgotten(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks)
    for _ in range(2):
        callbacks.looked(full=False)
    status(callbacks)
    assert len({message.dedup_key for message in memory.messages}) == 2


def test_a_message_lost_after_a_look_is_new_when_repeated(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks)
    callbacks.looked(full=False)
    memory.messages[0].forget()
    status(callbacks)
    assert len(memory.messages) == 2


def test_completed_orders_are_remembered_until_full_looks(callbacks: Callbacks, memory: Memory) -> None:
    for _ in range(3):
        callbacks.completedOrder(Contract(), Order(permId=7), OrderState(status="Filled"))
        for full in (True, False, False, False):
            callbacks.looked(full)
    assert len(memory.messages) == 1


def test_an_error_names_an_order_only_below_the_request_ids(callbacks: Callbacks, memory: Memory) -> None:
    callbacks.error(5, 201, "no")
    callbacks.error(FIRST_REQUEST_ID + 5, 200, "no such contract")
    callbacks.error(-1, 2104, "farm ok")
    (message,) = memory.messages
    assert isinstance(message.event, ErrorReport)
    assert message.event.identity.broker_order_id == 5


def test_link_codes_go_to_the_session_and_not_to_an_order(
    callbacks: Callbacks, memory: Memory, codes: list[int]
) -> None:
    for code in (1100, 1101, 1102, 2110, 326):
        callbacks.error(-1, code, "words")
    assert codes == [1100, 1101, 1102, 2110, 326]
    assert memory.messages == []


def test_our_ids_stay_above_those_of_other_clients(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks, order_id=700, client_id=9)
    status(callbacks, order_id=650, client_id=9)
    status(callbacks, order_id=900, client_id=1)
    assert memory.valid_ids == [701]


def test_the_id_that_all_orders_by_hand_share_is_no_id_to_stay_above(
    callbacks: Callbacks, memory: Memory
) -> None:
    for number in (2**31 - 1, 2_000_000_000, USED_UP_FROM - 1, 0, -1):
        status(callbacks, order_id=number, client_id=0)
    assert memory.valid_ids == []


def test_a_what_if_answer_is_no_order(callbacks: Callbacks, memory: Memory) -> None:
    callbacks.openOrder(5, Contract(), Order(orderId=5, whatIf=True), OrderState(status="PreSubmitted"))
    assert memory.messages == []


def test_the_raw_callback_is_kept_beside_its_meaning(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks, why_held="locate", status="Inactive")
    raw = memory.messages[0].raw
    assert (raw["status"], raw["whyHeld"], raw["permId"]) == ("Inactive", "locate", 99)


def test_prices_and_sizes_change_the_quote_facts_do_not(callbacks: Callbacks, memory: Memory) -> None:
    callbacks.prices.watched[FIRST_REQUEST_ID] = 265598
    callbacks.priceSizeTick(FIRST_REQUEST_ID, 49, 0.0, 0.0)
    assert memory.quotes == {}
    callbacks.priceSizeTick(FIRST_REQUEST_ID, 1, 229.9, 1.0)
    callbacks.tickSize(FIRST_REQUEST_ID, 0, 300.0)
    quote = memory.quotes[265598]
    assert (quote.bid, quote.bid_size, quote.ask) == (Decimal("229.9"), 300, None)


def test_the_close_is_a_price_only_until_there_was_a_trade(callbacks: Callbacks, memory: Memory) -> None:
    callbacks.prices.watched[FIRST_REQUEST_ID] = 265598
    for tick_type, price in ((9, 200.0), (4, 229.95), (9, 201.0), (1, 229.9), (4, -1.0)):
        callbacks.priceSizeTick(FIRST_REQUEST_ID, tick_type, price, 1.0)
    assert [(name, value) for _, name, value in memory.prices] == [
        ("last_px", "200"),
        ("close_px", "200"),
        ("last_px", "229.95"),
        ("close_px", "201"),
        ("bid_px", "229.9"),
    ]


def test_greeks_that_come_with_an_options_prices_are_no_trouble(
    callbacks: Callbacks, caplog: pytest.LogCaptureFixture
) -> None:
    greeks = "21|10000001|13|0|0.31|0.5|2.1|0.0|0.02|0.1|-0.05|230.0"
    StrictDecoder(callbacks, 178).interpret(greeks.split("|"))  # type: ignore[arg-type]
    assert not caplog.records


BOND = (
    f"18|{FIRST_REQUEST_ID}|US-T|BOND|91282CJZ5|4|20340215|20240215|Aaa|NOTE|FIXED|0|0|0|US-T 4|SMART|"
    "USD|USBOND|US-T|1969698252|0.015625|LMT,DAY|SMART,BONDDESK|||0||Treasury Note|||0|2147483647|"
    "1577,1577|1|1|1"
)


def test_a_bond_is_described_by_a_message_of_its_own(callbacks: Callbacks) -> None:
    async def ask() -> Any:
        callbacks.requests.open(FIRST_REQUEST_ID)
        for frame in (BOND, f"52|1|{FIRST_REQUEST_ID}"):
            StrictDecoder(callbacks, 178).interpret(frame.split("|"))  # type: ignore[arg-type]
        return await callbacks.requests.collect(FIRST_REQUEST_ID)

    (found,) = asyncio.run(ask())
    assert instrument_details(found).min_tick == Decimal("0.015625")
