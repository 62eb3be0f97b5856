"""What each strategy bought and sold: sums of executions and transfers, whatever their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from django.db.models import Count, DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum

from brokers.fix import Side
from orders.models import Execution, PositionEvent, PositionEventKind, StrategyTransfer
from orders.models.execution import PX_STEP, WHOLES
from orders.models.middle_office.strategies import UNATTRIBUTED
from orders.reconciliation.corporate_actions import Splits, day_at, times
from orders.reconciliation.totals import ZERO, Contract

SPLIT = PositionEventKind.SPLIT
MONEY_STEP = Decimal("1e-6")
PAID = ExpressionWrapper(F("last_qty") * F("last_px"), output_field=DecimalField())
VALUE = ExpressionWrapper(F("last_qty") * F("last_px") * F("multiplier"), output_field=DecimalField())


@dataclass(kw_only=True)
class Leg:
    """What was bought, or sold: quantity, quantity times price, and that as money."""

    quantity: Decimal = ZERO
    paid: Decimal = ZERO
    value: Decimal = ZERO

    def add(self, quantity: Decimal, paid: Decimal, value: Decimal) -> None:
        """And so much more."""
        self.quantity, self.paid, self.value = self.quantity + quantity, self.paid + paid, self.value + value

    @property
    def average(self) -> Decimal:
        """Money for one unit."""
        return self.value / self.quantity if self.quantity else ZERO


@dataclass(kw_only=True)
class Book:
    """What one strategy did in one contract. `unknown` counts commissions that lack or are in other money.

    Realized is what both sides have in common, at the average of each, less commissions: a correction that
    comes late changes it like one that came at once.
    """

    bought: Leg = field(default_factory=Leg)
    sold: Leg = field(default_factory=Leg)
    charged: Decimal = ZERO
    unknown: int = 0

    def add(self, quantity: Decimal, paid: Decimal, value: Decimal, *, buys: bool) -> None:
        """Count what was bought or sold; all three are positive."""
        (self.bought if buys else self.sold).add(quantity, paid, value)

    @property
    def position_qty(self) -> Decimal:
        """What it holds, negative where it is short."""
        return self.bought.quantity - self.sold.quantity

    @property
    def commission(self) -> Decimal | None:
        """What was charged; None while that is not known, or where it is not in the contract's currency."""
        return None if self.unknown else self.charged

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of the side that it holds; None where it holds nothing."""
        side = self._held_side
        return (side.paid / side.quantity).quantize(PX_STEP) if self.position_qty else None

    @property
    def realized(self) -> Decimal | None:
        """None while a commission is not known."""
        matched = min(self.bought.quantity, self.sold.quantity)
        gross = matched * (self.sold.average - self.bought.average)
        return None if self.unknown else _money(gross - self.charged)

    def unrealized(self, worth: Decimal | None) -> Decimal | None:
        """What it would make if one unit were worth so much; None where that is not known."""
        if not self.position_qty:
            return ZERO
        if worth is None:
            return None
        return _money(self.position_qty * (worth - self._held_side.average))

    @property
    def _held_side(self) -> Leg:
        return self.bought if self.position_qty > 0 else self.sold


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(MONEY_STEP) + ZERO  # the sum turns -0 into 0


class Described(NamedTuple):
    """What a contract is called."""

    symbol: str
    sec_type: str
    currency: str


@dataclass(kw_only=True)
class Books:
    """The books of some accounts by contract and strategy, and what their contracts are called."""

    of: dict[Contract, dict[str, Book]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Book))
    )
    described: dict[Contract, Described] = field(default_factory=dict)

    def attributed(self, contract: Contract) -> Decimal:
        """What the strategies hold together."""
        return sum((book.position_qty for book in self.of.get(contract, {}).values()), ZERO)


def read_books(accounts: Collection[str], con_id: int | None = None) -> Books:
    """Every strategy's book of these accounts, or of one contract in them; in units of today."""
    books, splits = Books(), Splits()
    events = PositionEvent.objects.filter(account__in=accounts).exclude(kind=SPLIT)
    only = {} if con_id is None else {"con_id__in": splits.former(con_id) | _options(events, con_id)}
    _add_executions(books, Execution.objects.filter(account__in=accounts, **only), splits)
    _add_transfers(books, StrategyTransfer.objects.filter(account__in=accounts, **only), splits)
    _end_options(books, events)
    return books if con_id is None else _only(books, con_id)


