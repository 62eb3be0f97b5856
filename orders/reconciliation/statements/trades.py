"""The trades of a statement against our executions, joined by execution id, then leg, then order reference.

All versions of one execution are one trade: a corrected one is told as itself, its cancel and what is booked
instead, and only their sum is what happened (commissions alike).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, partial
from itertools import islice
from typing import Any

from django.db.models import Max, Min, QuerySet, Sum

from brokers.fix import Side
from brokers.formats import decimal_text
from orders.models import Execution
from orders.models.execution import WHOLES
from orders.models.middle_office.statement import Statement, StatementRow
from orders.reconciliation import baseline
from orders.reconciliation.breaks import Finding, as_evidence
from orders.reconciliation.statements import findings
from orders.reconciliation.statements.rows import CANCEL, EXECUTED, by_the_broker
from orders.reconciliation.totals import ZERO

TRADES = ("Trades", "TradeConfirms")
CHUNK = 1000
AROUND = timedelta(days=7)  # within which both sides may date one trade
MOST_TOLD = 1000  # executions that differ, one by one
VERSIONS = range(1, 10)  # IB numbers the versions of an execution from 01
#: Prices of a statement have more decimals than those that were reported live.
PRICE_TOLERANCE = Decimal("1e-6")
#: Both sides round to a cent at the most.
COMMISSION_TOLERANCE = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Trade:
    """What a statement says of one execution, all its versions together; `price` None where they differ."""

    exec_root: str
    con_id: int
    exec_id: str
    day: date
    symbol: str
    order_ref: str
    quantity: Decimal
    price: Decimal | None
    commission: Decimal | None
    commission_currency: str
    proceeds: Decimal
    currency: str

    def evidence(self) -> dict[str, str]:
        """The broker's side of a break."""
        return as_evidence(
            exec_id=self.exec_id,
            symbol=self.symbol,
            con_id=self.con_id,
            side=Side.BUY if self.quantity > 0 else Side.SELL,
            last_qty=decimal_text(abs(self.quantity)),
            last_px=decimal_text(self.price) if self.price is not None else "",
            commission=decimal_text(self.commission) if self.commission is not None else "",
            order_ref=self.order_ref,
            trade_date=self.day,
        )


@dataclass(frozen=True)
class Effects:
    """What the trades that differ do to balances, the broker's less ours: by contract, and by currency."""

    positions: defaultdict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cash: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, trade: Trade | None, ours: Execution | None) -> None:
        """Count one difference, so that it is not told of the balances again."""
        if trade:
            self.positions[trade.con_id] += trade.quantity
            self.cash[trade.currency] += trade.proceeds
            self.cash[trade.commission_currency or trade.currency] -= trade.commission or ZERO
        if ours:
            total = baseline.total_of(ours)
            self.positions[ours.con_id] -= total.quantity
            for currency, amount in total.cash():
                self.cash[currency] -= amount


