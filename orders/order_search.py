"""Finding orders and executions among many millions: any page costs the rows of that page.

A list is asked as one small look for each combination of account, instrument, state and side that it may
show, also where the caller named none: each walks an index that is already in the right order and holds
nothing else, and the results are merged. `IN` would make PostgreSQL sort everything that fits before it
shows the first hundred; a condition beside the index would make it walk past millions that do not fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, Q, QuerySet, Value

from brokers.fix import OrdStatus, Side
from brokers.models import Instrument
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    Execution,
    Order,
    OrderRequest,
    RequestKind,
    State,
)
from orders.models.ord_status import STANDINGS
from orders.models.order import GROUP_ORDERS, of_accounts
from orders.selectors import Accounts, shown_as, states_shown_as

Row = TypeVar("Row", bound=Model)
#: Our ids begin with the time at which they were made, on a clock that may differ from the database's.
CLOCK_SLACK = timedelta(minutes=10)
#: What an execution shows of its order.
NAMES = ("id", "cl_ord_id", "order_ref", "instrument_id", "strategy", "arrival_px", "client__username")


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """Which orders are wanted; None and empty mean any. Times are those of the record, `until` excluded."""

    states: Collection[State] = ()
    status: OrdStatus | None = None
    account: str | None = None
    symbol: str | None = None
    side: Side | None = None
    open: bool | None = None
    cl_ord_id: str | None = None
    strategy: str | None = None
    reduce_only: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def possible_states(self) -> list[State] | None:
        """States that may occur; None when any may, empty when nothing can fit."""
        given = [set(self.states)] if self.states else []
        if self.open is not None:
            given.append(set(ALIVE) if self.open else set(State) - set(ALIVE))
        if self.status not in (None, OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE):
            shown = states_shown_as(self.status)
            given.append({state for _, empty, filled in shown for state in (*empty, *filled)})
        return [state for state in State if all(state in each for each in given)] if given else None

    @property
    def pending(self) -> RequestKind | None:
        """The request that must be open, when that is what the status says."""
        kinds = {
            OrdStatus.PENDING_CANCEL: RequestKind.CANCEL,
            OrdStatus.PENDING_REPLACE: RequestKind.REPLACE,
        }
        return kinds.get(self.status) if self.status else None

    def ids(self) -> Q:
        """What the times mean for the ids, which begin with the time; rows just outside may be in."""
        given = {
            "id__gte": id_at(self.since - CLOCK_SLACK) if self.since else None,
            "id__lt": id_at(self.until + CLOCK_SLACK) if self.until else None,
        }
        return Q(**{name: value for name, value in given.items() if value is not None})

    def within(self) -> tuple[UUID, UUID] | None:
        """From which id up to which the ids tell that nothing is left to ask; None when they cannot."""
        if self.status or self.reduce_only is not None or not (self.since or self.until):
            return None
        first = id_at(self.since + CLOCK_SLACK) if self.since else UUID(int=0)
        return first, id_at(self.until - CLOCK_SLACK) if self.until else UUID(int=2**128 - 1)

    def rest(self) -> Q | None:
        """What is left to ask of a row beside account, instrument, state, side and id; None if nothing is."""
        given = {
            "recorded_at__gte": self.since,
            "recorded_at__lt": self.until,
            "reduce_only": self.reduce_only,
        }
        condition = Q(**{name: value for name, value in given.items() if value is not None})
        if self.status:
            condition &= shown_as(self.status)
        return condition or None


def id_at(time: datetime) -> UUID:
    """The lowest id that can have been made at this time (RFC 9562: 48 bits of milliseconds come first)."""
    return UUID(int=max(0, int(time.timestamp() * 1000)) << 80)


def find_orders(
    accounts: Accounts, wanted: OrderFilter, *, before: UUID | None = None, limit: int
) -> list[Order]:
    """The newest orders that fit, with their instruments; `before` is the last id of a page."""
    rows = Order.objects.filter(wanted.ids())
    if before is not None:
        rows = rows.filter(id__lt=before)
    if wanted.pending:
        if not (asked := asked_for(wanted.pending)):
            return []
        rows = rows.filter(pk__in=asked)
    if wanted.cl_ord_id is not None:
        rows = rows.filter(cl_ord_id=wanted.cl_ord_id)
    states = wanted.possible_states()
    named = wanted.symbol is not None  # the index by instrument goes on with the state
    choices = {
        "account": seen(accounts, wanted.account),
        "instrument": instruments_named(wanted.symbol) if wanted.symbol is not None else None,
        "state": list(State) if named and states is None else states,
        "side": [wanted.side] if wanted.side else list(Side),
    }
    if any(values is not None and not values for values in choices.values()):
        return []  # an unknown symbol, say
    of_any = {f"{name}__in": values for name, values in choices.items() if values is not None}
    if wanted.status in STANDINGS:  # few orders have one, in any state
        rows, choices = rows.filter(standing=wanted.status, **of_any), {"account": choices["account"]}
    elif wanted.strategy is not None:  # its index walks the orders of one strategy, whatever they are
        rows = rows.filter(**of_any).exclude(strategy="")
        choices = {"account": choices["account"], "strategy": [wanted.strategy]}
    elif wanted.reduce_only:
        rows, choices = rows.filter(reduce_only=True, **of_any), {"account": choices["account"]}
    ids = newest_ids(rows, choices, ("id",), limit, wanted.rest(), wanted.within())
    if GROUP_ORDERS in accounts and wanted.account is None:
        named_too = {f"{name}__in": choices[name] for name in ("instrument", "state") if choices.get(name)}
        group, sides = rows.filter(Q(account=None, **named_too)), [wanted.side] if wanted.side else list(Side)
        ids += newest_ids(group, {"side": sides}, ("id",), limit, wanted.rest())
    found = Order.objects.filter(of_accounts(accounts), pk__in=ids).order_by("-id")[:limit]
    return with_instruments(list(found)) if ids else []


def find_executions(
    accounts: Accounts,
    *,
    account: str | None = None,
    symbol: str | None = None,
    side: Side | None = None,
    before: int | None = None,
    limit: int,
    **given: Any,
) -> list[Execution]:
    """The latest executions that fit, by their own time, with their order and its instrument.

    `before` is the last id of a page; one that is no execution of these accounts is before all.
    """
    rows = Execution.objects.filter(**given)
    if before is not None:
        if (earlier := earlier_than(accounts, before)) is None:
            return []
        rows = rows.filter(earlier)
    choices = {
        "account": seen(accounts, account),
        "con_id": None if symbol is None else contracts_named(symbol),
        "side": [side] if side else [Side.BUY, Side.SELL],  # what brokers report
    }
    ids = newest_ids(rows, choices, ("transact_time", "id"), limit)
    return loaded_executions(accounts, ids) if ids else []


def requests_by_order(orders: Sequence[Order]) -> Mapping[UUID, list[OrderRequest]]:
    """The requests of these orders, first to last; most never had one, and one look tells."""
    found: defaultdict[UUID, list[OrderRequest]] = defaultdict(list)
    for request in OrderRequest.objects.filter(order__in=[order.pk for order in orders]).order_by("id"):
        found[request.order_id].append(request)
    return found


def loaded_executions(accounts: Accounts, ids: Collection[int]) -> list[Execution]:
    """These executions, the latest first, each with the names of its order and its instrument."""
    rows = Execution.objects.filter(account__in=accounts, pk__in=ids).order_by("-transact_time", "-id")
    found = list(rows)
    orders = Order.objects.filter(pk__in={execution.order_id for execution in found}).select_related("client")
    known = {order.pk: order for order in with_instruments(list(orders.only(*NAMES)))}
    for execution in found:
        execution.order = known[execution.order_id]
    return found


def with_instruments(orders: list[Order]) -> list[Order]:
    """The same orders; an instrument is read once, however many of them are for it."""
    known = Instrument.objects.in_bulk({order.instrument_id for order in orders})
    for order in orders:
        order.instrument = known[order.instrument_id]
    return orders


def earlier_than(accounts: Accounts, last: int) -> Q | None:
    """Executions that come after the page that ended with this one; None when it is none of theirs."""
    known = Execution.objects.filter(pk=last, account__in=accounts).values_list("transact_time", flat=True)
    time = known.first()
    if time is None:
        return None
    return Q(transact_time__lte=time) & ~Q(transact_time=time, id__gte=last)  # a range that an index knows


def asked_for(kind: RequestKind) -> list[UUID]:
    """Orders with an open request of this kind: few, however many orders there are."""
    open_ones = OrderRequest.objects.filter(kind=kind, state__in=OPEN_REQUESTS)
    return list(open_ones.order_by().values_list("order_id", flat=True).distinct())


def seen(accounts: Accounts, one: str | None) -> list[str]:
    """The accounts to look in: those that exist for the caller, or the one of them that it names."""
    return sorted(accounts) if one is None else [code for code in accounts if code == one]


def instruments_named(symbol: str) -> list[int]:
    """Instruments of this symbol."""
    return list(Instrument.objects.filter(symbol=symbol).values_list("pk", flat=True))


def contracts_named(symbol: str) -> list[int]:
    """The broker's numbers of the contracts of this symbol."""
    known = Instrument.objects.filter(symbol=symbol, con_id__isnull=False)
    return [number for number in known.values_list("con_id", flat=True) if number is not None]


