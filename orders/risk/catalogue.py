"""The catalogue of limits: each field once, with what it means, whom it may bind and what it refuses with.

A limit is a column of the same name of `models.limits.Limits` (a test holds both equal) and an attribute of
`LimitSet`, which is what rules read. To add a limit: CONTRIBUTING.md, step by step.

How a rule asks: `rules.limits_for(account, strategy, user)` (`entry/limits/rules.py`) gives the sets that
bind an intention, the account's first, then those of firm, strategy and user that exist. Each must hold by
itself: no set loosens another. None, an empty set or False is a rule that is off. Money is in `currency`;
where that is empty `max_notional` is in the instrument's own and every other money limit cannot be checked,
so it refuses. A failed check whose field is in `soft` can be overridden by a person with the right, every
other cannot.

Pure: no I/O, no Django.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property

from brokers.fix import OrdType
from brokers.formats import decimal_text
from orders.risk.restrictions import Restriction
from orders.risk.scopes import ScopeKind

LimitValue = Decimal | int | bool | str | frozenset[str] | None

ANY_SCOPE = frozenset({ScopeKind.FIRM, ScopeKind.ACCOUNT, ScopeKind.STRATEGY, ScopeKind.USER})
ACCOUNT_ONLY = frozenset({ScopeKind.ACCOUNT})
MAX_DIGITS = 18  # before the point, as the columns have it
MAX_PLACES = 10


class Unit(StrEnum):
    """What a limit is counted in."""

    QUANTITY = "quantity"
    MONEY = "money"
    BASIS_POINTS = "basis points"
    SECONDS = "seconds"
    COUNT = "count"
    RATIO = "ratio"
    SWITCH = "yes or no"
    CHOICE = "one of"
    WORDS = "list of"
    CURRENCY = "currency"


class ShortSales(StrEnum):
    """What a sale that opens or grows a short position needs; from tight to loose."""

    NONE = "none"
    LOCATE = "locate"
    ALLOWED = "allowed"


DECIMALS = frozenset({Unit.QUANTITY, Unit.MONEY, Unit.RATIO})


@dataclass(frozen=True, kw_only=True)
class LimitField:
    """One limit: its name everywhere, what it is counted in, and its words for the desk."""

    name: str
    unit: Unit
    label: str
    description: str
    #: The reason code of a breach; empty where the field sets how others are read.
    code: str = ""
    scopes: frozenset[ScopeKind] = ANY_SCOPE
    words: tuple[str, ...] = ()  # of a choice or a list, from tight to loose
    #: Of a switch: the position that lets less through.
    tight: bool = True
    #: Of a list: without a word in it everything is allowed, not nothing.
    empty_is_all: bool = False
    #: Whether it is asked of each order alone, not of all that its scope does.
    per_order: bool = False

    @property
    def off(self) -> LimitValue:
        """The value by which the limit is off."""
        if self.unit == Unit.SWITCH:
            return False
        if self.unit == Unit.WORDS and not self.empty_is_all:
            return frozenset()
        return "" if self.unit == Unit.CURRENCY else None

    def read(self, raw: object) -> LimitValue:
        """The value that a person or a program wrote; raises ValueError with words for a person."""
        if raw is None or raw in ("", []):
            return self.off
        if self.unit == Unit.SWITCH:
            return _switch(raw)
        if self.unit == Unit.WORDS:
            return self._listed(raw)
        text = str(raw).strip()
        if self.unit == Unit.CHOICE:
            return self._word(text)
        if self.unit == Unit.CURRENCY:
            return _currency(text)
        return self._number(text)

    def text(self, value: LimitValue) -> str:
        """The value as it is shown and exported; `read` takes it back."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, frozenset):
            return " ".join(sorted(value))
        return decimal_text(value) if isinstance(value, Decimal) else str(value)

    def tightens(self, old: LimitValue, new: LimitValue) -> bool:
        """Whether the new value lets nothing through that the old one did not."""
        if old == new:
            return True
        if isinstance(new, bool):
            return new == self.tight
        if self.unit == Unit.CURRENCY or new is None:
            return False
        if isinstance(new, frozenset):
            return new <= old if isinstance(old, frozenset) else True
        if old is None:
            return True
        if self.unit == Unit.CHOICE:
            return self.words.index(str(new)) < self.words.index(str(old))
        return Decimal(str(new)) < Decimal(str(old))

    def _word(self, text: str) -> str:
        if self.words and text not in self.words:
            raise ValueError(f"{text!r} is not one of {', '.join(self.words)}.")
        return text

    def _listed(self, raw: object) -> frozenset[str]:
        parts = raw.replace(",", " ").split() if isinstance(raw, str) else raw
        if not isinstance(parts, list | tuple | set | frozenset):
            raise ValueError("Give a list of words.")
        return frozenset(self._word(str(part)) for part in parts)

    def _number(self, text: str) -> Decimal | int:
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"{text!r} is not a number.") from None
        if not number.is_finite() or number < 0:
            raise ValueError("A limit is zero or more.")
        if number.adjusted() >= (MAX_DIGITS if self.unit in DECIMALS else 9):
            raise ValueError("The number is too large.")
        if not number:
            number = Decimal(0)  # whatever sign and exponent it was written with
        if self.unit in DECIMALS:
            if number != round(number, MAX_PLACES):
                raise ValueError(f"At most {MAX_PLACES} digits after the point.")
            return number
        if number != number.to_integral_value():
            raise ValueError("Give a whole number.")
        return int(number)


