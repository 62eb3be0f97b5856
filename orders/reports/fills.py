"""Executions as a file: what each cost against the price at its order's arrival, and sums by currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from brokers.fix import SecType
from brokers.formats import decimal_or_none, time_text
from orders.models import Execution
from orders.models.execution import Allocated
from orders.reports.cost.costs import ZERO, in_bps, sign_of
from orders.reports.cost.units import Units
from orders.reports.tables import Row

PAGE = 500
#: A session belongs to the day on which it ends: Friday evening may count for Monday.
LONGEST_SESSION = timedelta(days=4)
COST_COLUMNS = ("trader", "strategy", "arrival_px", "slippage", "slippage_bps")
DESK_COLUMNS = (
    *("time", "trade_date", "account", "cl_ord_id", "symbol", "side", "last_qty", "last_px", "currency"),
    *("venue", "commission", "commission_currency", *COST_COLUMNS, "exec_id", "superseded"),
)
SUM_COLUMNS = ("currency", "executions", "bought", "sold", "commission_currency", "commission", "slippage")
Page = Callable[[int | None], Sequence[Execution]]


def of_days(first: date, last: date) -> dict[str, Any]:
    """The executions of these trading days, both included, in the words of `find_executions`.

    The times are what the index knows; the trading day decides.
    """
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return {
        "transact_time__gte": start - LONGEST_SESSION,
        "transact_time__lt": end + timedelta(days=1),
        "trade_date__gte": first,
        "trade_date__lte": last,
    }


@dataclass(frozen=True, kw_only=True)
class Slippage:
    """What an execution cost against the last price when its request came; None where none was known."""

    arrival_px: Decimal | None
    money: Decimal | None = None
    value: Decimal | None = None

    @property
    def bps(self) -> Decimal | None:
        """In basis points of what it was worth at arrival."""
        found = in_bps(self.money, self.value)
        return None if found is None else found.quantize(Decimal("0.001"))


def slippages(executions: Sequence[Execution]) -> list[Slippage]:
    """Of each; an arrival of before a split is in the units in which the execution was made."""
    units = Units(execution.order.instrument.con_id for execution in executions)
    return [_slippage(execution, units.arrival_of(execution)) for execution in executions]


def _slippage(execution: Execution, arrival: Decimal | None) -> Slippage:
    if arrival is None or execution.superseded or is_leg(execution):
        return Slippage(arrival_px=arrival)
    size = size_of(execution)
    worse = sign_of(execution.side) * (execution.last_px - arrival)
    return Slippage(arrival_px=arrival, money=worse * size, value=arrival * size)


def total(found: Iterable[Slippage]) -> tuple[Decimal, Decimal | None]:
    """Money of those where it is known, and basis points of what they were worth at arrival."""
    known = [(one.money, one.value) for one in found if one.money is not None and one.value is not None]
    cost = sum((money for money, _ in known), ZERO)
    return cost, in_bps(cost, sum((value for _, value in known), ZERO))


def _costs(execution: Execution, slippage: Slippage) -> dict[str, Any]:
    order = execution.order
    return {
        "trader": order.client.get_username() if order.client else "",
        "strategy": order.strategy,
        "arrival_px": decimal_or_none(slippage.arrival_px),
        "slippage": decimal_or_none(slippage.money),
        "slippage_bps": decimal_or_none(slippage.bps),
    }


def is_leg(execution: Execution) -> bool:
    """Whether it is of a leg of a combination, or a share of a group order: the whole tells what it cost."""
    if execution.allocated == Allocated.SHARE:
        return True
    return execution.order.instrument.sec_type == SecType.BAG and execution.sec_type != SecType.BAG


def size_of(execution: Execution) -> Decimal:
    """Quantity times what one unit of its own contract at a price of one is worth; in units of its day."""
    return execution.last_qty * execution.multiplier / execution.order.instrument.price_magnifier


class Sums:
    """Counts rows as they pass; corrected ones do not count.

    Of a combination the legs, of a group order the shares are what was traded and charged; the whole tells
    what it cost.
    """

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(
            lambda: {"executions": 0, "bought": ZERO, "sold": ZERO, "commission": ZERO, "slippage": ZERO}
        )

    def add(self, execution: Execution, slippage: Decimal | None) -> None:
        """Count one."""
        if execution.superseded or not execution.last_qty:
            return
        currency = execution.currency or execution.order.instrument.currency
        whole = execution.is_whole
        sums = self._sums[currency, currency if whole else execution.commission_currency]
        sums["slippage"] += slippage or ZERO
        if not whole:
            value = size_of(execution) * execution.last_px
            sums["executions"] += 1
            sums["bought" if sign_of(execution.side) > 0 else "sold"] += value
            sums["commission"] += execution.commission or ZERO

    def rows(self) -> Iterator[Row]:
        """A row for each currency and the currency of its commissions."""
        for (currency, charged_in), sums in sorted(self._sums.items()):
            yield [
                *(currency, sums["executions"], sums["bought"], sums["sold"], charged_in),
                *(sums["commission"], sums["slippage"]),
            ]


def every(page: Page) -> Iterator[tuple[Execution, Slippage]]:
    """All rows, a page at a time: no transaction and no cursor is held while a slow client reads."""
    rows = page(None)
    while rows:
        yield from zip(rows, slippages(rows), strict=True)
        rows = page(rows[-1].pk) if len(rows) == PAGE else ()


class Export:
    """Executions as rows of a file; `document` makes the members of one, beside what it cost."""

    def __init__(
        self, names: Sequence[str], page: Page, document: Callable[[Execution], dict[str, Any]]
    ) -> None:
        self.names = names
        self._page, self._document = page, document
        self._sums = Sums()

    def sheets(self) -> dict[str, tuple[Sequence[str], Iterable[Row]]]:
        """The rows, then what they came to."""
        return {"executions": (self.names, self.rows()), "sums": (SUM_COLUMNS, self._sums.rows())}

    def rows(self, *, with_sums: bool = False) -> Iterator[Row]:
        """A row for each execution; with an empty line and the sums after them."""
        for execution, slippage in every(self._page):
            self._sums.add(execution, slippage.money)
            known = {**self._document(execution), **_costs(execution, slippage)}
            yield [value_of(known, name) for name in self.names]
        if with_sums:
            yield []
            yield SUM_COLUMNS
            yield from self._sums.rows()


def value_of(document: dict[str, Any], name: str) -> Any:
    """One member of a document; `reason.code` is that of the object inside it."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if value is not None else None
    return value


def plain(execution: Execution) -> dict[str, Any]:
    """An execution as the desk's file shows it."""
    names = ("exec_id", "side", "last_qty", "last_px", "venue", "commission", "commission_currency")
    return {
        "time": time_text(execution.transact_time),
        "trade_date": execution.trade_date.isoformat() if execution.trade_date else None,
        "account": execution.account_id,
        "cl_ord_id": execution.order.cl_ord_id,
        "symbol": execution.order.instrument.symbol,
        "currency": execution.currency,
        **{name: getattr(execution, name) for name in names},
        "superseded": "yes" if execution.superseded else "",
    }
