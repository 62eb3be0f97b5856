"""API tokens: made, rotated and revoked here, for the API, the command and the desk alike."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor, NotAllowed
from orders.errors import OrderError
from orders.models import ApiToken, Approval, ApprovalKind, Scope

OVERLAP = timedelta(hours=1)
LONGEST_OVERLAP = timedelta(days=7)
#: With one of these a token can move the market, a limit, or the rights of others.
NEEDS_TWO = frozenset({Scope.TRADE, Scope.RISK, Scope.APPROVE, Scope.ADMIN})


#: When it must beat: after a rotation the successor must (`controls.halts.dead_man`).
BEATS = ("beat_within", "due_at", "silent_since")
#: What a rotated token has of the one before.
KEPT = ("name", "scopes", "rate", "strategy", "networks", "person", "heartbeat_s", *BEATS)


class TokenOver(OrderError):
    """A token that was revoked, has expired or was replaced is not rotated."""

    code = "TOKEN_OVER"


@transaction.atomic
def make_token(
    username: str,
    *,
    accounts: Collection[BrokerAccount],
    scopes: Collection[str],
    name: str = "",
    lifetime: timedelta | None = None,
    rate: int | None = None,
    strategy: str = "",
    networks: Collection[str] = (),
    heartbeat: int | None = None,
    made_by: str = "",
    person: User | None = None,
    waiting: bool = False,
) -> str:
    """Store a new token and give its text, which is kept nowhere; the user is made when missing.

    A made user has no password and is not staff: it is a client, not a person at the desk. `rate` is
    in requests per second; None means what the settings say. `person` answers for it. A `waiting` one opens
    nothing before it is approved.
    """
    user, created = User.objects.get_or_create(username=username)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    fields: dict[str, object] = {
        "name": name,
        "scopes": sorted(set(scopes)),
        "rate": rate,
        "strategy": strategy,
    }
    fields |= {
        "networks": list(networks),
        "heartbeat_s": heartbeat,
        "made_by": made_by,
        "person": person,
        "waiting": waiting,
    }
    return _store(user, lifetime, accounts, **fields)[1]


@transaction.atomic
def request_token(
    username: str,
    *,
    actor: Actor,
    scopes: Collection[str],
    accounts: Collection[BrokerAccount],
    reason: str = "",
    lifetime: timedelta | None = None,
    **options: Any,
) -> tuple[str, Approval | None]:
    """Make a token the way every door makes it: what can do harm opens nothing before a second person agrees.

    Gives its text, and the approval that it waits for. It ends after `lifetime`, else TOKEN_DAYS. Raises
    NotAllowed for accounts that are not the maker's, and for an owner who is a person at the desk or the
    client of another: the token would place orders in his name.
    """
    require_client(username, actor)
    if beyond := sorted(set(scopes) - set(actor.scopes)):
        raise NotAllowed(f"Nobody gives a scope that he does not have: {', '.join(beyond)}.")
    if {account.code for account in accounts} - set(actor.accounts):
        raise NotAllowed("Nobody gives an account that he does not have.")
    if Scope.APPROVE in scopes and actor.person is None:
        raise NotAllowed("A token that approves needs a person who answers for it.")
    waits = needs_two(ApprovalKind.TOKEN) and bool(NEEDS_TWO & set(scopes))
    text = make_token(
        username,
        accounts=accounts,
        scopes=scopes,
        made_by=actor.name,
        person=actor.person,
        waiting=waits,
        lifetime=lifetime or timedelta(days=settings.TOKEN_DAYS),
        **options,
    )
    return text, _token_approval(text, actor, reason) if waits else None


def require_client(username: str, actor: Actor) -> None:
    """Raise NotAllowed for an owner that is a person, or a client with accounts that are not the maker's."""
    if User.objects.filter(username=username, is_staff=True).exists():
        raise NotAllowed(f"{username} is a person at the desk, not a client.")
    opened = ApiToken.accounts.through.objects.filter(
        apitoken__user__username=username, apitoken__revoked_at=None
    )
    if opened.exclude(brokeraccount__in=actor.accounts).exists():
        raise NotAllowed(f"{username} has tokens for accounts that are not yours.")


