"""Who acts: a login of the desk, or a token and the person who answers for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import User

from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.errors import OrderError
from orders.models import ApiToken, Approval, ApprovalKind, ApprovalState, KillSwitch, Scope
from orders.models.order import GROUP_ORDERS

#: What a person must be allowed at the desk to have a scope.
RIGHTS = {
    Scope.READ: "orders.view_order",
    Scope.TRADE: "orders.place_order",
    Scope.CANCEL: "orders.cancel_order",
    Scope.RISK: "orders.change_accountlimit",
    Scope.APPROVE: "orders.decide_approval",
    Scope.AUDIT: "orders.view_audit",
    Scope.ADMIN: "orders.add_apitoken",
}


class Hands:
    """In whose hands a login or client is: who has changed it, who answers for its trading tokens."""

    def __init__(self, held_by: Mapping[int, Collection[int]]) -> None:
        self._held_by = held_by

    def of(self, logins: Collection[int]) -> set[int]:
        """These, all in whose hands they are, and all in whose hands those are."""
        found, new = set[int](), set(logins)
        while new:
            found |= new
            new = {by for login in new for by in self._held_by.get(login, ())} - found
        return found


def read_hands() -> Hands:
    """As it is now: changes of logins that nobody else has confirmed, and who answers for which client."""
    held_by = defaultdict[int, set[int]](set)
    rows = Approval.objects.filter(kind=ApprovalKind.LOGIN).order_by("made_at", "id")
    for login, by, state in rows.values_list("payload__user", "maker", "state"):
        if state == ApprovalState.APPROVED:
            held_by[login].discard(by)
        else:
            held_by[login].add(by)
    tokens = ApiToken.objects.filter(person__isnull=False, scopes__contains=Scope.TRADE.value)
    for client, person in tokens.values_list("user", "person").distinct():
        held_by[client].add(person)
    return Hands(held_by)


class NotAllowed(OrderError):
    """The person, or the token, may not do this."""

    code = "FORBIDDEN"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who does something. `name` is as events and audit write it; `accounts` are those that exist for it."""

    user: User
    name: str
    accounts: Collection[str]
    #: What it may do, and give to a token.
    scopes: Collection[str]
    #: Who answers for a token; of a login the login itself.
    person: User | None

    @property
    def ids(self) -> frozenset[int]:
        """Everybody who stands behind it: none of them may approve what it made."""
        return frozenset(user.pk for user in (self.user, self.person) if user)

    def made(self, row: Approval | KillSwitch) -> bool:
        """Whether one of them made it, or whoever made it and they are in the same hands.

        Where no person is named, a client may have acted by any of its tokens.
        """
        if not self.ids.isdisjoint({row.maker_id, row.maker_person_id}):
            return True
        maker, own = row.maker_person_id or row.maker_id, (self.person or self.user).pk
        return not self._hands.of({maker}).isdisjoint(self._hands.of({own}))

    @cached_property
    def _hands(self) -> Hands:
        return read_hands()

    @cached_property
    def has_all_accounts(self) -> bool:
        """Whether it may decide about the whole firm."""
        return GROUP_ORDERS in self.accounts or set(self.accounts) >= set(
            BrokerAccount.objects.values_list("pk", flat=True)
        )

    def require(self, scope: Scope, accounts: Collection[str]) -> None:
        """Raise NotAllowed without the scope, and for accounts (none: the firm) that are not the actor's."""
        if scope not in self.scopes:
            raise NotAllowed(f"{self.name} lacks the scope {scope}.")
        if not self.may_see(accounts):
            raise NotAllowed("This concerns accounts that are not yours.")

    def may_see(self, accounts: Collection[str]) -> bool:
        """Whether what concerns these accounts (none: the firm) is this actor's business."""
        return set(accounts) <= set(self.accounts) if accounts else self.has_all_accounts


def at_desk(user: User) -> Actor:
    """The actor of a page."""
    return Actor(
        user=user,
        name=f"desk:{user.get_username()}",
        accounts=accounts_of_person(user),
        scopes=frozenset(scope for scope, right in RIGHTS.items() if user.has_perm(right)),
        person=user,
    )


def in_shell(username: str) -> Actor:
    """The actor of a command, who must be a person of the desk; raises NotAllowed."""
    user = User.objects.filter(username=username, is_active=True, is_staff=True).first()
    if user is None:
        raise NotAllowed(f"There is no person {username!r} at the desk.")
    return at_desk(user)
