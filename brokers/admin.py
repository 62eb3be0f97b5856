"""What the broker told us, for the desk to look at."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter, RelatedDropdownFilter

from brokers.desk import NOTHING, LongListAdmin, ReadOnlyAdmin, moment, number, raw
from brokers.display import link_mark, price
from brokers.models import AccountValue, BrokerAccount, GatewaySession, InboxMessage, Instrument


@admin.register(GatewaySession)
class GatewaySessionAdmin(ReadOnlyAdmin):
    """Link, lease and numbers of each broker session: three separate facts."""

    list_display = (
        "name",
        "shown_link",
        "link_reason",
        "breaker",
        "heartbeat",
        "reconciled",
        "lease",
        "next_id",
    )
    fields = (
        ("name", "client_id"),
        ("shown_link", "link_reason", "changed", "breaker"),
        ("connected", "reconciled", "heartbeat"),
        ("lease_owner", "lease", "lease_epoch"),
        "next_id",
    )

    @admin.display(description="link", ordering="link")
    def shown_link(self, session: GatewaySession) -> SafeString:
        """How far the way to the broker is open."""
        return link_mark(session.link)

    @admin.display(description="link since", ordering="link_changed_at")
    def changed(self, session: GatewaySession) -> SafeString:
        """When the link last changed."""
        return moment(session.link_changed_at)

    @admin.display(description="connected at")
    def connected(self, session: GatewaySession) -> SafeString:
        """When the present connection was made."""
        return moment(session.connected_at)

    @admin.display(description="reconciled at", ordering="reconciled_at")
    def reconciled(self, session: GatewaySession) -> SafeString:
        """When it was last compared with the broker."""
        return moment(session.reconciled_at)

    @admin.display(description="worker last heard of", ordering="heartbeat_at")
    def heartbeat(self, session: GatewaySession) -> SafeString:
        """When its worker was last heard of."""
        return moment(session.heartbeat_at)

    @admin.display(description="lease")
    def lease(self, session: GatewaySession) -> str:
        """Who may send, and for how long."""
        if session.lease_until is None:
            return "nobody has held it yet"
        left = (session.lease_until - timezone.now()).total_seconds()
        return f"{session.lease_owner}, {left:.1f} s left" if left > 0 else f"ran out {-left:.0f} s ago"

    @admin.display(description="next broker order id", ordering="next_broker_order_id")
    def next_id(self, session: GatewaySession) -> SafeString:
        """The high-water mark."""
        return number(session.next_broker_order_id)


@admin.register(BrokerAccount)
class BrokerAccountAdmin(ReadOnlyAdmin):
    """Accounts and the session that carries each."""

    list_display = ("code", "session", "compared_since")
    list_select_related = ("session",)

    @admin.display(description="compared since", ordering="baseline_at")
    def compared_since(self, account: BrokerAccount) -> SafeString:
        """Where our comparison with the broker begins."""
        return moment(account.baseline_at)


class DescriptionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new instrument as the desk describes it."""

    def clean(self) -> dict[str, Any]:
        """The same description again is refused: the form shows only a part of the constraint's fields."""
        described: dict[str, Any] = super().clean() or {}
        if self.instance.pk is None and Instrument.objects.listed().filter(**described).exists():
            raise forms.ValidationError("There is an instrument of this description.")
        return described


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    """Instruments. The desk describes a new one; everything else is the broker's."""

    list_display = ("__str__", "long_name", "con_id", "tick", "price", "priced", "resolved", "resolve_error")
    search_fields = ("symbol", "long_name")
    list_filter = (("sec_type", ChoicesDropdownFilter), "currency")

    DESCRIPTION: ClassVar = (
        *("symbol", "sec_type", "exchange", "currency"),
        *("maturity", "strike_price", "put_or_call", "trading_class", "local_symbol"),
    )
    form = DescriptionForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By the model's own permission."""
        return bool(request.user.has_perm("brokers.add_instrument"))

    def get_fields(self, request: HttpRequest, obj: Instrument | None = None) -> Any:
        """A new one is only described."""
        return self.DESCRIPTION if obj is None else super().get_fields(request, obj)

    @admin.display(description="tick")
    def tick(self, instrument: Instrument) -> SafeString:
        """The smallest price step."""
        return price(instrument.min_tick, instrument)

    @admin.display(description="last price")
    def price(self, instrument: Instrument) -> SafeString:
        """The last known price."""
        return price(instrument.last_px, instrument)

    @admin.display(description="price at")
    def priced(self, instrument: Instrument) -> SafeString:
        """When that price was seen."""
        return moment(instrument.last_px_at)

    @admin.display(description="resolved at")
    def resolved(self, instrument: Instrument) -> SafeString:
        """When the broker said which contract it is."""
        return moment(instrument.resolved_at)


