"""API tokens: made here, for the command and the desk alike."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from brokers.models import BrokerAccount
from orders.models import ApiToken


@transaction.atomic
def make_token(
    username: str,
    *,
    accounts: Collection[BrokerAccount],
    scopes: Collection[str],
    name: str = "",
    lifetime: timedelta | None = None,
) -> str:
    """Store a new token and give its text, which is kept nowhere; the user is made when missing.

    A made user has no password and is not staff: it is a client, not a person at the desk.
    """
    user, created = User.objects.get_or_create(username=username)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    row, token = ApiToken.objects.create(user=user, expiry=lifetime, name=name, scopes=list(scopes))  # type: ignore[no-untyped-call]
    row.accounts.set(accounts)
    return str(token)
