"""Instruments: search what is known, resolve what is not, and preview orders in them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from brokers.fix import SecType
from brokers.formats import decimal_or_none, decimal_text, time_or_none
from brokers.messages import Preview
from brokers.models import Instrument
from orders import selectors
from orders.api import bodies
from orders.api.base import ApiView, answer
from orders.api.keys import takes_key
from orders.api.problems import invalid
from orders.api.queries import BIGGEST_ID, DEFAULT_LIMIT, page, paged, read_query
from orders.api.resources import instrument_document
from orders.api.schema import orders as schema
from orders.api.schema import shapes
from orders.api.views.orders import permitted
from orders.entry.preview import Previewed, preview_order
from orders.entry.reading.fields import Field, reader_of, text, whole, word
from orders.entry.reading.ticket import Currency
from orders.entry.resolution import resolve
from orders.errors import FieldError
from orders.models import Scope

FIELDS = {
    "q": Field(
        text(r"^[\x20-\x7e]{1,50}$", "1 to 50 ASCII characters"), description="Part of a symbol or a name."
    ),
    "sec_type": Field(word(SecType)),
    "currency": Field(reader_of(Currency)),
    **paged(whole(0, BIGGEST_ID)),
}


class KnownInstrument(shapes.InstrumentShape):
    """An instrument with the broker's rules for it, as of `resolved_at`."""

    id = serializers.IntegerField()
    long_name = serializers.CharField()
    primary_exchange = serializers.CharField()
    trading_class = serializers.CharField()
    multiplier = shapes.number()
    min_tick = shapes.number(allow_null=True)
    price_bands = serializers.ListField(help_text="[lower edge, price step from there upwards]")
    min_size = shapes.number()
    size_increment = shapes.number()
    order_types = serializers.ListField(child=serializers.CharField())
    exchanges = serializers.ListField(child=serializers.CharField())
    time_zone = serializers.CharField()
    trading_hours = serializers.ListField(help_text="[start, end], UTC")
    liquid_hours = serializers.ListField(help_text="[start, end], UTC")
    last_px = shapes.number(allow_null=True)
    last_px_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolve_error = serializers.CharField(allow_null=True)


class BrokerPreviewShape(serializers.Serializer[Any]):
    """What the broker says the order would do; null where it does not say."""

    init_margin_before = shapes.number(allow_null=True)
    init_margin_change = shapes.number(allow_null=True)
    init_margin_after = shapes.number(allow_null=True)
    maint_margin_before = shapes.number(allow_null=True)
    maint_margin_change = shapes.number(allow_null=True)
    maint_margin_after = shapes.number(allow_null=True)
    equity_before = shapes.number(allow_null=True)
    equity_change = shapes.number(allow_null=True)
    equity_after = shapes.number(allow_null=True)
    commission = shapes.number(allow_null=True)
    min_commission = shapes.number(allow_null=True)
    max_commission = shapes.number(allow_null=True)
    commission_currency = serializers.CharField()
    warning = serializers.CharField()


class PreviewShape(serializers.Serializer[Any]):
    """Our checks, and the broker's answer when they pass."""

    passed = serializers.BooleanField()
    checks = shapes.CheckShape(many=True)
    broker = BrokerPreviewShape(allow_null=True)


class Instruments(ApiView):
    """Instruments that are known."""

    has_query = True
    scopes = {"GET": Scope.READ, "POST": Scope.TRADE}

    @extend_schema(
        operation_id="list_instruments",
        parameters=schema.parameters(FIELDS),
        responses={200: schema.page_of("InstrumentPage", KnownInstrument), **schema.problems(400)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Search by symbol or name; newest first."""
        query = read_query(request.query_params, FIELDS)
        limit = query.pop("limit", DEFAULT_LIMIT)
        rows = selectors.instruments(**query)
        return page(request, rows, known_instrument, limit=limit, cursor=lambda row: row.pk)

    @extend_schema(
        operation_id="resolve_instrument",
        request=schema.json_body(bodies.RESOLVE_FIELDS),
        responses={
            200: OpenApiResponse(KnownInstrument, "Known, or resolved through the broker and stored."),
            **schema.problems(400, 409, 413, 415, 422),
        },
    )
    @takes_key
    def post(self, request: Request) -> HttpResponse:
        """Resolve a description; one that fits several contracts is refused with the candidates."""
        key, account = bodies.read_instrument(request.data)
        account = account or min(self.access.accounts, default="")
        if account not in self.access.accounts:
            raise unknown_account()
        return answer(known_instrument(resolve(key, account)))


class InstrumentDetail(ApiView):
    """One instrument."""

    @extend_schema(
        operation_id="read_instrument",
        responses={200: KnownInstrument, **schema.problems(404)},
    )
    def get(self, request: Request, instrument_id: int) -> HttpResponse:
        """The instrument with its rules."""
        return answer(known_instrument(selectors.instrument(instrument_id)))


class OrderPreview(ApiView):
    """What-if: margin, commission and checks of an order that is not placed."""

    acts = False
    scopes = {"POST": Scope.TRADE}

    @extend_schema(
        operation_id="preview_order",
        request=schema.json_body(bodies.PREVIEW_FIELDS),
        responses={200: PreviewShape, **schema.problems(400, 409, 413, 415, 422)},
    )
    @takes_key
    def post(self, request: Request) -> HttpResponse:
        """Check the order and ask the broker what it would do to the account."""
        ticket = permitted(self.access, bodies.read_preview(request.data))
        found = preview_order(ticket, client=self.access.user, received_at=self.received_at)
        return answer(preview_document(found))


def unknown_account() -> Exception:
    """The same for an account that is not the token's and for one that does not exist."""
    return invalid([FieldError("account", "UNKNOWN", "There is no such account.")])


def known_instrument(row: Instrument) -> dict[str, Any]:
    """An instrument with its rules and its age."""
    return {
        "id": row.pk,
        **instrument_document(row),
        "long_name": row.long_name,
        "primary_exchange": row.primary_exchange,
        "trading_class": row.trading_class,
        "multiplier": decimal_text(row.multiplier),
        "min_tick": decimal_or_none(row.min_tick),
        "price_bands": row.price_bands,
        "min_size": decimal_text(row.min_size),
        "size_increment": decimal_text(row.size_increment),
        "order_types": row.order_types,
        "exchanges": row.exchanges,
        "time_zone": row.time_zone,
        "trading_hours": row.trading_hours,
        "liquid_hours": row.liquid_hours,
        "last_px": decimal_or_none(row.last_px),
        "last_px_at": time_or_none(row.last_px_at),
        "resolved_at": time_or_none(row.resolved_at),
        "resolve_error": row.resolve_error or None,
    }


def preview_document(found: Previewed) -> dict[str, Any]:
    """Checks and the broker's answer."""
    broker = None
    if found.broker:
        said = {name: getattr(found.broker, name) for name in Preview.__struct_fields__}
        broker = {
            name: value if isinstance(value, str) else decimal_or_none(value) for name, value in said.items()
        }
    return {"passed": found.passed, "checks": found.checks, "broker": broker}