def _switch(raw: object) -> bool:
    text = str(raw).strip().lower()
    if text not in {"yes", "no", "true", "false", "1", "0"}:
        raise ValueError(f"{raw!r} is not yes or no.")
    return text in {"yes", "true", "1"}


def _currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(f"{text!r} is no currency: three letters, like USD.")
    return text.upper()


CATALOGUE: tuple[LimitField, ...] = (
    LimitField(
        name="max_order_qty",
        unit=Unit.QUANTITY,
        label="max order quantity",
        description="Of one order; of a sliced order, all of it.",
        code="QTY_ABOVE_LIMIT",
        per_order=True,
    ),
    LimitField(
        name="max_notional",
        unit=Unit.MONEY,
        label="max order value",
        description="Of one order, multiplier included. Without a currency: in the instrument's own.",
        code="NOTIONAL_ABOVE_LIMIT",
        per_order=True,
    ),
    LimitField(
        name="max_price_deviation_bps",
        unit=Unit.BASIS_POINTS,
        label="price collar",
        description="How far from the market, to the worse side, an order may be priced.",
        code="PRICE_OUTSIDE_COLLAR",
        per_order=True,
    ),
    LimitField(
        name="max_price_age_s",
        unit=Unit.SECONDS,
        label="max price age",
        description="A market price older than this is no price.",
        code="PRICE_TOO_OLD",
        per_order=True,
    ),
    LimitField(
        name="max_price_distance_bps",
        unit=Unit.BASIS_POINTS,
        label="far away",
        description="How far from the market, to the better side, an order may be priced or a stop set.",
        code="PRICE_OUTSIDE_COLLAR",
        per_order=True,
    ),
    LimitField(
        name="max_adv_share_bps",
        unit=Unit.BASIS_POINTS,
        label="max share of volume",
        description="Of the average daily volume, for one order.",
        code="ADV_SHARE_ABOVE_LIMIT",
        per_order=True,
    ),
    LimitField(
        name="allowed_ord_types",
        unit=Unit.WORDS,
        words=tuple(OrdType),
        empty_is_all=True,
        label="allowed order types",
        description="Empty: all.",
        code="ORD_TYPE_NOT_ALLOWED",
        per_order=True,
    ),
    LimitField(
        name="refuse_closed_market",
        unit=Unit.SWITCH,
        label="refuse while closed",
        description="Refuse what would wait for its market to open, a halted one, a late auction order.",
        code="MARKET_CLOSED",
        per_order=True,
    ),
    LimitField(
        name="short_sales",
        unit=Unit.CHOICE,
        words=tuple(ShortSales),
        label="short sales",
        description="none, only with a locate or known shares to borrow, or allowed.",
        code="SHORT_SALE_NOT_ALLOWED",
        per_order=True,
    ),
    LimitField(
        name="any_instrument",
        unit=Unit.SWITCH,
        tight=False,
        label="any instrument",
        description="Whatever the broker knows may be traded, not only what is listed.",
        code="INSTRUMENT_NOT_ALLOWED",
        scopes=ACCOUNT_ONLY,
        per_order=True,
    ),
    LimitField(
        name="max_position_qty",
        unit=Unit.QUANTITY,
        label="max position",
        description="Of one contract, long or short, if all that works is filled.",
        code="POSITION_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_gross_notional",
        unit=Unit.MONEY,
        label="max gross exposure",
        description="Value of all positions, long and short added up, if all that works is filled.",
        code="GROSS_EXPOSURE_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_net_notional",
        unit=Unit.MONEY,
        label="max net exposure",
        description="Value of all positions, long less short, if all that works is filled.",
        code="NET_EXPOSURE_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_open_orders",
        unit=Unit.COUNT,
        label="max open orders",
        description="Alive at once.",
        code="OPEN_ORDERS_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_orders_per_minute",
        unit=Unit.COUNT,
        label="max orders a minute",
        description="Placed in the last 60 seconds.",
        code="ORDER_RATE_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_messages_per_minute",
        unit=Unit.COUNT,
        label="max messages a minute",
        description="Orders, replaces and cancels of the last 60 seconds; cancels count, none is refused.",
        code="MESSAGE_RATE_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_duplicates_per_minute",
        unit=Unit.COUNT,
        label="max same orders a minute",
        description="Of one instrument, side, quantity, type and prices.",
        code="DUPLICATES_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_daily_notional",
        unit=Unit.MONEY,
        label="max value a day",
        description="Of all orders of the day.",
        code="DAILY_NOTIONAL_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_daily_orders",
        unit=Unit.COUNT,
        label="max orders a day",
        description="Of the day.",
        code="DAILY_ORDERS_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_daily_loss",
        unit=Unit.MONEY,
        label="max loss a day",
        description="Realised and unrealised by the broker's figures.",
        code="DAILY_LOSS_ABOVE_LIMIT",
        scopes=frozenset({ScopeKind.ACCOUNT, ScopeKind.FIRM}),  # the broker tells it by account
    ),
    LimitField(
        name="max_order_to_trade",
        unit=Unit.RATIO,
        label="max order-to-trade ratio",
        description="Orders, replaces and cancels for each executed order of the day.",
        code="ORDER_TO_TRADE_ABOVE_LIMIT",
    ),
    LimitField(
        name="max_repeated_executions",
        unit=Unit.COUNT,
        label="max repeated executions",
        description="So often may the same be executed before a person must look.",
        code="REPEATED_EXECUTIONS",
    ),
    LimitField(
        name="refuse_self_trade",
        unit=Unit.SWITCH,
        label="refuse self-trade",
        description="Refuse what would trade with a working order of our own, in whatever account.",
        code="SELF_TRADE",
        scopes=frozenset({ScopeKind.ACCOUNT, ScopeKind.FIRM}),
    ),
    LimitField(
        name="currency",
        unit=Unit.CURRENCY,
        label="currency",
        description="Of the money limits; other currencies are converted at the broker's rates.",
    ),
    LimitField(
        name="soft",
        unit=Unit.WORDS,
        words=(
            "max_price_deviation_bps",
            "max_adv_share_bps",
            "max_order_qty",
            "max_notional",
            "max_duplicates_per_minute",
        ),
        label="soft limits",
        description="Limits that a person with the right may override, with a reason.",
    ),
)

