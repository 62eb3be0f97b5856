"""The inbox writer's queue: what was read and not stored is read again by the next reader."""

from __future__ import annotations

import queue
from threading import Thread

import pytest

from brokers.inbox.queue import InboxQueue


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