def _token_approval(text: str, actor: Actor, reason: str) -> Approval:
    token = ApiToken.objects.get(token_key=text[:15], revoked_at=None)
    accounts = sorted(account.code for account in token.accounts.all())
    diff = {
        "owner": token.user.get_username(),
        "scopes": " ".join(token.scopes),
        "accounts": " ".join(accounts) or "none",
        "from": " ".join(token.networks) or "everywhere",
        "must beat": f"every {token.heartbeat_s} s" if token.heartbeat_s else "never",
        "expires": token.expiry.isoformat(timespec="minutes") if token.expiry else "never",
    }
    return propose(
        ApprovalKind.TOKEN,
        title=f"Token {token.token_key} of {token.user}",
        diff=[{"what": what, "old": "", "new": new} for what, new in diff.items()],
        payload={"token": token.token_key},
        accounts=accounts,
        actor=actor,
        reason=reason or token.name or "no reason given",
    )


class TokenAct(Act):
    """A token that can do harm."""

    kind = ApprovalKind.TOKEN

    def why_outdated(self, approval: Approval) -> str:
        """It may have been revoked meanwhile."""
        waiting = ApiToken.objects.filter(token_key=approval.payload["token"], waiting=True, revoked_at=None)
        return "" if waiting.exists() else "the token was revoked."

    def carry_out(self, approval: Approval) -> str:
        """Let it open what it says."""
        ApiToken.objects.filter(token_key=approval.payload["token"]).update(waiting=False)
        return "The token works now."

    def drop(self, approval: Approval) -> None:
        """It never worked."""
        left = ApiToken.objects.filter(token_key=approval.payload["token"], revoked_at=None)
        left.update(revoked_at=timezone.now(), revoked_by="not approved")


@transaction.atomic
def rotate_token(key: str, *, overlap: timedelta = OVERLAP, by: str) -> str:
    """A new token like this one, which itself works for `overlap` more; gives the new one's text.

    Rotating again is allowed as long as the new one was never used (its text was lost on the way): that
    one is revoked then. Raises ApiToken.DoesNotExist and TokenOver.
    """
    old = ApiToken.objects.select_for_update().get(token_key=key)
    now = timezone.now()
    if old.waiting:
        raise TokenOver("The token waits for a second person's approval, so there is nothing to rotate.")
    if old.revoked_at or (old.expiry and old.expiry <= now):
        raise TokenOver("The token does not work any more, so there is nothing to rotate.")
    _drop_lost_successor(old, by)
    fields = {name: getattr(old, name) for name in KEPT} | {"made_by": by}
    row, text = _store(old.user, _lifetime(old), old.accounts.all(), **fields)
    old.successor = row
    old.expiry = min(now + overlap, old.expiry or now + overlap)
    old.beat_within = old.due_at = old.silent_since = None
    old.save(update_fields=["successor", "expiry", *BEATS])
    return text


def revoke_token(key: str, *, by: str) -> ApiToken:
    """End a token; revoking again changes nothing. Raises ApiToken.DoesNotExist."""
    token: ApiToken = ApiToken.objects.select_related("user").get(token_key=key)
    fresh = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    if fresh.update(revoked_at=timezone.now(), revoked_by=by):
        token.refresh_from_db()
    return token


def _store(
    user: User, lifetime: timedelta | None, accounts: Collection[BrokerAccount], **fields: object
) -> tuple[ApiToken, str]:
    row, text = ApiToken.objects.create(user=user, expiry=lifetime, **fields)  # type: ignore[no-untyped-call]
    row.accounts.set(accounts)
    return row, str(text)


def _drop_lost_successor(old: ApiToken, by: str) -> None:
    """Revoke a successor that nobody ever used; raises TokenOver when it is in use."""
    lost = old.successor
    if lost is None:
        return
    unused = ApiToken.objects.filter(pk=lost.pk, last_used_at=None)
    if not unused.update(revoked_at=timezone.now(), revoked_by=by):
        raise TokenOver(f"The token was rotated before, and {lost.token_key} is in use.")


def _lifetime(old: ApiToken) -> timedelta | None:
    """The whole life that the token was made for; a rotation moves its end, so its successor tells then."""
    like = old.successor or old
    return like.expiry - like.created if like.expiry else None
