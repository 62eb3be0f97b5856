"""The dead man's switch of a token: who does not beat in time has its working orders canceled.

IB has nothing of the kind: no cancel on disconnect, no timer. So it is work recorded here: when the next beat
is due is in the token's row, and the sweep of whichever worker holds a session looks there. Nothing of it is
in Redis or in a process. While a token is silent its orders are looked for each second, so that one which was
on its way in when the time was over is canceled as well.

An order does not say by which token it came, and outlives a token that is rotated: what is canceled is all
that the token's client has in the token's accounts, of the token's strategy where it has one.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from brokers.models import BrokerAccount
from brokers.postgres import clock
from orders.entry.cancel import cancel_order
from orders.entry.slicer import cancel_sliced
from orders.errors import OrderError
from orders.models import ALIVE, OPEN_REQUESTS, SLICING, AlertKind, ApiToken, Order, RequestKind, SlicedOrder
from orders.notify.alerts import clear_alert, raise_alert

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 5, 86_400  # seconds; a process remembers for five what a token may do
AT_ONCE = 200  # cancels asked for in a round
ACTOR = "dead man"


class BeatInvalid(OrderError):
    """The span is not one that this token may have."""

    code = "INVALID"


@transaction.atomic
def beat(token_key: str, *, within: int | None = None) -> ApiToken:
    """The client lives, and will say so again `within` seconds: else as it said before, or as its maker did.

    0 ends it, unless the maker of the token named a span. A beat with a token that was rotated counts for its
    successor. Raises BeatInvalid for more than the maker named.
    """
    token: ApiToken = ApiToken.objects.select_for_update(of=("self",)).get(token_key=token_key)
    if token.successor_id:
        token = ApiToken.objects.select_for_update(of=("self",)).get(pk=token.successor_id)
    named = token.heartbeat_s
    if named and within is not None and not 0 < within <= named:
        raise BeatInvalid(f"This token must beat every {named} seconds at least; that was set with it.")
    span = (within if within is not None else token.beat_within) or named
    was_silent = token.silent_since is not None
    token.beat_within, token.silent_since = span, None
    token.due_at = clock.now() + timedelta(seconds=span) if span else None
    token.save(update_fields=["beat_within", "due_at", "silent_since"])
    if was_silent:
        for session in _sessions(token):
            clear_alert(AlertKind.DEAD_MAN, session=session, subject=token.token_key, by=ACTOR)
    return token


def is_alive(token_key: str) -> bool:
    """Whether a token that has to beat has done so in time; one that was rotated lives by its successor."""
    token = ApiToken.objects.only("pk", "successor").get(token_key=token_key)
    return ApiToken.objects.filter(pk=token.successor_id or token.pk, due_at__gt=clock.now()).exists()


def cancel_for_silent(session: str) -> int:
    """Cancel in this session what silent tokens have working there; how many cancels were asked for."""
    asked = 0
    silent = ApiToken.objects.filter(due_at__lte=clock.now(), accounts__session=session)
    for token in silent.select_related("user").distinct().order_by("pk"):
        if _fire(token, session):
            asked += _cancel(token, session)
            _rest_when_over(token)
    return asked


def _rest_when_over(token: ApiToken) -> None:
    """A token that is over beats never again: once nothing of it works, its client's other tokens go on."""
    over = token.revoked_at or (token.expiry and token.expiry <= clock.now())
    if over and not any(_open_orders(token, session).exists() for session in _sessions(token)):
        ApiToken.objects.filter(pk=token.pk).update(due_at=None)


def _fire(token: ApiToken, session: str) -> bool:
    """Note since when it is silent, and tell; False where it has beaten meanwhile."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update(of=("self",)).get(pk=token.pk)
        if row.due_at is None or row.due_at > clock.now():
            return False
        if row.silent_since is None:
            row.silent_since = clock.now()
            row.save(update_fields=["silent_since"])
            text = (
                f"{token.user} does not beat ({token.token_key}): its orders are canceled, new ones refused."
            )
            for name in _sessions(token):
                raise_alert(AlertKind.DEAD_MAN, session=name, subject=token.token_key, text=text)
    return True


def _cancel(token: ApiToken, session: str) -> int:
    """Ask for the cancel of all that is alive, slices first so that no more come."""
    asked = 0
    for parent in SlicedOrder.objects.filter(_of(token, session), state__in=SLICING).exclude(state="ENDING"):
        if token.strategy and parent.ticket.get("strategy") != token.strategy:
            continue
        cancel_sliced(parent.pk, actor=ACTOR, at=clock.now())
        asked += 1
    for order in _open_orders(token, session)[:AT_ONCE]:
        try:
            cancel_order(order.pk, actor=ACTOR, at=clock.now())
            asked += 1
        except OrderError as error:
            log.warning(
                "not canceled for a silent token", extra={"order": str(order.pk), "error": str(error)}
            )
    return asked


def _open_orders(token: ApiToken, session: str) -> QuerySet[Order]:
    """What works and has no cancel under way."""
    rows = Order.objects.filter(_of(token, session), state__in=ALIVE)
    if token.strategy:
        rows = rows.filter(strategy=token.strategy)
    asked = Q(requests__kind=RequestKind.CANCEL, requests__state__in=OPEN_REQUESTS)
    return rows.exclude(pk__in=Order.objects.filter(asked, session=session).values("pk")).order_by("id")


def _of(token: ApiToken, session: str) -> Q:
    return Q(client=token.user, session=session, account__in=token.accounts.all())


def _sessions(token: ApiToken) -> set[str]:
    accounts = BrokerAccount.objects.filter(pk__in=token.accounts.all()).order_by()
    return set(accounts.values_list("session", flat=True))
