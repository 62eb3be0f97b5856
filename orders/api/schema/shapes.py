"""What answers look like, for their description: resources.py writes them."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from brokers.fix import OrdStatus, SecType, Side
from brokers.order_attributes import Algo, Allocation, OrderAttributes, TradingCondition
from orders.entry.reading.fields import Field, fields_of
from orders.entry.reading.ticket import TicketLeg
from orders.models import (
    EventKind,
    IfBacklog,
    IfBrokerDown,
    OnUnconfirmed,
    RequestKind,
    RequestState,
    Source,
    State,
)
from orders.selectors import STEPS


def choice(words: Any, **options: Any) -> serializers.ChoiceField:
    """One word of an enumeration."""
    choices = getattr(words, "choices", None) or [(word.value, word.value) for word in words]
    return serializers.ChoiceField(choices=choices, **options)


def number(**options: Any) -> serializers.DecimalField:
    """A decimal; a string in answers, a string or a number in requests."""
    return serializers.DecimalField(max_digits=28, decimal_places=10, **options)


def described(field: Field, **options: Any) -> serializers.Field[Any, Any, Any, Any]:
    """A field of an order's schema as an answer shows it; lists and objects are declared by hand."""
    options |= {"help_text": field.description} if field.description else {}
    match field.schema:
        case {"enum": words}:
            return serializers.ChoiceField(choices=[(word, word) for word in words], **options)
        case {"format": "date-time"}:
            return serializers.DateTimeField(**options)
        case {"type": "integer"}:
            return serializers.IntegerField(**options)
        case {"type": "boolean"}:
            return serializers.BooleanField(**options)
        case {"type": "string"}:
            return serializers.CharField(**options)
    return number(**options)


class StructShape(serializers.Serializer[Any]):
    """An answer with the fields of a struct; members of it that are objects are declared one by one."""

    struct: ClassVar[type[msgspec.Struct]]

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those of the struct, then those declared."""
        declared = super().get_fields()
        own = {name: field for name, field in fields_of(self.struct).items() if name not in declared}
        return {**{name: described(field, **self.options(field)) for name, field in own.items()}, **declared}

    def options(self, field: Field) -> dict[str, Any]:
        """What is always there, what is not, and what it is then."""
        if field.required:
            return {}
        return (
            {"default": str(field.default)}
            if field.default and "enum" in field.schema
            else {"required": False}
        )


class LegShape(StructShape):
    """One leg of a combination."""

    struct = TicketLeg


class InstrumentShape(serializers.Serializer[Any]):
    """The description by which an instrument is ordered."""

    symbol = serializers.CharField(max_length=32)
    sec_type = choice(SecType, default="STK")
    exchange = serializers.CharField(max_length=16, default="SMART")
    currency = serializers.CharField(max_length=3, default="USD")
    con_id = serializers.IntegerField(allow_null=True, help_text="The broker's own number.")
    maturity = serializers.CharField(allow_null=True, help_text="Last trading day, YYYYMMDD.")
    strike_price = number(allow_null=True)
    put_or_call = serializers.ChoiceField(["PUT", "CALL"], allow_null=True)
    local_symbol = serializers.CharField(allow_null=True)
    legs = LegShape(many=True, allow_null=True)


class ConditionShape(StructShape):
    """One condition; which fields a kind has: docs/order-kinds.md."""

    struct = TradingCondition


class AlgoShape(StructShape):
    """One of the broker's algorithms; which parameters it has: docs/order-kinds.md."""

    struct = Algo


class AllocationShape(StructShape):
    """The accounts of an advisor that share an order, and how."""

    struct = Allocation


class ShareShape(serializers.Serializer[Any]):
    """What one account has of a group order."""

    account = serializers.CharField()
    cum_qty = number()
    avg_px = number()
    commission = number(allow_null=True, help_text="Null while the broker has not told all of it.")
    commission_currency = serializers.CharField(allow_null=True)


class AttributesShape(StructShape):
    """Optional terms of an order: null where not given."""

    struct = OrderAttributes
    conditions = ConditionShape(many=True, required=False, allow_null=True)
    algo = AlgoShape(required=False, allow_null=True)
    allocation = AllocationShape(required=False, allow_null=True)

    def options(self, field: Field) -> dict[str, Any]:
        """All are shown, and null stands for "not given"."""
        return {"required": False, "allow_null": True}


