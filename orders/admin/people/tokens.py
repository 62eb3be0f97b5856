"""API tokens: made and shown once, named by their first characters, revoked; the digest is never shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from brokers.desk import ReadOnlyAdmin, moment
from brokers.models import BrokerAccount
from orders.access import accounts_of_person, read_networks
from orders.admin.people import step_up
from orders.admin.shared.pages import person_of
from orders.controls.halts.dead_man import LONGEST, SHORTEST
from orders.controls.persons.people import NotAllowed, at_desk
from orders.controls.persons.tokens import request_token, revoke_token
from orders.entry.reading.ticket_texts import TICKET_FIELDS
from orders.models import ApiToken, Scope


def actor(request: HttpRequest) -> str:
    """The person as tokens name their maker."""
    return f"desk:{request.user.get_username()}"


class TokenForm(forms.Form):
    """What a new token is for and what it may do."""

    username = forms.RegexField(r"^[\w.@+-]{1,150}$", label="API client", widget=UnfoldAdminTextInputWidget)
    name = forms.CharField(
        max_length=100, required=False, label="What for", widget=UnfoldAdminTextInputWidget
    )
    accounts = forms.ModelMultipleChoiceField(
        BrokerAccount.objects.all(), widget=forms.CheckboxSelectMultiple
    )
    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    strategy = forms.RegexField(
        TICKET_FIELDS["strategy"].schema["pattern"],
        required=False,
        label="Strategy of its orders (as each says if empty)",
        widget=UnfoldAdminTextInputWidget,
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=36_500,
        required=False,
        label="Days until it expires (TRADEDESK_TOKEN_DAYS if empty)",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    heartbeat = forms.IntegerField(
        min_value=SHORTEST,
        max_value=LONGEST,
        required=False,
        label="Seconds within which it must beat, or its orders are canceled (never if empty)",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    networks = forms.CharField(
        required=False,
        max_length=500,
        label="Addresses or networks that may use it, by commas (all if empty)",
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_networks(self) -> list[str]:
        """As a list."""
        try:
            return read_networks(self.cleaned_data["networks"])
        except ValueError as wrong:
            raise forms.ValidationError(str(wrong)) from None

    def offer(self, person: User) -> None:
        """The person's own accounts, and scopes no wider than what the person may do."""
        mine = BrokerAccount.objects.filter(pk__in=accounts_of_person(person))
        self.fields["accounts"].queryset = mine  # type: ignore[attr-defined]
        given = [(scope.value, scope.label) for scope in Scope if scope in at_desk(person).scopes]
        self.fields["scopes"].choices = given  # type: ignore[attr-defined]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens by their first characters. The key of a row is its digest, so no link is made with it."""

    list_display = ("token_key", "user", "name", "may", "opens", "made", "used", "ends", "revoke")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("token_key__startswith", "user__username", "name")
    ordering = ("-created",)
    actions = None
    list_after_template = "desk/post_form.html"  # type: ignore[assignment]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By the model's own permission."""
        return bool(request.user.has_perm("orders.add_apitoken"))

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the accounts."""
        return super().get_queryset(request).prefetch_related("accounts")

    def get_urls(self) -> list[URLPattern]:
        """The list, adding, revoking; no page of one token."""
        keep = ("orders_apitoken_changelist", "orders_apitoken_add")
        view = self.admin_site.admin_view(require_POST(self.revoke_view))
        revoke = path("<str:key>/revoke/", view, name="orders_apitoken_revoke")
        return [revoke, *(url for url in super().get_urls() if url.name in keep)]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form; the answer to a good one shows the token, once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForm(request.POST or None)
        form.offer(person_of(request))
        token = self.made_token(request, form) if form.is_valid() else ""
        context = {
            **self.admin_site.each_context(request),
            "title": "New API token",
            "opts": self.opts,
            "form": form,
            "token": token,
            "ask_again": step_up.to_ask(request),
        }
        return TemplateResponse(request, "desk/token.html", context)

    def made_token(self, request: HttpRequest, form: TokenForm) -> str:
        """Make the token and note who made it; what refuses it is shown in the form."""
        wanted = form.cleaned_data
        if refused := step_up.refusal(request):
            form.add_error(None, refused)
            return ""
        try:
            token, approval = request_token(
                wanted["username"],
                actor=at_desk(person_of(request)),
                accounts=list(wanted["accounts"]),
                scopes=wanted["scopes"],
                name=wanted["name"],
                lifetime=timedelta(days=wanted["days"]) if wanted["days"] else None,
                strategy=wanted["strategy"],
                networks=wanted["networks"],
                heartbeat=wanted["heartbeat"],
            )
        except NotAllowed as error:
            form.add_error(None, str(error))
            return ""
        if approval:
            messages.warning(request, "It opens nothing before a second person approves it.")
        self.log_addition(request, ApiToken.objects.get(token_key=token[:15]), "Made.")
        return token

    def revoke_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """End the token; within five seconds it opens nothing any more."""
        if not request.user.has_perm("orders.delete_apitoken"):
            raise PermissionDenied
        token = get_object_or_404(ApiToken, token_key=key)
        revoke_token(key, by=actor(request))
        self.log_change(request, token, "Revoked.")
        messages.success(request, f"Revoked {key}. It stops working within five seconds.")
        return HttpResponseRedirect(reverse("admin:orders_apitoken_changelist"), status=303)

    @admin.display(description="scopes")
    def may(self, token: ApiToken) -> str:
        """What it may do."""
        return ", ".join(token.scopes)

    @admin.display(description="accounts")
    def opens(self, token: ApiToken) -> str:
        """Accounts that exist for it."""
        return ", ".join(account.code for account in token.accounts.all()) or "none"

    @admin.display(description="made", ordering="created")
    def made(self, token: ApiToken) -> SafeString:
        """When it was made."""
        return moment(token.created)

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, token: ApiToken) -> SafeString:
        """To the minute."""
        return moment(token.last_used_at)

    @admin.display(description="expires", ordering="expiry")
    def ends(self, token: ApiToken) -> SafeString:
        """When it stops working by itself."""
        return moment(token.expiry)

    @admin.display(description="")
    def revoke(self, token: ApiToken) -> SafeString:
        """The button; desk.js asks before it posts."""
        if token.revoked_at:
            return moment(token.revoked_at)
        return format_html(
            '<button type="submit" class="desk-button" form="desk-post" formaction="{}" data-confirm="{}">'
            "Revoke</button>",
            reverse("admin:orders_apitoken_revoke", args=[token.token_key]),
            f"Revoke {token.token_key} of {token.user}? Its client is locked out within five seconds.",
        )