def newest_ids(
    rows: QuerySet[Row],
    choices: Mapping[str, Sequence[Any] | None],
    order: Sequence[str],
    limit: int,
    rest: Q | None = None,
    within: tuple[Any, Any] | None = None,
) -> list[Any]:
    """Ids of the first rows of which each named column has one of its values (None: any) and that fit `rest`.

    Ids `within` (the first, and the one after the last) fit it anyhow: their rows are left alone.

    `order` names the columns of the order, all descending, the id last. By hand, because the ORM has no
    LATERAL: the look is planned once, however many combinations it is asked for. OFFSET 0 keeps the planner
    from leaving the index for one where it would have to look at rows that do not fit.
    """
    given = {name: list(values) for name, values in choices.items() if values is not None}
    combinations = list(zip(*product(*given.values()), strict=True))
    if not combinations:
        return []
    fields: list[Any] = [rows.model._meta.get_field(name) for name in given]
    text, inside = look(rows, [field.column for field in fields], order, limit, rest, within)
    arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
    names = ", ".join(f'"{field.column}"' for field in fields)
    query = (
        f"SELECT found.id FROM unnest({arrays}) AS one({names}), LATERAL ({text}) AS found"  # noqa: S608
        f" ORDER BY {descending('found', order)} LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [*map(list, combinations), *inside, limit])
        return [row[0] for row in cursor.fetchall()]


def look(
    rows: QuerySet[Row],
    columns: Sequence[str],
    order: Sequence[str],
    limit: int,
    rest: Q | None,
    within: tuple[Any, Any] | None,
) -> tuple[str, list[Any]]:
    """The query for one combination: its index walked in order, each row asked for the rest."""
    table = rows.model._meta.db_table  # names in these queries are those of our own columns
    walk = rows.order_by(*(f"-{name}" for name in order)).values_list(*order)
    walk = walk.extra(where=[f'"{table}"."{column}" = one."{column}"' for column in columns])  # noqa: S610
    walk_text, walk_inside = (walk[:limit] if rest is None else walk).query.sql_with_params()
    if rest is None:
        return walk_text, [*walk_inside]
    fits = rows.model._default_manager.filter(rest).order_by().values_list(Value(True))
    fits = fits.extra(where=[f'"{table}"."id" = walked."id"'])  # noqa: S610
    fits_text, fits_inside = fits.query.sql_with_params()
    known = 'walked."id" >= %s AND walked."id" < %s OR' if within else ""
    # One table and no sort of its own: so the planner knows that the walk ends after `limit` rows that fit.
    text = f"SELECT walked.* FROM ({walk_text} OFFSET 0) AS walked WHERE {known} ({fits_text}) LIMIT %s"  # noqa: S608
    return text, [*walk_inside, *(within or ()), *fits_inside, limit]


def descending(table: str, names: Sequence[str]) -> str:
    """ORDER BY these columns, the highest first."""
    return ", ".join(f'{table}."{name}" DESC' for name in names)