class TradeComparison:
    """One statement's trades. `joined` are our executions that were found by another name than their id."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.joined: set[int] = set()
        self.effects = Effects()
        self._told: Counter[str] = Counter()

    def differences(self) -> Iterator[Finding]:
        """Trades that we do not have, and those that are not the same."""
        yield from self._cancels_of_nothing()
        trades = self._trades()
        while chunk := list(islice(trades, CHUNK)):
            ours = self._ours_of(chunk)
            for trade in chunk:
                yield from self._judged(trade, ours.get((trade.exec_root, trade.con_id)))
        yield from self._more(findings.TRADE)

    def _judged(self, trade: Trade, ours: Execution | None) -> Iterator[Finding]:
        """What is wrong with it. One that the broker took back altogether need not be in our books."""
        if ours is None and trade.quantity:
            ours = self._by_other_names(trade)
            if ours is None:
                self.effects.add(trade, None)
                yield from self._tell(findings.TRADE, partial(self._missing, trade))
        if ours and (wrong := unlike(ours, trade)):
            self.effects.add(trade, ours)
            yield from self._tell(findings.TRADE, partial(self._finding, trade, wrong, of_ours(ours)))

    def absent(self) -> Iterator[Finding]:
        """Our executions of these days that the statement does not have."""
        days = (self.statement.from_date, self.statement.to_date)
        rows = Execution.objects.filter(account=self.statement.account_id, trade_date__range=days)
        rows = rows.filter(superseded=False, last_qty__gt=0).exclude(WHOLES)
        executions = rows.order_by("pk").iterator(CHUNK)
        while chunk := list(islice(executions, CHUNK)):
            listed = self._rows().filter(exec_root__in={one.exec_root or one.exec_id for one in chunk})
            roots = set(listed.values_list("exec_root", "con_id"))
            for one in chunk:
                if (one.exec_root or one.exec_id, one.con_id) not in roots and one.pk not in self.joined:
                    self.effects.add(None, one)
                    yield from self._tell(findings.ABSENT, partial(self._not_listed, one))
        yield from self._more(findings.ABSENT)

    # --- the statement's side ---------------------------------------------------------------------------
    def _rows(self) -> QuerySet[StatementRow]:
        return self.statement.rows.filter(section__in=TRADES)

    def _trades(self) -> Iterator[Trade]:
        rows = self._rows().filter(what__in=(EXECUTED, CANCEL)).exclude(exec_root="")
        groups = rows.order_by("exec_root").values("exec_root", "con_id")
        sums = groups.annotate(
            last_id=Max("exec_id"),
            name=Max("symbol"),
            reference=Max("order_ref"),
            cost_in=Max("commission_currency"),
            first_day=Min("day"),
            total=Sum("quantity", default=ZERO),
            least=Min("price"),
            most=Max("price"),
            cost=Sum("commission"),
            paid=Sum("amount", default=ZERO),
            paid_in=Max("currency"),
        )
        for row in sums.iterator(CHUNK):
            yield Trade(
                exec_root=row["exec_root"],
                con_id=row["con_id"],
                exec_id=row["last_id"],
                day=row["first_day"],
                symbol=row["name"],
                order_ref=row["reference"],
                quantity=row["total"],
                price=row["least"] if row["least"] == row["most"] else None,
                commission=row["cost"],
                commission_currency=row["cost_in"],
                proceeds=row["paid"],
                currency=row["paid_in"],
            )

    def _cancels_of_nothing(self) -> Iterator[Finding]:
        """Give each cancel the execution that it cancels; those whose trade no statement has are told."""
        for row in self._rows().filter(what=CANCEL, exec_root=""):
            known = StatementRow.objects.filter(statement__account=self.statement.account_id)
            trade = known.filter(trade_id=row.of_trade).exclude(exec_root="").order_by("-pk").first()
            if trade and row.of_trade:
                row.exec_root = trade.exec_root
                row.save(update_fields=["exec_root"])
            else:
                text = f"A trade of {row.symbol} was canceled that no statement has."
                yield findings.of_row(self.statement, findings.TRADE, row, text)

    # --- our side -----------------------------------------------------------------------------------------
    def _ours_of(self, trades: Sequence[Trade]) -> dict[tuple[str, int], Execution]:
        names = {f"{one.exec_root}.{version:02d}" for one in trades for version in VERSIONS}
        rows = self._executions().filter(exec_id__in=names | {one.exec_id for one in trades})
        return {(one.exec_root, one.con_id): one for one in rows}

    def _executions(self) -> QuerySet[Execution]:
        rows = Execution.objects.filter(account=self.statement.account_id, superseded=False)
        return rows.exclude(WHOLES).select_related("order")

    def _by_other_names(self, trade: Trade) -> Execution | None:
        """A leg of a combination, whose id has a part more here; else the same trade of the same order."""
        if trade.con_id not in self._traded:
            return None  # a year that we never had would ask for each of its trades
        same = self._executions().filter(con_id=trade.con_id, last_qty=abs(trade.quantity))
        legs = same.filter(exec_id__startswith=f"{trade.exec_root}.", trade_date=trade.day)
        found = self._first(legs)
        if found is None and trade.order_ref and trade.price is not None:
            reference = trade.order_ref.split("-")[0]
            found = self._first(same.filter(order__order_ref__startswith=reference, last_px=trade.price))
        return found

    @cached_property
    def _traded(self) -> set[int]:
        """The contracts that we traded around these days."""
        days = (self.statement.from_date - AROUND, self.statement.to_date + AROUND)
        rows = self._executions().filter(trade_date__range=days).order_by()
        return set(rows.values_list("con_id", flat=True).distinct())

    def _first(self, rows: QuerySet[Execution]) -> Execution | None:
        found = rows.exclude(pk__in=self.joined).order_by("pk").first()
        if found:
            self.joined.add(found.pk)
        return found

    # --- findings: one by one as far as a person reads them ---------------------------------------------
    def _tell(self, part: str, finding: Callable[[], Finding]) -> Iterator[Finding]:
        self._told[part] += 1
        if self._told[part] <= MOST_TOLD:
            yield finding()

    def _more(self, part: str) -> Iterator[Finding]:
        """The others as one: of a book that we never had, a break for each would be in nobody's hands."""
        if (more := self._told[part] - MOST_TOLD) > 0:
            text = f"{more:,} more executions differ from the statement of {self.statement.to_date}."
            day = self.statement.to_date
            yield findings.found(self.statement, part, day, "more", text, broker={"more": str(more)})

    def _missing(self, trade: Trade) -> Finding:
        row = self._rows().filter(exec_root=trade.exec_root, con_id=trade.con_id).first()
        why = by_the_broker(row.raw) if row else ""
        return self._finding(trade, f"is not in our books{f' ({why})' if why else ''}", {})

    def _finding(self, trade: Trade, wrong: str, ours: dict[str, str]) -> Finding:
        told = f"{decimal_text(trade.quantity)} {trade.symbol}"
        return findings.found(
            self.statement,
            findings.TRADE,
            trade.day,
            trade.exec_id or trade.exec_root,
            f"Execution {trade.exec_id} ({told}) of the statement {wrong}.",
            ours=ours,
            broker=trade.evidence(),
            con_id=trade.con_id,
        )

    def _not_listed(self, one: Execution) -> Finding:
        return findings.found(
            self.statement,
            findings.ABSENT,
            one.trade_date or one.transact_time.date(),
            one.exec_id,
            f"Execution {one.exec_id} ({one.symbol}) is in our books and not in the statement of its day.",
            ours=of_ours(one),
            con_id=one.con_id,
            order_id=one.order_id,
        )


