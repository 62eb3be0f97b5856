"""Every list of the API, with each filter and with some together, at its first, middle and last page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, islice
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx

from tradedesk.bench.client import Connection
from tradedesk.bench.figures import Document, ms, spread
from tradedesk.bench.ground import Ground
from tradedesk.bench.history.rows import SPAN_DAYS

READS = 10  # of each list at each page
READS_TOGETHER = 3  # of filters in pairs and triples, of which there are many
LIMIT = 50
TARGET_MS = 50
PAGES = ("first", "middle", "last")
SLOWEST = 10  # shown of the many

Query = dict[str, str]
Filters = dict[str, dict[str, Query]]  # by what is asked for, then by a name for the value
Taken = dict[str, tuple[float, list[float]]]  # by list and page: seconds of the first read, of the others
Places = dict[str, dict[str, Query]]  # by list, then by page


def order_filters(accounts: list[str], symbols: list[str]) -> Filters:
    """By what is asked for, values that are common, rare and nowhere; `symbols` begin with a common one."""
    now, stamp = datetime.now(UTC), "%Y-%m-%dT%H:%M:%SZ"

    def days_ago(first: int, last: int) -> Query:
        moments = {"since": now - timedelta(days=first), "until": now - timedelta(days=last)}
        return {name: moment.strftime(stamp) for name, moment in moments.items()}

    return {
        "state": {
            "completed": {"state": "COMPLETED"},
            "rejected": {"state": "REJECTED"},
            "two": {"state": "CANCELED,EXPIRED"},
            "unconfirmed": {"state": "UNCONFIRMED"},
        },
        "ord_status": {
            "filled": {"ord_status": "FILLED"},
            "canceled": {"ord_status": "CANCELED"},
            "pending_cancel": {"ord_status": "PENDING_CANCEL"},
            "pending_replace": {"ord_status": "PENDING_REPLACE"},
            "done_for_day": {"ord_status": "DONE_FOR_DAY"},
        },
        "account": {"first": {"account": accounts[0]}, "last": {"account": accounts[-1]}},
        "symbol": {"common": {"symbol": symbols[0]}, "unrefused": {"symbol": symbols[-2]}}
        | {"rare": {"symbol": symbols[-1]}},
        "side": {"buy": {"side": "BUY"}, "sell": {"side": "SELL"}, "short": {"side": "SELL_SHORT"}},
        "open": {"true": {"open": "true"}, "false": {"open": "false"}},
        "cl_ord_id": {"oldest": {"cl_ord_id": "grown-1"}, "none": {"cl_ord_id": "never-given"}},
        "time": {
            "day": days_ago(1, 0),
            "old_month": days_ago(SPAN_DAYS - 30, SPAN_DAYS - 60),
            "before_all": days_ago(5 * SPAN_DAYS, 4 * SPAN_DAYS),
        },
    }


def execution_filters(accounts: list[str], symbols: list[str]) -> Filters:
    """The same for executions."""
    orders = order_filters(accounts, symbols)
    found = {name: orders[name] for name in ("account", "symbol", "side", "time")}
    return {**found, "order_id": {"none": {"order_id": "01890000-0000-7000-8000-000000000000"}}}


def alone(filters: Filters) -> Iterator[tuple[str, Query]]:
    """No filter, and each by itself."""
    yield "any", {}
    for name, values in filters.items():
        for value, query in values.items():
            yield f"{name} {value}", query


def together(filters: Filters) -> Iterator[tuple[str, Query]]:
    """Each value with each of other names, and state, symbol and side all three."""
    for one, other in combinations(filters, 2):
        for first, query in filters[one].items():
            for second, further in filters[other].items():
                yield f"{one} {first}, {other} {second}", {**query, **further}
    for first, state in filters.get("state", {}).items():
        for second, symbol in filters["symbol"].items():
            for third, side in filters["side"].items():
                yield f"state {first}, symbol {second}, side {third}", {**state, **symbol, **side}


def lists(ground: Ground, *, reads: int = READS, most_together: int | None = None) -> Document:
    """Times of all lists in milliseconds: with a token of all accounts, and with one of the first account.

    `most_together`: no more than so many combinations of filters; None is all.
    """
    symbols, places = symbols_of(ground), cursors(ground)
    one = ground.system.manage(
        "apitoken", "one", "--accounts", ground.accounts[0], "--scopes", "read"
    ).strip()
    found: Document = {}
    taken: Taken = {}
    for who, token, accounts in (
        ("all_accounts", ground.token, list(ground.accounts)),
        ("one_account", one, [ground.accounts[0]]),
    ):
        with Connection(ground.system.urls.http, token) as connection:
            reader = Reader(connection, places, who, reads=reads, most_together=most_together)
            found[who] = {
                "orders": reader.lists("orders", order_filters(accounts, symbols)),
                "executions": reader.lists("executions", execution_filters(accounts, symbols)),
                "one_by_cl_ord_id": reader.times("/orders/by-cl-ord-id/grown-1", reads),
                "positions": reader.times("/positions", reads),
            }
        taken |= reader.taken
    return found | {"worst": worst(taken)}


class Reader:
    """Reads lists over one connection; `places` are cursors of a middle and a last page by list."""

    def __init__(
        self, connection: Connection, places: Places, who: str, *, reads: int, most_together: int | None
    ) -> None:
        self.connection = connection
        self.places = places
        self.who = who
        self.reads = reads
        self.most_together = most_together
        self.taken: Taken = {}

    def lists(self, name: str, filters: Filters) -> Document:
        """Each filter alone at each page, and the slowest of filters together."""
        single = {label: self.pages(name, label, query, self.reads) for label, query in alone(filters)}
        fewer = min(self.reads, READS_TOGETHER)
        many = {
            label: self.pages(name, label, query, fewer)
            for label, query in islice(together(filters), self.most_together)
        }
        flat = {f"{label}, {at}": times for label, pages in many.items() for at, times in pages.items()}
        slowest = sorted(flat, key=lambda label: -float(flat[label]["max"]))[:SLOWEST]
        return {
            "alone": single,
            "together": {"queries": len(flat), "slowest": {label: flat[label] for label in slowest}},
        }

    def pages(self, name: str, label: str, query: Query, reads: int) -> dict[str, Document]:
        """One list at each page."""
        found = {}
        for at in PAGES:
            asked = urlencode({"limit": LIMIT, **query, **self.places[name][at]})
            found[at] = self.times(f"/{name}?{asked}", reads, f"{self.who}, {name}, {label}, {at}")
        return found

    def times(self, path: str, reads: int, label: str | None = None) -> Document:
        """p50 and most of several reads; the one before them, which finds nothing in memory, is `cold`.

        With a label they are among those that `worst` judges.
        """
        answers = [self.connection.ask("GET", path) for _ in range(reads + 1)]
        wrong = [answer for answer in answers if answer.status not in (httpx.codes.OK, httpx.codes.NOT_FOUND)]
        if wrong:
            raise AssertionError(f"{path} answered {wrong[0].status}: {wrong[0].document}")
        cold, *seconds = [answer.seconds for answer in answers]
        if label is not None:
            self.taken[label] = (cold, seconds)
        times = spread(seconds)
        return {
            "rows": rows_in(answers[0].document),
            "cold": ms(cold),
            "p50": times["p50"],
            "max": times["max"],
        }


def rows_in(document: Document) -> int:
    """How many rows an answer shows."""
    return len(document["results"]) if "results" in document else 1


def symbols_of(ground: Ground) -> list[str]:
    """Symbols of the history: common ones first, the rare one last."""
    found = ground.system.rows("SELECT symbol FROM brokers_instrument WHERE con_id > 0 ORDER BY id")
    return [symbol for (symbol,) in found]


def cursors(ground: Ground) -> Places:
    """Cursors of the first, a middle and the last page of both lists; all are of the first account."""
    found: Places = {}
    for name, (time, half_way) in WALKS.items():
        bought = f"FROM orders_{name} WHERE account_id = %s AND side = 'BUY'"  # our own names
        walk = f"ORDER BY {time}, id LIMIT 1"
        half = f"SELECT id::text {bought} AND {time} >= {half_way} {walk}"
        end = f"SELECT id::text {bought} {walk} OFFSET {LIMIT // 4}"
        middle, last = (ground.system.rows(query, ground.accounts[0]) for query in (half, end))
        found[f"{name}s"] = {"first": {}, "middle": cursor_of(middle), "last": cursor_of(last)}
    return found


def cursor_of(rows: list[Any]) -> Query:
    """The page after this row; the first page when there is none."""
    return {"cursor": rows[0][0]} if rows else {}


#: What a list is in the order of, and half way back; ids of orders begin with their time.
WALKS = {
    "order": ("id", f"uuidv7(make_interval(days => -{SPAN_DAYS // 2}))"),
    "execution": ("transact_time", f"now() - make_interval(days => {SPAN_DAYS // 2})"),
}


def worst(taken: Taken) -> Document:
    """What a page costs at most: of all lists the slowest, and how many were slower than they may be."""
    measures = {label: {"cold": cold, **extremes(seconds)} for label, (cold, seconds) in taken.items()}
    warm = [second for _, seconds in taken.values() for second in seconds]
    return {
        "lists": len(taken),
        "target_ms": TARGET_MS,
        "all_reads_ms": spread(warm),
        **{name: over_all(name, measures) for name in ("p50", "max", "cold")},
    }


def extremes(seconds: Sequence[float]) -> dict[str, float]:
    """Median and most."""
    return {"p50": median(seconds), "max": max(seconds)}


def over_all(measure: str, measures: Mapping[str, Mapping[str, float]]) -> Document:
    """How many lists are above the target by this measure, and the slowest of all."""
    slowest = sorted(measures, key=lambda label: -measures[label][measure])
    above = [label for label in slowest if measures[label][measure] * 1000 > TARGET_MS]
    most = measures[slowest[0]][measure]
    return {
        "above_target": len(above),
        "highest_ms": ms(most),
        "of": slowest[0],
        "others_above": above[1:SLOWEST],
    }
