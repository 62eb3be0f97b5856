"""How `bench path` cuts the legs out of what a process wrote down."""

from __future__ import annotations

from itertools import count

from tradedesk.bench.path.legs import Passage, revisits, steady, until_commits
from tradedesk.bench.path.rooms import BASE, product_file, room_of_file, room_of_module
from tradedesk.bench.path.trace import Record, Trace

ENTRY, STORE = "orders/api/views.py:1 post", "orders/store/book.py:1 insert"
SWEEP = "orders/session/sweep.py:1 sweep"


def records(*said: str, thread: int = 1) -> list[Record]:
    """`+` a call, `-` a return, anything else what a border recorded."""
    clock = count(1)
    kinds = {"+": "call", "-": "return"}
    return [Record(kinds.get(one[0], one), thread, next(clock), one.lstrip("+-")) for one in said]


def calls(*names: str, thread: int = 1) -> list[Record]:
    return records(*(f"+{name}" for name in names), thread=thread)


def test_benchmarks_and_stand_ins_are_no_product_code() -> None:
    inside = ("orders/tasks.py", "tradedesk/wsgi.py", "brokers/ib/session.py", "orders/store/book.py")
    outside = ("tradedesk/bench/run.py", "tradedesk/stack/ports.py", "brokers/simulator/app.py", "manage.py")
    assert [product_file(str(BASE / file)) for file in inside] == list(inside)
    assert {product_file(str(BASE / file)) for file in (*outside, "orders/migrations/0001_initial.py")} == {
        ""
    }
    assert product_file("/usr/lib/python3/json/decoder.py") == ""


def test_a_room_is_a_package_or_a_module_alone_in_orders() -> None:
    assert room_of_file("orders/api/views/orders.py") == "orders.api"
    assert room_of_file("orders/tasks.py") == "orders.tasks"
    assert room_of_file("brokers/port.py") == "brokers"
    assert room_of_module("brokers.ib.session") == "brokers.ib"


def test_open_functions_are_those_called_and_not_returned_from() -> None:
    trace = Trace(records("+run", "+take", "-take", "+apply", "+store", "-unknown"))
    assert trace.open_at(1, moment=6) == ["run", "apply", "store"]


def test_calls_after_a_commit_are_left_out_until_work_resumes() -> None:
    said = ["+apply", "+store", "-store", "commit", "+notify", "-notify", "-apply", "+apply", "+store"]
    assert [record.text for record in until_commits(records(*said), ["run"])] == ["apply", "store"] * 2


def test_what_only_few_orders_met_does_not_count() -> None:
    orders = [Passage(calls=calls(ENTRY, STORE)) for _ in range(3)]
    orders[0].calls += calls(SWEEP, thread=2)
    orders[0].waiting = [(2, "waits")]
    assert [passage.functions for passage in steady(orders)] == [[ENTRY, STORE]] * 3


def test_functions_that_waited_come_before_the_calls_of_their_thread() -> None:
    passage = Passage(calls=calls(ENTRY) + calls(STORE, thread=2), waiting=[(2, "run"), (2, "take")])
    assert passage.functions == [ENTRY, "run", "take", STORE]


def test_a_second_visit_of_a_room_is_a_return() -> None:
    assert revisits(["api", "api", "store"]) == 0
    assert revisits(["api", "store", "api", "store"]) == 2