def unlike(ours: Execution, trade: Trade) -> str:
    """What differs, in words; empty where both are the same within their tolerances."""
    wrong = []
    quantity = ours.last_qty if ours.side == Side.BUY else -ours.last_qty
    if not trade.quantity and quantity:
        wrong.append("was canceled by the broker and still counts here")
    elif quantity != trade.quantity:
        wrong.append("has another quantity" if quantity * trade.quantity > 0 else "is on the other side")
    if trade.price is not None and abs(ours.last_px - trade.price) > PRICE_TOLERANCE * abs(trade.price):
        wrong.append("has another price")
    if trade.commission is not None and trade.quantity:
        wrong += _commission(ours, trade.commission, trade.commission_currency)
    return " and ".join(wrong)


def _commission(ours: Execution, cost: Decimal, currency: str) -> Iterable[str]:
    if ours.commission is None:
        return ["has a commission that we were never told"]
    if currency and ours.commission_currency and currency != ours.commission_currency:
        return ["has its commission in another currency"]
    return ["has another commission"] if abs(ours.commission - cost) > COMMISSION_TOLERANCE else []


def of_ours(one: Execution) -> dict[str, str]:
    """Our side of a break."""
    facts: dict[str, Any] = {
        "exec_id": one.exec_id,
        "symbol": one.symbol,
        "con_id": one.con_id,
        "side": one.side,
        "last_qty": decimal_text(one.last_qty),
        "last_px": decimal_text(one.last_px),
        "commission": decimal_text(one.commission) if one.commission is not None else "",
        "order_ref": one.order.order_ref,
        "trade_date": one.trade_date,
    }
    return as_evidence(**facts)
