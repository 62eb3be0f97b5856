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
from orders.risk.scopes import ScopeKind, scope_text
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
class AccountLimitsNow:
    """What one account may do, and does."""

    account: str
    any_instrument: bool
    instruments: int
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
    """The limits of these accounts, and with `others` those of the firm, strategies and users."""
    owned = [
        ScopeNow(scope=scope_text(ScopeKind.ACCOUNT, account.account), limits=_meters(account.limits))
        for account in limits_now(accounts)
    ]
    rows = ScopeLimit.objects.all() if others else ()
    across = [
        ScopeNow(
            scope=row.scope,
            limits=_meters([_now(row, field, row.scope, None) for field in (*PER_ORDER, *PER_ACCOUNT)]),
        )
        for row in rows
    ]
    return [*across, *owned]


def _meters(limits: list[LimitNow]) -> list[Meter]:
    on = [now for now in limits if now.limit not in (None, "false")]
    return [
        Meter(field=now.field, label=FIELDS[now.field].label, limit=now.limit, used=now.used) for now in on
    ]


def limits_now(accounts: Collection[str]) -> list[AccountLimitsNow]:
    """The limits of these accounts; one without a row may order nothing and is not listed."""
    found = AccountLimit.objects.filter(account__in=accounts).order_by("account")
    rows = list(found.annotate(listed=Count("allowed_instruments")))
    codes = [row.account_id for row in rows]
    use = read_use(codes, _contracts(codes), reading=Reading(messages=True))
    return [_account(row, use) for row in rows]


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


def _account(row: AccountLimit, use: Use) -> AccountLimitsNow:
    account = row.account_id
    worst = [
        abs(quantity)
        for positions in (use.longs, use.shorts)
        for (owner, _), quantity in positions.items()
        if owner == account
    ]
    same = [count for content, count in use.recent_contents.items() if content.account == account]
    used: dict[str, object] = {
        "max_position_qty": max(worst, default=Decimal(0)),
        "max_open_orders": use.open_orders[account],
        "max_orders_per_minute": use.recent_orders[account],
        "max_messages_per_minute": use.recent_messages[account],
        "max_duplicates_per_minute": max(same, default=0),
    }
    per_order = [_now(row, field, "order", None) for field in PER_ORDER]
    per_account = [_now(row, field, "account", used.get(field)) for field in PER_ACCOUNT]
    return AccountLimitsNow(
        account=account,
        any_instrument=row.any_instrument,
        instruments=row.listed,  # type: ignore[attr-defined]
        limits=[*per_order, *per_account],
    )


def _now(row: AccountLimit | ScopeLimit, field: str, scope: str, used: object) -> LimitNow:
    return LimitNow(field=field, scope=scope, limit=_text(getattr(row, field)), used=_text(used))


def _text(value: object) -> str | None:
    if value is None:
        return None
    return decimal_text(value) if isinstance(value, Decimal) else str(value).lower()
