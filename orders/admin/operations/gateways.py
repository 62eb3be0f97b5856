"""A session's gateway: is somebody logged in, since when, what comes in the next days; its restart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from brokers.display import link_mark
from brokers.models import GatewaySession
from orders.access import accounts_of_person
from orders.admin.operations.sessions import OPERATE
from orders.admin.people.acts import who
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.gateways import gateway_watch
from orders.controls.gateways import restart as gateways
from orders.controls.gateways.sessions import require_own
from orders.controls.persons.people import NotAllowed
from orders.models import Alert, AuditRecord

SHOWN = 20


class RestartForm(forms.Form):
    """Why it is restarted."""

    reason = forms.CharField(
        max_length=500, label="Reason", error_messages={"required": "Please give a reason."}
    )


@desk_page("brokers.view_gatewaysession")
def page(request: HttpRequest, name: str) -> HttpResponse:
    """The gateway of one session; a POST restarts it."""
    mine = GatewaySession.objects.filter(name=name, accounts__in=accounts_of_person(person_of(request)))
    session = mine.distinct().first()
    if session is None:
        raise Http404
    form = RestartForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and request.user.has_perm(OPERATE) and form.is_valid():
        _restart(request, name, form.cleaned_data["reason"])
        return HttpResponseRedirect(request.path, status=303)
    context = page_context(session, timezone.now())
    return show(request, "desk/gateway.html", f"Gateway {name}", form=form, **context)


def _restart(request: HttpRequest, name: str, reason: str) -> None:
    try:
        require_own(name, accounts_of_person(person_of(request)))
        messages.warning(request, gateways.restart(name, who(request, reason=reason)))
    except (NotAllowed, gateways.GatewayNotRestarted) as error:
        messages.error(request, str(error))


def page_context(session: GatewaySession, now: datetime) -> dict[str, Any]:
    """Everything that the page shows; a fixed number of queries."""
    calendar = settings.GATEWAY_CALENDARS[session.name]
    subject = f"session:{session.name}"
    return {
        "session": session,
        "mark": link_mark(session.link),
        "config": settings.BROKER_SESSIONS.get(session.name),
        "controller": settings.GATEWAY_CONTROLS.get(session.name),
        "calendar": calendar,
        "login_ends": calendar.login.next(now) if calendar.login else None,
        "login_since": gateway_watch.login_since(session, now),
        "next_open": calendar.market.next_open(now) if calendar.market else None,
        "ahead": calendar.ahead(now)[:SHOWN],
        "alerts": list(Alert.objects.filter(session=session, cleared_at=None)[:SHOWN]),
        "changes": list(session.link_changes.all()[:SHOWN]),
        "restarts": list(
            AuditRecord.objects.filter(kind=gateways.KIND, subject=subject).order_by("-id")[:SHOWN]
        ),
    }
