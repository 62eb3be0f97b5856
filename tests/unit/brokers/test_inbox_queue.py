"""The inbox writer's queue: what was read and not stored is read again by the next reader."""

from __future__ import annotations

import queue
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Thread

import pytest

from brokers.inbox.queue import InboxQueue
from brokers.messages import HandedOver, OrderIdentity, OrderReport
from brokers.port import InboundMessage


def test_what_was_not_removed_is_read_again_in_order() -> None:
    items: InboxQueue[int] = InboxQueue()
    for number in range(5):
        items.put(number)
    assert [items.get(0) for _ in range(4)] == [0, 1, 2, 3]
    items.remove(2)
    items.rewind()
    assert [items.get(0) for _ in range(3)] == [2, 3, 4]
    assert (items.qsize(), items.empty()) == (3, False)


def test_a_reader_waits_no_longer_than_its_timeout() -> None:
    items: InboxQueue[int] = InboxQueue()
    with pytest.raises(queue.Empty):
        items.get(0.01)
    writing = Thread(target=lambda: [items.put(number) for number in range(2000)])
    writing.start()
    assert [items.get(60) for _ in range(2000)] == list(range(2000))
    writing.join()


def message(number: int, forgotten: list[int]) -> InboundMessage:
    """An order's answer with all that a gateway says of it."""
    said = {f"field{place}": f"value {place} of {number}" for place in range(30)}
    identity = OrderIdentity(perm_id=number, client_id=1, broker_order_id=number, order_ref=f"ref-{number}")
    return InboundMessage(
        event=OrderReport(identity=identity, status="Submitted", source="openOrder", cum_qty=Decimal(number)),
        dedup_key=f"c:{number}",
        raw={"order": said},
        received_at=datetime(2026, 11, 27, tzinfo=UTC),
        forget=partial(forgotten.append, number),
    )


def test_what_waits_far_back_comes_out_as_it_was_put() -> None:
    forgotten: list[int] = []
    job, note = object(), HandedOver(order_id="1", broker_order_id=1, sent_at=datetime.now(UTC))
    put = [message(number, forgotten) if number % 7 else (job, note)[number % 2] for number in range(1, 700)]
    items: InboxQueue[object] = InboxQueue(near=10)
    for one in put:
        items.put(one)
    assert items.qsize() == len(put)
    got: list[object] = []
    for number in range(len(put)):
        got.append(items.get(0))
        if number % 50 == 49:  # the reader ended before it had dealt with the last ten
            items.remove(40)
            items.rewind()
            assert [items.get(0) for _ in range(10)] == got[-10:]
            items.remove(10)
    assert got == put
    messages = [one for one in got if isinstance(one, InboundMessage)]
    for one in messages:
        one.forget()
    assert forgotten == [one.event.identity.perm_id for one in messages if isinstance(one.event, OrderReport)]


def test_messages_far_back_cost_a_fraction_of_their_memory() -> None:
    count, sizes = 5_000, list[int]()
    tracemalloc.start()
    try:
        for near in (count, 500):
            items: InboxQueue[InboundMessage] = InboxQueue(near=near)
            before, _ = tracemalloc.get_traced_memory()
            for number in range(count):
                items.put(message(number, []))
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
            del items
    finally:
        tracemalloc.stop()
    as_they_are, packed = sizes
    assert packed < as_they_are / 5
