"""The strategies of accounts as rows that add up to the broker's figures, the rest a row of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from brokers.models import BrokerAccount, Instrument, Position, Profit
from orders.models import Execution, PositionEvent
from orders.models.execution import WHOLES
from orders.models.middle_office.strategies import UNATTRIBUTED
from orders.reconciliation import baseline
from orders.reconciliation.strategies.books import Book, Books, Described, read_books
from orders.reconciliation.totals import ZERO, Contract

CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class StrategyRow:
    """One strategy in one contract of one account, or the rest of it (`strategy` empty).

    `account_qty` is the broker's whole position. `difference`, of the rest alone, is what of it our books
    cannot explain; a break tells of it.
    """

    account: str
    strategy: str
    con_id: int
    described: Described
    position_qty: Decimal
    avg_px: Decimal | None
    realized: Decimal | None
    unrealized: Decimal | None
    commission: Decimal | None
    account_qty: Decimal
    difference: Decimal | None = None

    @property
    def pnl(self) -> Decimal | None:
        """Realized and unrealized together."""
        if self.realized is None or self.unrealized is None:
            return None
        return self.realized + self.unrealized


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the broker says of a contract in an account; `worth` is the money of one unit."""

    position_qty: Decimal = ZERO
    realized: Decimal | None = ZERO
    unrealized: Decimal | None = None
    worth: Decimal | None = None
    expected: Decimal | None = None


def strategy_rows(accounts: Collection[str], *, con_id: int | None = None) -> list[StrategyRow]:
    """Every strategy, and the rest of each contract after its strategies; a rest of nothing is left out."""
    books = read_books(accounts, con_id)
    told = _told(accounts, books, con_id)
    by_name = sorted(books.described, key=lambda one: (one[0], books.described[one].symbol, one[1]))
    return [row for contract in by_name for row in _rows_of(contract, books, told[contract])]


def held(account: str, con_id: int, strategy: str) -> Decimal:
    """What a strategy holds in a contract; of no strategy, what is left of the broker's position."""
    books, contract = read_books([account], con_id), (account, con_id)
    if strategy != UNATTRIBUTED:
        book = books.of.get(contract, {}).get(strategy)
        return book.position_qty if book else ZERO
    position = Position.objects.filter(account=account, con_id=con_id).first()
    return (position.position_qty if position else ZERO) - books.attributed(contract)


def _rows_of(contract: Contract, books: Books, told: Account) -> Iterator[StrategyRow]:
    named = sorted(books.of.get(contract, {}).items())
    parts = [_row(contract, books, told, strategy, book) for strategy, book in named]
    yield from parts
    rest = _rest(contract, books, told, parts)
    if rest.position_qty or rest.difference or abs(rest.pnl or ZERO) >= CENT:
        yield rest


def _row(contract: Contract, books: Books, told: Account, strategy: str, book: Book) -> StrategyRow:
    return StrategyRow(
        account=contract[0],
        strategy=strategy,
        con_id=contract[1],
        described=books.described[contract],
        position_qty=book.position_qty,
        avg_px=book.avg_px,
        realized=book.realized,
        unrealized=book.unrealized(told.worth),
        commission=book.commission,
        account_qty=told.position_qty,
    )


def _rest(contract: Contract, books: Books, told: Account, parts: Iterable[StrategyRow]) -> StrategyRow:
    """What the broker's figures have more than the strategies' rows."""
    rows = list(parts)
    return StrategyRow(
        account=contract[0],
        strategy=UNATTRIBUTED,
        con_id=contract[1],
        described=books.described[contract],
        position_qty=told.position_qty - books.attributed(contract),
        avg_px=None,
        realized=_less(told.realized, (row.realized for row in rows)),
        unrealized=_less(told.unrealized, (row.unrealized for row in rows)),
        commission=None,
        account_qty=told.position_qty,
        difference=None if told.expected is None else told.position_qty - told.expected,
    )


def _less(whole: Decimal | None, parts: Iterable[Decimal | None]) -> Decimal | None:
    """What is left of a figure; None where one of them is not known."""
    for part in parts:
        whole = None if whole is None or part is None else whole - part
    return whole


# --- the broker's side -------------------------------------------------------------------------------------
def _told(accounts: Collection[str], books: Books, con_id: int | None) -> dict[Contract, Account]:
    """The broker's figures of every contract; those that only it knows are described from its positions."""
    only = {} if con_id is None else {"con_id": con_id}
    positions = {
        (one.account_id, one.con_id): one for one in Position.objects.filter(account__in=accounts, **only)
    }
    for contract, one in positions.items():
        books.described.setdefault(contract, Described(one.symbol, one.sec_type, one.currency))
    profits = {
        (one.account_id, one.con_id): one for one in Profit.objects.filter(account__in=accounts, **only)
    }
    realized, prices, expected = _realized(accounts, only), _prices(books), _expected(accounts)
    found = {}
    for contract in books.described:
        quantity = positions[contract].position_qty if contract in positions else ZERO
        profit = profits.get(contract)
        by_value = profit.value / quantity if profit and profit.value is not None and quantity else None
        unrealized = profit.unrealized if profit else None
        found[contract] = Account(
            position_qty=quantity,
            realized=realized.get(contract, ZERO),
            unrealized=unrealized if quantity else ZERO,
            worth=prices.get(contract[1]) if by_value is None else by_value,
            expected=expected[contract[0]].get(contract, ZERO) if contract[0] in expected else None,
        )
    return found


def _realized(accounts: Collection[str], only: dict[str, int]) -> dict[Contract, Decimal]:
    """What the broker has said that our executions and ends of options realized, net of commissions."""
    rows = Execution.objects.filter(account__in=accounts, superseded=False, **only)
    events = PositionEvent.objects.filter(account__in=accounts, **only)
    found: defaultdict[Contract, Decimal] = defaultdict(Decimal)
    for told in (rows.exclude(WHOLES), events):
        sums = told.order_by().values_list("account_id", "con_id")
        for account, con_id, total in sums.annotate(total=Sum("realized_pnl", default=ZERO)):
            found[(account, con_id)] += total
    return found


def _prices(books: Books) -> dict[int, Decimal]:
    """The money of one unit at the last price known."""
    ids = {con_id for _, con_id in books.described}
    rows = Instrument.objects.filter(con_id__in=ids).order_by("last_px_at")
    return {
        row.con_id: row.last_px * row.multiplier / row.price_magnifier
        for row in rows
        if row.con_id and row.last_px is not None
    }


def _expected(accounts: Collection[str]) -> dict[str, dict[Contract, Decimal]]:
    """Our positions of each account that has a baseline: what the broker's are compared with."""
    found = {}
    for account in BrokerAccount.objects.filter(pk__in=accounts).exclude(baseline_at=None):
        quantities = baseline.quantities(account.code, baseline.traded_since_baseline(account))
        for position in Position.objects.filter(account=account).exclude(baseline_qty=0):
            contract = (account.code, position.con_id)
            quantities[contract] = quantities.get(contract, ZERO) + position.baseline_qty
        found[account.code] = quantities
    return found
