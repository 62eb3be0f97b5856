"""Breaks: what our books and the broker's do not agree on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from brokers.display import NOTHING, moment
from orders.admin.operations.attention import AttentionAdmin, decide
from orders.admin.operations.break_links import traces_of
from orders.admin.operations.workbench import told
from orders.admin.shared.mixins import OwnAccountFilter
from orders.admin.shared.pages import desk_page, show
from orders.controls.books.break_files import files_of
from orders.controls.books.breaks import resolve as resolve_break
from orders.controls.persons.people import at_desk
from orders.models import Break, BreakCause
from orders.reconciliation import breaks

RESOLVE = "orders.resolve_break"
#: What both sides say under names of their own: ours, the broker's.
PAIRS = {"expected": "reported", "state": "status"}


@dataclass(frozen=True, kw_only=True)
class ComparedFact:
    """One fact as both sides have it; `difference` is the broker's less ours, empty where they agree."""

    name: str
    ours: str
    theirs: str
    difference: str


def evidence(ours: Mapping[str, str], broker: Mapping[str, str]) -> list[ComparedFact]:
    """The facts of a break in one row each: those that differ first, what one side alone has last."""
    both = [(name, PAIRS.get(name, name)) for name in ours if PAIRS.get(name, name) in broker]
    rows = [
        ComparedFact(
            name=mine if mine == other else f"{mine} / {other}",
            ours=ours[mine],
            theirs=broker[other],
            difference=difference(ours[mine], broker[other]),
        )
        for mine, other in both
    ]
    paired = {name for pair in both for name in pair}
    rows.sort(key=lambda row: (not row.difference, row.name))
    rows += [
        ComparedFact(name=n, ours=ours[n], theirs=NOTHING, difference="") for n in ours if n not in paired
    ]
    return rows + [
        ComparedFact(name=n, ours=NOTHING, theirs=broker[n], difference="") for n in broker if n not in paired
    ]


def difference(ours: str, theirs: str) -> str:
    """The broker's figure less ours, with its sign; a word for other texts, empty when they are the same."""
    if ours == theirs:
        return ""
    try:
        return f"{Decimal(theirs) - Decimal(ours):+f}"
    except InvalidOperation:
        return "differs"


@admin.register(Break)
class BreakAdmin(AttentionAdmin):
    """Breaks, newest first; one without a time under "closed" is open."""

    list_display = (
        "first",
        "kind",
        "text",
        "account",
        "order",
        "last",
        "times",
        "owner",
        "closed",
        "closed_by",
    )
    list_select_related = ("account", "order", "owner")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
        ("account", OwnAccountFilter),
        ("closed_at", admin.EmptyFieldListFilter),
    )

    def row_view(self, request: HttpRequest, row: Break) -> HttpResponse:
        """Both sides' evidence, what people said, and what can be done."""
        return show(
            request,
            "desk/break.html",
            f"{row.get_kind_display()} break",
            row=row,
            sides=evidence(row.ours, row.broker),
            notes=list(row.notes.all()),
            traces=traces_of(row),
            files=files_of(row),
            causes=BreakCause.choices,
            may_decide=request.user.has_perm(RESOLVE) and row.closed_at is None,
        )

    @admin.display(description="first seen", ordering="first_seen")
    def first(self, row: Break) -> SafeString:
        """When a comparison first showed it (UTC)."""
        return moment(row.first_seen)

    @admin.display(description="last seen", ordering="last_seen")
    def last(self, row: Break) -> SafeString:
        """When a comparison last showed it (UTC)."""
        return moment(row.last_seen)

    @admin.display(description="closed")
    def closed(self, row: Break) -> SafeString:
        """When it was closed (UTC)."""
        return moment(row.closed_at)


def take(row: Break, user: User, text: str) -> str:
    """Become its owner."""
    breaks.own_break(row.pk, user=user)
    return "It is yours."


def note(row: Break, user: User, text: str) -> str:
    """Say something about it."""
    breaks.note_break(row.pk, user=user, text=text)
    return "Noted."


def resolve(row: Break, user: User, text: str, cause: str = "", ticket: str = "") -> str:
    """Accept the difference and say why; orders and executions stay as they are."""
    if cause and cause not in BreakCause:
        raise ValueError("Choose a cause from the list.")
    return told(resolve_break([row.pk], actor=at_desk(user), reason=text, cause=cause, ticket=ticket[:60]))


ACTS: dict[str, Callable[..., str]] = {"take": take, "note": note, "resolve": resolve}


@desk_page("orders.view_break", RESOLVE)
@require_POST
def act(request: HttpRequest, break_id: int, act_name: str) -> HttpResponse:
    """What a person decides about a break, through the service that the API uses."""
    if act_name not in ACTS:
        raise Http404
    said = request.POST
    more = {"cause": said.get("cause", ""), "ticket": said.get("ticket", "")} if act_name == "resolve" else {}
    return decide(request, Break, break_id, partial(ACTS[act_name], **more))
