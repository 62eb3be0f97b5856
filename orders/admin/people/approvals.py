"""What waits for a second person: the diff, who made it and why, and two buttons."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from brokers.postgres import clock
from orders.admin.people import step_up
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.persons import approvals
from orders.controls.persons.people import at_desk
from orders.errors import OrderError
from orders.models import Approval, ApprovalState

VIEW = "orders.view_approval"
HOW = {"approve": approvals.approve, "reject": approvals.reject}


class DecisionForm(forms.Form):
    """A decision has a reason."""

    reason = forms.CharField(max_length=500)


@desk_page(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """What waits first, then what was decided."""
    actor = at_desk(person_of(request))
    rows, now = approvals.visible(actor), clock.now()
    waiting = [row for row in rows if row.state_at(now) == ApprovalState.WAITING]
    return show(
        request,
        "desk/approvals.html",
        "Approvals",
        waiting=[(row, actor.made(row)) for row in waiting],
        decided=[(row, ApprovalState(row.state_at(now)).label) for row in rows if row not in waiting][:50],
        ask_again=step_up.to_ask(request),
        may_decide=request.user.has_perm("orders.decide_approval"),
    )


@desk_page(VIEW)
@require_POST
def decide(request: HttpRequest, approval_id: UUID, how: str) -> HttpResponse:
    """Approve or reject with a reason; who made it may only take it back."""
    if how not in HOW:
        raise Http404
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Please give a reason; nothing was changed.")
    elif how == "approve" and (refused := step_up.refusal(request)):
        messages.error(request, refused)
    else:
        try:
            done = HOW[how](
                approval_id, actor=at_desk(person_of(request)), reason=form.cleaned_data["reason"]
            )
            messages.success(request, f"{done.get_state_display()}: {done.title}. {done.outcome}")
        except Approval.DoesNotExist:
            raise Http404 from None
        except OrderError as error:
            messages.error(request, str(error))
    return HttpResponseRedirect(reverse("desk:approvals"), status=303)
