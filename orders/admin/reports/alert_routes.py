"""Where alerts go: routes, mutes, channels with a test button, and what became of the last notices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from brokers.postgres import clock
from orders.admin.shared.pages import desk_page, person_of, show
from orders.admin.shared.timezones import UtcField
from orders.models import AlertKind, AlertMute, AlertNotice, AlertRoute
from orders.notify import routes

VIEW = "orders.view_alertroute"
SHOWN = 50


class RouteForm(forms.ModelForm):  # type: ignore[type-arg] # Django has no such parameter
    """A route; its channels are names of the setting."""

    kinds = forms.MultipleChoiceField(choices=AlertKind.choices, required=False)
    channel = forms.ChoiceField()
    escalate_to = forms.ChoiceField(required=False)

    class Meta:
        model = AlertRoute
        fields = ("name", "kinds", "severity", "channel", "escalate_to", "escalate_after", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names: Any = [(name, name) for name in settings.ALERT_CHANNELS]
        self.fields["channel"].choices = names  # type: ignore[attr-defined]
        self.fields["escalate_to"].choices = [("", "-"), *names]  # type: ignore[attr-defined]


class MuteForm(forms.ModelForm):  # type: ignore[type-arg]
    """A mute with its reason."""

    kind = forms.ChoiceField(choices=[("", "All kinds"), *AlertKind.choices], required=False)
    starts_at = UtcField(label="from (UTC)")
    ends_at = UtcField(label="until (UTC)")

    class Meta:
        model = AlertMute
        fields = ("kind", "starts_at", "ends_at", "reason")


@desk_page(VIEW)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """All of it."""
    return show(
        request,
        "desk/alert_routes.html",
        "Alert routes",
        routes=AlertRoute.objects.all(),
        mutes=AlertMute.objects.filter(ends_at__gt=clock.now()),
        channels=list(settings.ALERT_CHANNELS),
        notices=AlertNotice.objects.select_related("alert", "route")[:SHOWN],
        route_form=RouteForm(),
        mute_form=MuteForm(),
        may_change=request.user.has_perm("orders.change_alertroute"),
    )


@desk_page(VIEW)
@require_POST
def change(request: HttpRequest, what: str) -> HttpResponse:
    """Add a route or a mute, end one, or try a channel."""
    if not request.user.has_perm("orders.change_alertroute"):
        raise PermissionDenied
    if what not in CHANGES:
        raise Http404
    CHANGES[what](request)
    return HttpResponseRedirect(reverse("desk:alert_routes"), status=303)


def add_route(request: HttpRequest) -> None:
    """A new route takes alerts from now on."""
    save(request, RouteForm(request.POST))


def add_mute(request: HttpRequest) -> None:
    """A mute is its maker's act."""
    save(request, MuteForm(request.POST, instance=AlertMute(made_by=person_of(request).get_username())))


def save(request: HttpRequest, form: forms.BaseModelForm[Any]) -> None:
    """Store what a form says, or say what is wrong with it."""
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
    else:
        wrong = "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in form.errors.items())
        messages.error(request, f"Nothing was changed. {wrong}")


def end_route(request: HttpRequest) -> None:
    """A route that is over sends nothing more; what it sent stays."""
    AlertRoute.objects.filter(pk=number(request)).update(active=False)


def end_mute(request: HttpRequest) -> None:
    """A mute that ends now; one that has not begun never will."""
    now, mine = clock.now(), AlertMute.objects.filter(pk=number(request))
    mine.filter(starts_at__gte=now).delete()
    mine.filter(starts_at__lt=now, ends_at__gt=now).update(ends_at=now)


def try_channel(request: HttpRequest) -> None:
    """Send a test to a channel at once, and say what came of it."""
    name = request.POST.get("channel", "")
    text = f"{person_of(request).get_username()} tries this channel."
    error = routes.send(name, "Test: Tradedesk", text)
    if error:
        messages.error(request, error)
    else:
        messages.success(request, f"{name} took it.")


def number(request: HttpRequest) -> int:
    """The row that is meant; 0 for none."""
    text = request.POST.get("id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


CHANGES = {
    "route": add_route,
    "mute": add_mute,
    "end-route": end_route,
    "end-mute": end_mute,
    "test": try_channel,
}
