"""Which accounts a person of the desk may see: by permission all, else those of the person's profile."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser, User

from brokers.models import BrokerAccount
from orders.models import DeskProfile
from orders.models.order import GROUP_ORDERS

Accounts = Collection[str]
SEES_ALL = "orders.view_all_accounts"
_KEPT = "_desk_accounts"


def accounts_of_person(user: User | AnonymousUser) -> frozenset[str]:
    """Codes of the accounts that exist for this person; read once per request (kept on the user).

    Who sees every account sees the orders of no single one too: `GROUP_ORDERS` stands for them.
    """
    kept: frozenset[str] | None = getattr(user, _KEPT, None)
    if kept is None:
        kept = frozenset(_accounts(user))
        setattr(user, _KEPT, kept)
    return kept


def _accounts(user: User | AnonymousUser) -> list[str]:
    if not user.is_active:
        return []
    if user.has_perm(SEES_ALL):
        return [*BrokerAccount.objects.values_list("pk", flat=True), GROUP_ORDERS]
    through = DeskProfile.accounts.through
    return list(
        through.objects.filter(deskprofile__user_id=user.pk).values_list("brokeraccount_id", flat=True)
    )
