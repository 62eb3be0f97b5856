"""The one schema of an order: what a caller asks for, before any check.

Every way in reads these structs (`orders.entry.reading.fields`): the API's bodies, a basket's rows, the
desk's ticket; the OpenAPI description is made of them too. A field has its type, bounds, description and
label here, in `orders.risk.terms` (plain terms) or in `brokers.order_attributes` (optional terms), and
nowhere else.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import msgspec
from django.conf import settings
from msgspec import Meta

from brokers.fix import LegSide, OrdType, SecType
from brokers.messages import InstrumentRef, Leg
from brokers.models import Instrument
from brokers.order_attributes import ATTRIBUTE_FIELDS, ConId, Exchange, OrderAttributes, Symbol
from orders.models import IfBacklog, IfBrokerDown, OnUnconfirmed
from orders.risk.terms import OrderTerms

LAST_DAY = len("YYYYMMDD")
MAX_AGE_LIMIT = 86_400  # seconds

ClOrdId = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7e]{1,64}$",
        title="Own id",
        extra={"must_be": "1 to 64 printable ASCII characters without spaces"},
    ),
]
AccountCode = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,32}$", extra={"must_be": "an account code"})]
Currency = Annotated[
    str, Meta(pattern=r"^[A-Z]{3}$", extra={"must_be": "a currency of three capital letters"})
]


StrategyName = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$",
        title="Strategy",
        description="What the order is placed for, in your own words; limits and states may name it.",
        extra={"must_be": "1 to 32 printable ASCII characters"},
    ),
]


class TicketLeg(Leg, frozen=True, kw_only=True, omit_defaults=True):
    """A leg as a caller may name it."""

    con_id: ConId
    ratio: Annotated[int, Meta(ge=1, le=1000)]
    side: Annotated[LegSide, Meta(description="What buying the combination does to the leg.")]
    exchange: Exchange


class InstrumentKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's description of an instrument."""

    symbol: Annotated[Symbol, Meta(title="Instrument")]
    sec_type: Annotated[SecType, Meta(title="Kind")] = SecType.STK
    exchange: Exchange = "SMART"
    currency: Currency = "USD"
    con_id: Annotated[ConId, Meta(description="The broker's own number; the rest must fit it.")] = 0
    maturity: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{6}(?:[0-9]{2})?$",
            description="Last trading day of a future or an option.",
            extra={"must_be": "a month or a day, YYYYMM or YYYYMMDD"},
        ),
    ] = ""
    strike_price: Annotated[Decimal | None, Meta(title="Strike")] = None
    put_or_call: Annotated[str, Meta(pattern=r"^(?:PUT|CALL)$", extra={"must_be": "PUT or CALL"})] = ""
    local_symbol: Annotated[
        str,
        Meta(
            pattern=r"^[\x21-\x7e](?:[\x20-\x7e]{0,38}[\x21-\x7e])?$",
            extra={"must_be": "1 to 40 ASCII characters"},
        ),
    ] = ""
    trading_class: Annotated[
        str, Meta(pattern=r"^[\x21-\x7e]{1,20}$", extra={"must_be": "1 to 20 ASCII characters"})
    ] = ""
    primary_exchange: Exchange = ""
    legs: Annotated[
        tuple[TicketLeg, ...],
        Meta(
            min_length=2, max_length=6, title="Legs", description="Of a combination (BAG): two to six legs."
        ),
    ] = ()

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentKey:
        """The description by which this instrument is ordered."""
        return cls(
            symbol=instrument.symbol,
            sec_type=SecType(instrument.sec_type),
            exchange=instrument.exchange,
            currency=instrument.currency,
            con_id=instrument.con_id or 0,
            legs=tuple(msgspec.convert(instrument.legs, list[Leg])),
        )

    @property
    def is_exact(self) -> bool:
        """Whether it can mean one contract only, so that a stored one that fits is the one that is meant."""
        if self.con_id or self.local_symbol or self.legs:
            return True
        if self.sec_type == SecType.OPT:
            told = (self.maturity, self.strike_price, self.put_or_call, self.trading_class)
            return all(part not in ("", None) for part in told) and len(self.maturity) == LAST_DAY
        return self.sec_type != SecType.FUT or len(self.maturity) == LAST_DAY

    def reference(self) -> InstrumentRef:
        """The same as messages to the broker name it."""
        return InstrumentRef(**{name: getattr(self, name) for name in self.__struct_fields__})


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Warnings that a person has read and takes responsibility for."""

    ids: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$", extra={"must_be": "the id of a warning"})], ...],
        Meta(min_length=1, max_length=50, description="Of the warnings that a preview or a refusal named."),
    ]
    reason: Annotated[
        str,
        Meta(
            pattern=r"^\S(?:[^\x00-\x1f]{0,498}\S)?$",
            description="Why, kept with the order.",
            extra={"must_be": "a reason of 1 to 500 characters"},
        ),
    ]


class Ticket(OrderTerms, frozen=True, kw_only=True, omit_defaults=True):
    """One order as asked for. Quantities and prices are finite Decimals; None means not given."""

    cl_ord_id: ClOrdId
    account: AccountCode
    instrument: InstrumentKey
    on_unconfirmed: Annotated[OnUnconfirmed, Meta(title="If unconfirmed")] = OnUnconfirmed.RESEND
    if_broker_down: Annotated[IfBrokerDown, Meta(title="If broker is down")] = IfBrokerDown.QUEUE
    if_backlog: Annotated[
        IfBacklog | None,
        Meta(
            title="If the queue is long",
            description="Where it would wait behind others for longer than it is fresh. Market orders are"
            " refused then if nothing is said, all others queue.",
        ),
    ] = None
    strategy: StrategyName = ""
    reduce_only: Annotated[
        bool,
        Meta(title="Reduce only", description="Refused where it could grow or turn the account's position."),
    ] = False
    #: Without it the order type has a default.
    max_age: Annotated[
        Decimal | None,
        Meta(title="Fresh for, seconds", extra={"at_most": MAX_AGE_LIMIT, "unit": "seconds"}),
    ] = None

    override: Annotated[
        Override | None, Meta(description="Needs the scope risk: places it in spite of these warnings.")
    ] = None

    @property
    def fresh_for(self) -> float:
        """For how many seconds it is fresh, as it says or as its type does."""
        return float(self.max_age) if self.max_age is not None else settings.MAX_AGE[self.ord_type]

    @property
    def backlog_policy(self) -> IfBacklog:
        """What it does where the queue is long: who wants the market now does not want it in a minute."""
        default = IfBacklog.REJECT if self.ord_type == OrdType.MARKET else IfBacklog.QUEUE
        return self.if_backlog or default

    def overrides(self, user: str) -> dict[str, str]:
        """By the id of each warning that is overridden, by whom and why."""
        given = self.override
        return {} if given is None else dict.fromkeys(given.ids, f"{user}: {given.reason}")

    def fingerprint(self) -> str:
        """SHA-256 of the meaning of the request: 10 and 10.0 are the same, another price is not.

        What is not given does not count, so a field that a later version adds changes no fingerprint.
        """
        return hashlib.sha256(msgspec.json.encode(_plain(self), order="sorted")).hexdigest()

    def special(self) -> dict[str, Any]:
        """The optional terms that are given, as JSON values."""
        given = {name: getattr(self, name) for name in ATTRIBUTE_FIELDS}
        plain: dict[str, Any] = msgspec.to_builtins(OrderAttributes(**given))
        return plain


def _plain(value: Any) -> Any:
    """JSON values with numbers in one form, without defaults, whether they were spelled out or not."""
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, msgspec.Struct):
        given = ((name, getattr(value, name), default) for name, default in defaults_of(type(value)).items())
        return {name: _plain(found) for name, found, default in given if found != default}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


@cache
def defaults_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The default of each field; NODEFAULT, which equals nothing, for one that is required."""
    return {field.name: field.default for field in msgspec.structs.fields(struct)}
