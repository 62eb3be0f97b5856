"""What each strategy bought and sold: sums of executions and transfers, whatever their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, DecimalField, ExpressionWrapper, F, Q, Sum

from brokers.fix import Side
from orders.models import Execution, StrategyTransfer
from orders.models.execution import PX_STEP
from orders.models.middle_office.strategies import UNATTRIBUTED
from orders.reconciliation.baseline import COMBINATION, ZERO, Contract

MONEY_STEP = Decimal("1e-6")
SIZE = ExpressionWrapper(F("last_qty") * F("scale"), output_field=DecimalField())
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
    """Every strategy's book of these accounts, or of one contract in them."""
    only = {} if con_id is None else {"con_id": con_id}
    books = Books()
    _add_executions(books, accounts, only)
    _add_transfers(books, accounts, only)
    return books


def _add_executions(books: Books, accounts: Collection[str], only: dict[str, int]) -> None:
    rows = Execution.objects.filter(account__in=accounts, superseded=False, **only)
    named = rows.exclude(sec_type=COMBINATION).exclude(order__strategy=UNATTRIBUTED).order_by()
    by = ("account_id", "con_id", "symbol", "sec_type", "currency", "commission_currency", "side")
    for row in named.values(*by, "order__strategy").annotate(
        size=Sum(SIZE),
        paid=Sum(PAID),
        worth=Sum(VALUE),
        charged=Sum("commission", default=ZERO),
        uncharged=Count("pk", filter=Q(commission=None, last_qty__gt=0)),
    ):
        contract = (row["account_id"], row["con_id"])
        books.described[contract] = Described(row["symbol"], row["sec_type"], row["currency"])
        book = books.of[contract][row["order__strategy"]]
        book.add(row["size"], row["paid"], row["worth"], buys=row["side"] == Side.BUY)
        elsewhere = row["commission_currency"] not in ("", row["currency"])
        book.unknown += row["uncharged"] + bool(elsewhere and row["charged"])
        book.charged += ZERO if elsewhere else row["charged"]


def _add_transfers(books: Books, accounts: Collection[str], only: dict[str, int]) -> None:
    for one in StrategyTransfer.objects.filter(account__in=accounts, **only):
        contract = (one.account_id, one.con_id)
        books.described.setdefault(contract, Described(one.symbol, one.sec_type, one.currency))
        size, paid = abs(one.quantity), abs(one.quantity) * one.price
        for strategy, grows in ((one.to_strategy, True), (one.from_strategy, False)):
            if strategy != UNATTRIBUTED:
                buys = grows == (one.quantity > 0)
                books.of[contract][strategy].add(size, paid, paid * one.multiplier, buys=buys)
