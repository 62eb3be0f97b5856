"""Broker sessions: link, gate and breaker as three facts, who holds the lease, what waits, what changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from brokers.admin import GatewaySessionAdmin
from brokers.display import link_mark
from brokers.models import GatewaySession
from orders import statistics
from orders.admin.accounts.broker_rows import replaces
from orders.admin.orders.order.actions import ActForm
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.mixins import OwnAccounts
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.gateways import sessions
from orders.desk.actions import once
from orders.models import (
    DeskAction,
    LostOrder,
    Order,
    OutboxCommand,
    ReconciliationRun,
    State,
)
from orders.store.states import read_states

OPERATE = "brokers.operate_session"
SHOWN = 50
Do = Callable[..., str]
ACTS: dict[str, tuple[DeskAction, Do]] = {
    "pause": (DeskAction.PAUSE, sessions.pause),
    "resume": (DeskAction.RESUME, sessions.resume),
    "release": (DeskAction.RELEASE, sessions.release),
    "reconcile": (DeskAction.RECONCILE, sessions.ask_for_comparison),
}


@replaces(GatewaySession)
class SessionAdmin(DetailPage, OwnAccounts, GatewaySessionAdmin):  # type: ignore[misc]
    """Sessions that carry the person's accounts."""

    account_path = "accounts"

    def row_view(self, request: HttpRequest, row: GatewaySession) -> HttpResponse:
        """One session."""
        context = {**page_context(row), "opts": self.opts, "key": uuid4()}
        if request.GET.get("live"):
            return TemplateResponse(request, "desk/session_live.html", context)
        return show(request, "desk/session.html", f"Session {row.name}", **context)


def page_context(session: GatewaySession) -> dict[str, Any]:
    """Everything that the page shows; a fixed number of queries."""
    now, states = timezone.now(), read_states()
    waiting = OutboxCommand.objects.filter(session=session, done_at=None).aggregate(
        count=Count("id"), oldest=Min("created_at")
    )
    sent = OutboxCommand.objects.filter(session=session, done_at__gt=now - timedelta(seconds=1)).count()
    orders = Order.objects.filter(session=session)
    window = settings.GATEWAY_CALENDARS[session.name].restart
    return {
        "session": session,
        "halted": states.halts_itself(session.name) is not None,
        "lost": LostOrder.objects.filter(session=session, decided_at=None).exists(),
        "mark": link_mark(session.link),
        "gate": statistics.why_shut(session, states, now),
        "lease_left": (session.lease_until - now).total_seconds() if session.lease_until else None,
        "waiting": waiting,
        "sent": sent,
        "pacing": settings.PACING_PER_SECOND,
        "flight": orders.filter(Q(state=State.SENT) | Q(state=State.UNCONFIRMED)).count(),
        "next_restart": window.next_begin(now) if window else None,
        "changes": list(session.link_changes.all()[:SHOWN]),
        "acts": list(session.actions.select_related("user")[:10]),
        "runs": list(ReconciliationRun.objects.filter(session=session)[:8]),
    }


@desk_page("brokers.view_gatewaysession", OPERATE)
@require_POST
def act(request: HttpRequest, name: str, act_name: str) -> HttpResponse:
    """Pause, resume or reconcile, with a reason, once per key."""
    if act_name not in ACTS:
        raise Http404
    action, do = ACTS[act_name]
    person = person_of(request)
    session = GatewaySession.objects.filter(name=name).first()
    if session is None:
        raise Http404
    form = ActForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        done = once(
            form.cleaned_data["key"],
            action,
            user=person,
            reason=reason,
            do=lambda actor: do(name, user=person, reason=reason),
            session=session,
        )
        messages.warning(request, done.outcome)
    else:
        messages.error(request, "Please give a reason; nothing was changed.")
    return HttpResponseRedirect(reverse("admin:brokers_gatewaysession_change", args=[name]), status=303)