FIELDS = {field.name: field for field in CATALOGUE}


@dataclass(frozen=True, kw_only=True)
class LimitSet:
    """The limits of one scope. None, "" or an empty set is a limit that is off."""

    scope: str
    max_order_qty: Decimal | None = None
    max_notional: Decimal | None = None
    max_price_deviation_bps: int | None = None
    max_price_distance_bps: int | None = None
    max_price_age_s: int | None = None
    max_adv_share_bps: int | None = None
    allowed_ord_types: frozenset[str] | None = None
    refuse_closed_market: bool = False
    short_sales: str | None = None
    any_instrument: bool = False
    max_position_qty: Decimal | None = None
    max_gross_notional: Decimal | None = None
    max_net_notional: Decimal | None = None
    max_open_orders: int | None = None
    max_orders_per_minute: int | None = None
    max_messages_per_minute: int | None = None
    max_duplicates_per_minute: int | None = None
    max_daily_notional: Decimal | None = None
    max_daily_orders: int | None = None
    max_daily_loss: Decimal | None = None
    max_order_to_trade: Decimal | None = None
    max_repeated_executions: int | None = None
    refuse_self_trade: bool = False
    currency: str = ""
    soft: frozenset[str] = frozenset()
    #: Restricted and allowed instruments of this scope, those that are over or still to come among them.
    restrictions: tuple[Restriction, ...] = ()

    @cached_property
    def on(self) -> frozenset[str]:
        """The names of the limits that are on; zero is a limit."""
        return frozenset(one.name for one in CATALOGUE if _is_on(one, getattr(self, one.name)))


def _is_on(field: LimitField, value: LimitValue) -> bool:
    """Whether it binds: an empty list of what is allowed allows nothing, or everything where that is said."""
    if field.unit == Unit.WORDS and field.empty_is_all:
        return value is not None
    return value is not None and value != field.off
