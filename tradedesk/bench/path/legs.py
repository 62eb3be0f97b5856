"""The four legs of an order's way, each cut out of what a process wrote down between two borders."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tradedesk.bench.figures import Document
from tradedesk.bench.path.rooms import room_of_file
from tradedesk.bench.path.trace import Record, Trace, follow, inside

#: The library's names for what the gateway says of an order; the adapter has to use them.
CALLBACKS = ("openOrder", "orderStatus", "execDetails", "commissionReport")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One order of the measurement: when it was sent and seen to be COMPLETED (monotonic ns)."""

    order_id: str
    order_ref: str
    sent_at: int
    completed_at: int


@dataclass(kw_only=True)
class Passage:
    """What one order passed on one leg: calls in the order of time, and functions that had waited for it."""

    calls: list[Record]
    waiting: list[tuple[int, str]] = field(default_factory=list)  # thread and function

    @property
    def functions(self) -> list[str]:
        """All of them; those that had waited come before the first call on their thread."""
        found, seen = [], set()
        for record in self.calls:
            if record.thread not in seen:
                seen.add(record.thread)
                found += [name for thread, name in self.waiting if thread == record.thread]
            found.append(record.text)
        return found


def post(web: Trace, order: Sent) -> Passage:
    """From the request's entrance to its answer, on the request's own thread."""
    begin = web.first("request", order.sent_at)
    end = web.first("answer", begin.at, lambda record: record.thread == begin.thread)
    return Passage(calls=calls_of(web.between(begin.at, end.at), {begin.thread}))


def claim(broker: Trace, order: Sent) -> Passage:
    """Whatever the broker worker does until the order's bytes are given to the socket, on all threads."""
    end = broker.first("sent", order.sent_at, lambda record: order.order_ref in record.text)
    calls = calls_of(broker.between(order.sent_at, end.at))
    return Passage(calls=calls, waiting=waiting(broker, calls, order.sent_at))


def callbacks(broker: Trace, order: Sent) -> Passage:
    """The adapter's callbacks with all they call, and the thread that stores them, until its commits."""
    begin = broker.first("call", order.sent_at, is_callback)
    records = broker.between(begin.at, order.completed_at)
    heard = [record for record in records if record.thread == begin.thread]
    calls = [record for record in inside(heard, is_callback) if record.kind == "call"]
    storing = {record.thread for record in records if record.kind == "inbox" and record.text == "INSERT"}
    if not storing:
        raise LookupError("no callback was seen to be stored")
    for thread in storing:
        on_it = [record for record in records if record.thread == thread]
        calls += until_commits(on_it, broker.open_at(thread, begin.at))
    stored = [record for record in calls if record.thread in storing]
    return Passage(
        calls=sorted(calls, key=lambda record: record.at), waiting=waiting(broker, stored, begin.at)
    )


def stream(reader: Trace, order: Sent) -> Passage:
    """Whatever the stream process does until it gives a reader the first event of the order."""
    end = reader.first("delivered", order.sent_at, lambda record: order.order_id in record.text)
    calls = calls_of(reader.between(order.sent_at, end.at))
    return Passage(calls=calls, waiting=waiting(reader, calls, order.sent_at))


def is_callback(record: Record) -> bool:
    """Whether this is the adapter's function for something the gateway says of an order."""
    return record.name in CALLBACKS and record.text.startswith("brokers/")


def calls_of(records: Iterable[Record], threads: set[int] | None = None) -> list[Record]:
    """The calls among these, on these threads."""
    return [
        record
        for record in records
        if record.kind == "call" and (threads is None or record.thread in threads)
    ]


def waiting(trace: Trace, calls: Sequence[Record], moment: int) -> list[tuple[int, str]]:
    """What the threads of these calls were in the middle of when the leg began."""
    threads = dict.fromkeys(record.thread for record in calls)
    return [(thread, name) for thread in threads for name in trace.open_at(thread, moment)]


def until_commits(records: Sequence[Record], stack: list[str]) -> list[Record]:
    """The calls of a thread without what follows a commit, until it is back where it waits for work."""
    stack = list(stack)
    depths = [len(stack)]
    for record in records:
        follow(stack, record)
        depths.append(len(stack))
    idle, committed, found = min(depths), False, []
    for record, depth in zip(records, depths[1:], strict=True):
        if record.kind == "commit":
            committed = True
        elif record.kind == "call" and depth == idle + 1:
            committed = False
        if record.kind == "call" and not committed:
            found.append(record)
    return found


def steady(passages: Sequence[Passage]) -> list[Passage]:
    """What most orders passed, and nothing else: a sweep or a price that came between did so only for some.

    Functions that waited are those of threads that then did something which most orders pass.
    """
    usual = in_most([{record.text for record in passage.calls} for passage in passages])
    found = []
    for passage in passages:
        calls = [record for record in passage.calls if record.text in usual]
        threads = {record.thread for record in calls}
        found.append(Passage(calls=calls, waiting=[at for at in passage.waiting if at[0] in threads]))
    waited = in_most([{name for _, name in passage.waiting} for passage in found])
    for passage in found:
        passage.waiting = [at for at in passage.waiting if at[1] in waited]
    return found


def in_most(sets: Sequence[set[str]]) -> set[str]:
    """What is in more than half of them."""
    counts = Counter(name for one in sets for name in one)
    return {name for name, count in counts.items() if count > len(sets) / 2}


def leg(passages: Sequence[Passage], *, functions: bool) -> Document:
    """The figures of one leg: distinct functions and files, calls of the median order, functions by room."""
    passages = sorted(steady(passages), key=lambda passage: len(passage.calls))  # least disturbed first
    names = list(dict.fromkeys(name for passage in passages for name in passage.functions))
    return {
        "functions": len(names),
        "files": len({file_of(name) for name in names}),
        "calls": round(statistics.median(len(passage.calls) for passage in passages)),
        "rooms": dict(Counter(room_of_file(file_of(name)) for name in names)),
        **({"names": names} if functions else {}),
    }


def returns(passages: Sequence[Passage]) -> Document:
    """How often a call goes to a room, or a file, that the calls before had left before; the median order."""
    files = [[file_of(record.text) for record in passage.calls] for passage in steady(passages)]
    return {
        "returns_to_rooms": round(statistics.median(revisits(map(room_of_file, one)) for one in files)),
        "returns_to_files": round(statistics.median(revisits(one) for one in files)),
    }


def revisits(places: Iterable[str]) -> int:
    """Visits beyond the first one of each place."""
    visits = [place for place, _ in groupby(places)]
    return len(visits) - len(set(visits))


def file_of(function: str) -> str:
    """The file of a function as it was written down."""
    return function.partition(":")[0]
