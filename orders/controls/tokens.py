"""API tokens: made, rotated and revoked here, for the API, the command and the desk alike."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.errors import OrderError
from orders.models import ApiToken

OVERLAP = timedelta(hours=1)
LONGEST_OVERLAP = timedelta(days=7)


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
    made_by: str = "",
) -> str:
    """Store a new token and give its text, which is kept nowhere; the user is made when missing.

    A made user has no password and is not staff: it is a client, not a person at the desk. `rate` is
    in requests per second; None means what the settings say.
    """
    user, created = User.objects.get_or_create(username=username)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    fields = {"name": name, "scopes": sorted(scopes), "rate": rate, "strategy": strategy, "made_by": made_by}
    return _store(user, lifetime, accounts, **fields)[1]


@transaction.atomic
def rotate_token(key: str, *, overlap: timedelta = OVERLAP, by: str) -> str:
    """A new token like this one, which itself works for `overlap` more; gives the new one's text.

    Rotating again is allowed as long as the new one was never used (its text was lost on the way): that
    one is revoked then. Raises ApiToken.DoesNotExist and TokenOver.
    """
    old = ApiToken.objects.select_for_update().get(token_key=key)
    now = timezone.now()
    if old.revoked_at or (old.expiry and old.expiry <= now):
        raise TokenOver("The token does not work any more, so there is nothing to rotate.")
    _drop_lost_successor(old, by)
    fields = {name: getattr(old, name) for name in ("name", "scopes", "rate", "strategy")} | {"made_by": by}
    row, text = _store(old.user, _lifetime(old), old.accounts.all(), **fields)
    old.successor = row
    old.expiry = min(now + overlap, old.expiry or now + overlap)
    old.save(update_fields=["successor", "expiry"])
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
