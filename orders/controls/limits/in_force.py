"""The limits in force and what the accounts use of them now: read for people, promised to nobody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.db.models import Count, JSONField, Value

from brokers.formats import decimal_text
from brokers.models import Position
from orders.models import ALIVE, AccountLimit, Order, ScopeLimit
from orders.risk.catalogue import CATALOGUE, FIELDS
from orders.risk.use import Use
from orders.store.use import Reading, read_use

#: Asked order by order, and of all that an account does; how the others are read is no limit.
SETTINGS = ("any_instrument", "currency", "soft")
PER_ORDER = tuple(one.name for one in CATALOGUE if one.per_order and one.name not in SETTINGS)
PER_ACCOUNT = tuple(one.name for one in CATALOGUE if not one.per_order and one.name not in SETTINGS)


@dataclass(frozen=True, kw_only=True)
class LimitNow:
    """One limit; `limit` None is a rule that is off, `used` None is one that is asked order by order."""

    field: str
    scope: str
    limit: str | None
    used: str | None


@dataclass(frozen=True, kw_only=True)
class ScopeLimitsNow:
    """What one scope may do, and does; `account` None for one that goes across accounts."""

    scope: str
    account: str | None
    any_instrument: bool | None
    instruments: int | None
    limits: list[LimitNow]


@dataclass(frozen=True, kw_only=True)
class Meter:
    """One limit that is on, for the page of limits."""

    field: str
    label: str
    limit: str | None
    used: str | None

    @property
    def percent(self) -> int | None:
        """How much of it is used; None where no use is counted."""
        try:
            limit, used = Decimal(self.limit or ""), Decimal(self.used or "")
        except InvalidOperation:
            return None
        if not limit:
            return 100 if used else 0
        return min(int(abs(used) * 100 / limit), 999)


@dataclass(frozen=True, kw_only=True)
class ScopeNow:
    """The limits of one scope that are on, with their use."""

    scope: str
    limits: list[Meter]


def scopes_now(accounts: Collection[str], *, others: bool) -> list[ScopeNow]:
    """The limits of these accounts that are on, and with `others` those of the firm, strategies and users."""
    return [
        ScopeNow(scope=now.scope, limits=_meters(now.limits)) for now in limits_now(accounts, others=others)
    ]


def _meters(limits: list[LimitNow]) -> list[Meter]:
    on = [now for now in limits if now.limit not in (None, "false")]
    return [
        Meter(field=now.field, label=FIELDS[now.field].label, limit=now.limit, used=now.used) for now in on
    ]


def limits_now(accounts: Collection[str], *, others: bool = False) -> list[ScopeLimitsNow]:
    """The limits of these accounts, and with `others` those that go across accounts, which must be all then.

    An account without a row may order nothing and is not listed.
    """
    found = AccountLimit.objects.filter(account__in=accounts).order_by("account")
    rows = list(found.annotate(listed=Count("allowed_instruments")))
    across = list(ScopeLimit.objects.all()) if others else []
    codes = accounts if across else [row.account_id for row in rows]
    reading = Reading(messages=True, scopes=[row.scope for row in across])
    use = read_use(codes, _contracts(codes), reading=reading)
    return [*(_scope(row, use) for row in across), *(_account(row, use) for row in rows)]


def _contracts(accounts: Collection[str]) -> set[int]:
    """What is held or worked now; the legs of combinations among it."""
    held = Position.objects.filter(account__in=accounts).exclude(position_qty=0).order_by()
    working = Order.objects.filter(account__in=accounts, state__in=ALIVE).order_by()
    of_held = held.annotate(legs=Value([], output_field=JSONField())).values_list("con_id", "legs")
    of_working = working.values_list("instrument__con_id", "instrument__legs")
    contracts: set[int] = set()
    for con_id, legs in of_held.union(of_working.distinct(), all=True):
        contracts |= {leg["con_id"] for leg in legs} or {con_id or 0}
    return contracts


def _account(row: AccountLimit, use: Use) -> ScopeLimitsNow:
    return ScopeLimitsNow(
        scope=row.scope,
        account=row.account_id,
        any_instrument=row.any_instrument,
        instruments=row.listed,  # type: ignore[attr-defined]
        limits=_limits(row, "account", row.account_id, use),
    )


def _scope(row: ScopeLimit, use: Use) -> ScopeLimitsNow:
    kind = row.scope.partition(":")[0]
    return ScopeLimitsNow(
        scope=row.scope,
        account=None,
        any_instrument=None,
        instruments=None,
        limits=_limits(row, kind, row.scope, use),
    )


def _limits(row: AccountLimit | ScopeLimit, kind: str, owner: str, use: Use) -> list[LimitNow]:
    """Each limit of a row with what its owner uses of it, which is an account's code or another scope."""
    worst = [
        abs(quantity)
        for positions in (use.longs, use.shorts)
        for (own, _), quantity in positions.items()
        if own == owner
    ]
    same = [count for content, count in use.recent_contents.items() if content.account == owner]
    used: dict[str, object] = {
        "max_position_qty": max(worst, default=Decimal(0)),
        "max_open_orders": use.open_orders[owner],
        "max_orders_per_minute": use.recent_orders[owner],
        "max_messages_per_minute": use.recent_messages[owner],
        "max_duplicates_per_minute": max(same, default=0),
    }
    per_order = [_now(row, field, "order", None) for field in PER_ORDER if hasattr(row, field)]
    return [*per_order, *(_now(row, field, kind, used.get(field)) for field in PER_ACCOUNT)]


def _now(row: AccountLimit | ScopeLimit, field: str, scope: str, used: object) -> LimitNow:
    return LimitNow(field=field, scope=scope, limit=_text(getattr(row, field)), used=_text(used))


def _text(value: object) -> str | None:
    if value is None:
        return None
    return decimal_text(value) if isinstance(value, Decimal) else str(value).lower()