def _options(events: QuerySet[PositionEvent], con_id: int) -> set[int]:
    """Options that ended in this contract: who held them got it."""
    delivered = events.filter(con_id=con_id).exclude(option_con_id=0)
    return set(delivered.values_list("option_con_id", flat=True))


def _only(books: Books, con_id: int) -> Books:
    for contract in [one for one in books.described if one[1] != con_id]:
        del books.described[contract]
        books.of.pop(contract, None)
    return books


def _add_executions(books: Books, rows: QuerySet[Execution], splits: Splits) -> None:
    counting = rows.filter(superseded=False).exclude(WHOLES)
    named = counting.exclude(order__strategy=UNATTRIBUTED).order_by()
    by = ("account_id", "con_id", "symbol", "sec_type", "currency", "commission_currency", "side")
    for row in named.values(*by, "order__strategy", era=splits.era).annotate(
        size=Sum("last_qty"),
        paid=Sum(PAID),
        worth=Sum(VALUE),
        charged=Sum("commission", default=ZERO),
        uncharged=Count("pk", filter=Q(commission=None, last_qty__gt=0)),
    ):
        con_id, ratio = splits.now(row["con_id"], row["era"])
        contract = (row["account_id"], con_id)
        books.described[contract] = Described(row["symbol"], row["sec_type"], row["currency"])
        book = books.of[contract][row["order__strategy"]]
        book.add(times(row["size"], ratio), row["paid"], row["worth"], buys=row["side"] == Side.BUY)
        elsewhere = row["commission_currency"] not in ("", row["currency"])
        book.unknown += row["uncharged"] + bool(elsewhere and row["charged"])
        book.charged += ZERO if elsewhere else row["charged"]


def _add_transfers(books: Books, rows: QuerySet[StrategyTransfer], splits: Splits) -> None:
    for one in rows:
        con_id, ratio = splits.now(one.con_id, splits.era_of(one.con_id, day_at(one.at, one.con_id)))
        contract = (one.account_id, con_id)
        books.described.setdefault(contract, Described(one.symbol, one.sec_type, one.currency))
        size, paid = times(abs(one.quantity), ratio), abs(one.quantity) * one.price
        for strategy, grows in ((one.to_strategy, True), (one.from_strategy, False)):
            if strategy != UNATTRIBUTED:
                buys = grows == (one.quantity > 0)
                books.of[contract][strategy].add(size, paid, paid * one.multiplier, buys=buys)


# --- ends of options --------------------------------------------------------------------------------------
def _end_options(books: Books, events: QuerySet[PositionEvent]) -> None:
    """An option that ended ended for every strategy that held it, and each gets its part of the underlying.

    Of one that ended in several ways (a part exercised, the rest expired) nobody can say which strategy's
    was which: then the rest of the account takes both.
    """
    ends: defaultdict[Contract, list[PositionEvent]] = defaultdict(list)
    for one in events:
        ends[(one.account_id, one.option_con_id or one.con_id)].append(one)
    for contract, rows in ends.items():
        own = [one for one in rows if one.con_id == contract[1]]
        ended = sum((one.quantity for one in own), ZERO)
        holders = {name: book.position_qty for name, book in books.of.get(contract, {}).items()}
        if len({one.kind for one in own}) != 1 or not ended:
            continue
        for strategy, held in holders.items():
            if held * ended < 0 and abs(held) <= abs(ended):
                _take_part(books, rows, strategy, Fraction(held) / Fraction(-ended))


def _take_part(books: Books, rows: Collection[PositionEvent], strategy: str, part: Fraction) -> None:
    for one in rows:
        contract = (one.account_id, one.con_id)
        books.described.setdefault(contract, Described(one.symbol, one.sec_type, one.currency))
        size, value = times(abs(one.quantity), part), times(abs(one.amount), part)
        book = books.of[contract][strategy]
        book.add(size, size * one.price, value, buys=one.quantity > 0)
        book.charged += times(one.commission, part)