class TermsShape(serializers.Serializer[Any]):
    """The terms that a replace asks for."""

    order_qty = number()
    price = number(allow_null=True)
    stop_px = number(allow_null=True)
    time_in_force = serializers.CharField()


class ReasonShape(serializers.Serializer[Any]):
    """Why something was refused or given up."""

    code = serializers.CharField()
    text = serializers.CharField()


class ReasonEntryShape(ReasonShape):
    """An entry of the registry of reasons."""

    retryable = serializers.BooleanField(help_text="Whether sending the same again can help.")
    desk = serializers.CharField(help_text="What a person at the desk does about it.")


class RequestShape(serializers.Serializer[Any]):
    """A request to cancel or replace an order."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    kind = choice(RequestKind)
    cl_ord_id = serializers.CharField()
    orig_cl_ord_id = serializers.CharField()
    replaced_by = serializers.CharField(allow_null=True)
    state = choice(RequestState)
    terms = TermsShape(allow_null=True)
    reason = ReasonShape(allow_null=True)
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)


class OrderShape(AttributesShape):
    """An order."""

    id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    current_cl_ord_id = serializers.CharField()
    replaced_by = serializers.CharField(allow_null=True)
    order_ref = serializers.CharField()
    account = serializers.CharField()
    instrument = InstrumentShape()
    side = choice(Side)
    order_qty = number()
    ord_type = serializers.CharField()
    price = number(allow_null=True)
    stop_px = number(allow_null=True)
    time_in_force = serializers.CharField()
    state = choice(State)
    ord_status = choice(OrdStatus)
    cum_qty = number()
    leaves_qty = number()
    avg_px = number()
    day_order_qty = number(help_text="Ordered, less what was executed on earlier trading days.")
    day_cum_qty = number(help_text="Executed on the trading day: today's, or the order's last.")
    day_avg_px = number()
    reason = ReasonShape(allow_null=True)
    perm_id = serializers.IntegerField(allow_null=True)
    broker_order_id = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField()
    parent_id = serializers.UUIDField(allow_null=True, help_text="The sliced order that it is a slice of.")
    group_id = serializers.UUIDField(allow_null=True)
    source = choice(Source)  # type: ignore[assignment]
    on_unconfirmed = choice(OnUnconfirmed)
    if_broker_down = choice(IfBrokerDown)
    if_backlog = choice(IfBacklog)
    strategy = serializers.CharField(allow_null=True)
    reduce_only = serializers.BooleanField()
    approval_id = serializers.UUIDField(
        required=False, help_text="Only of an order that needs a second person: its approval."
    )
    awaits_approval = serializers.BooleanField(
        required=False, help_text="With approval_id: true until it is approved; nothing is sent before."
    )
    overfilled = serializers.BooleanField()
    commission_missing = serializers.BooleanField()
    shares = ShareShape(
        many=True, required=False, help_text="Only of one order by itself that a group of accounts shares."
    )
    shared_qty = number(required=False, help_text="With shares: their sum, cum_qty once all are told.")
    requests = RequestShape(many=True)
    timestamps = inline_serializer(
        "Timestamps", {step: serializers.DateTimeField(allow_null=True) for step in STEPS}
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """In the order of the answer: the optional terms follow those of every order."""
        fields = super().get_fields()
        own = [name for name in self._declared_fields if name not in AttributesShape().fields]
        terms = own[: own.index("time_in_force") + 1]
        return {**{name: fields[name] for name in terms}, **fields}


class EventShape(serializers.Serializer[Any]):
    """One thing that happened to an order."""

    order_id = serializers.UUIDField()
    version = serializers.IntegerField()
    kind = choice(EventKind)
    from_state = serializers.CharField()
    to_state = choice(State)
    cum_qty = number()
    avg_px = number()
    actor = serializers.CharField()
    text = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()


class ExecutionShape(serializers.Serializer[Any]):
    """One execution."""

    id = serializers.IntegerField()
    exec_id = serializers.CharField()
    superseded = serializers.BooleanField(help_text="A correction has replaced it: it no longer counts.")
    order_id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    order_ref = serializers.CharField()
    account = serializers.CharField()
    instrument = InstrumentShape()
    side = choice(Side)
    last_qty = number()
    last_px = number()
    venue = serializers.CharField()
    liquidity = serializers.CharField()
    transact_time = serializers.DateTimeField()
    trade_date = serializers.DateField(allow_null=True, help_text="The trading day of its time.")
    commission = number(allow_null=True)
    commission_currency = serializers.CharField()
    realized_pnl = number(allow_null=True)
    received_at = serializers.DateTimeField()


class PositionShape(serializers.Serializer[Any]):
    """A position as the broker reports it."""

    account = serializers.CharField()
    symbol = serializers.CharField()
    sec_type = serializers.CharField()
    currency = serializers.CharField()
    position_qty = number()
    avg_cost = number(allow_null=True)
    baseline_qty = number(help_text="What was there where our comparison begins.")
    reported_at = serializers.DateTimeField()


class AccountValueShape(serializers.Serializer[Any]):
    """An account value as the broker reports it."""

    account = serializers.CharField()
    key = serializers.CharField()
    currency = serializers.CharField()
    value = serializers.CharField()
    reported_at = serializers.DateTimeField()


class LimitShape(serializers.Serializer[Any]):
    """One limit and what is used of it."""

    field = serializers.CharField()
    scope = serializers.ChoiceField(["order", "account", "firm", "strategy", "user"])
    limit = serializers.CharField(allow_null=True, help_text="null: the rule is off.")
    used = serializers.CharField(
        allow_null=True,
        help_text="Of positions, the largest that any contract can reach if all that works is filled. "
        "null: asked order by order.",
    )


class AccountLimitsShape(serializers.Serializer[Any]):
    """What a scope may do, and does now; `account` is null for one that goes across accounts."""

    scope = serializers.CharField(help_text="firm, account:X, strategy:X or user:X.")
    account = serializers.CharField(allow_null=True)
    any_instrument = serializers.BooleanField(allow_null=True)
    instruments = serializers.IntegerField(allow_null=True, help_text="How many are listed as allowed.")
    limits = LimitShape(many=True)


class SessionShape(serializers.Serializer[Any]):
    """A broker session and the state of its link."""

    name = serializers.CharField()
    accounts = serializers.ListField(child=serializers.CharField())
    link = serializers.CharField()
    link_reason = serializers.CharField()
    state = serializers.ChoiceField(choices=["ACTIVE", "HALTED"])
    state_reason = serializers.CharField(allow_blank=True)
    breaker = serializers.CharField()
    server_version = serializers.IntegerField(
        allow_null=True,
        help_text="The version of the broker's protocol that is spoken; null while there is no connection.",
    )
    link_changed_at = serializers.DateTimeField(allow_null=True)
    connected_at = serializers.DateTimeField(allow_null=True)
    reconciled_at = serializers.DateTimeField(allow_null=True)
    heartbeat_at = serializers.DateTimeField(allow_null=True)


class FieldErrorShape(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = FieldErrorShape(many=True, required=False)  # type: ignore[assignment]
    candidates = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="The contracts that fit, if several do."
    )


class CheckShape(serializers.Serializer[Any]):
    """One check: value against limit."""

    check = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.CharField()
    limit = serializers.CharField()
    code = serializers.CharField()
    scope = serializers.CharField(required=False, help_text="Whose limit it is.")
    id = serializers.CharField(
        required=False, help_text="Of a warning, which an override may name; empty: it cannot be overridden."
    )
    overridden = serializers.CharField(required=False, help_text="By whom and why it was overridden.")


class RefusedShape(ProblemShape):
    """An order that a check refused, recorded as REJECTED."""

    report = CheckShape(many=True, required=False)
    order = OrderShape(required=False)


class RefusedRequestShape(ProblemShape):
    """A replace that a check refused, recorded as REFUSED."""

    report = CheckShape(many=True, required=False)
    request = RequestShape(required=False)


def columns(shape: type[serializers.Serializer[Any]]) -> list[str]:
    """Names of the members of an answer, those of an object inside it with a dot; lists are left out."""
    found: list[str] = []
    for name, field in shape().fields.items():
        if isinstance(field, serializers.Serializer):
            found += [f"{name}.{inner}" for inner in columns(type(field))]
        elif not isinstance(field, serializers.ListSerializer | serializers.DictField):
            found.append(name)
    return found


def members(shape: type[serializers.Serializer[Any]]) -> list[str]:
    """Names of the members of an answer."""
    return list(shape().fields)