class InboxStatusFilter(admin.SimpleListFilter):
    """What became of a message."""

    title = "status"
    parameter_name = "status"
    CONDITIONS: ClassVar = {
        "error": Q(applied_at=None) & ~Q(error=""),
        "waiting": Q(applied_at=None, error=""),
        "applied": Q(applied_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three states of a message."""
        return [(name, name) for name in self.CONDITIONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[InboxMessage]) -> QuerySet[InboxMessage]:
        """Messages in the chosen state."""
        return queryset.filter(self.CONDITIONS.get(self.value() or "", Q()))


@admin.register(InboxMessage)
class InboxMessageAdmin(LongListAdmin):
    """Every callback of the broker, raw and decoded, and why one could not be applied."""

    list_display = ("id", "received", "session", "kind", "status", "attempts", "dedup_key", "short_error")
    list_filter = (InboxStatusFilter, ("kind", FieldTextFilter), ("session", RelatedDropdownFilter))
    list_select_related = ("session",)
    search_fields = ("dedup_key__startswith",)
    fields = (
        ("session", "kind", "status"),
        "dedup_key",
        ("received", "recorded", "applied"),
        ("attempts", "retry_at"),
        "error",
        "decoded",
        "as_received",
    )

    @admin.display(description="received", ordering="received_at")
    def received(self, message: InboxMessage) -> SafeString:
        """When the callback arrived."""
        return moment(message.received_at, "milliseconds")

    @admin.display(description="recorded")
    def recorded(self, message: InboxMessage) -> SafeString:
        """When it was written."""
        return moment(message.recorded_at, "milliseconds")

    @admin.display(description="applied")
    def applied(self, message: InboxMessage) -> SafeString:
        """When it took effect on an order."""
        return moment(message.applied_at, "milliseconds")

    @admin.display(description="status")
    def status(self, message: InboxMessage) -> SafeString:
        """Applied, waiting or failing."""
        if message.applied_at:
            return format_html('<span class="state over">✓ applied</span>')
        family, text = ("bad", "✕ error") if message.error else ("alive", "◔ waiting")
        return format_html('<span class="state {}">{}</span>', family, text)

    @admin.display(description="error")
    def short_error(self, message: InboxMessage) -> str:
        """The first line of the error."""
        return message.error.splitlines()[-1][:120] if message.error else NOTHING

    @admin.display(description="decoded")
    def decoded(self, message: InboxMessage) -> SafeString:
        """What it means."""
        return raw(message.event)

    @admin.display(description="raw")
    def as_received(self, message: InboxMessage) -> SafeString:
        """What the broker sent."""
        return raw(message.raw)


@admin.register(AccountValue)
class AccountValueAdmin(ReadOnlyAdmin):
    """Account values as the broker reports them."""

    list_display = ("account", "key", "shown_value", "currency", "reported")
    list_select_related = ("account",)
    list_filter = (("account", RelatedDropdownFilter), ("key", FieldTextFilter))

    @admin.display(description="value")
    def shown_value(self, value: AccountValue) -> SafeString:
        """Text: not every value is a number."""
        try:
            return number(Decimal(value.value), 2)
        except InvalidOperation:
            return format_html('<span class="num">{}</span>', value.value)

    @admin.display(description="as of", ordering="reported_at")
    def reported(self, value: AccountValue) -> SafeString:
        """When the broker reported it."""
        return moment(value.reported_at)
