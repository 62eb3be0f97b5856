"""Logins that somebody has in his hands: who made or changed another's login may be at it himself.

A second login must not be a second person. So who makes a login, sets its password, gives it rights or takes
its second factor away counts as one person with it, until somebody else has confirmed whose it is.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User

from orders.controls.persons.approvals import Act, propose
from orders.controls.persons.people import at_desk
from orders.models import Approval, ApprovalKind


def login_changed(user: User, *, by: User, what: str) -> Approval | None:
    """Let a change of a desk login wait for its confirmation; None where there is nothing to confirm.

    The change itself is in force: nobody has to wait for a password.
    """
    if by.pk == user.pk or not (user.is_staff or user.is_superuser) or not settings.FOUR_EYES:
        return None
    actor = at_desk(by)
    return propose(
        ApprovalKind.LOGIN,
        title=f"Login {user.get_username()} is another person's",
        diff=[{"what": user.get_username(), "old": "", "new": what}],
        payload={"user": user.pk},
        accounts=[] if actor.has_all_accounts else [code for code in actor.accounts if code],
        actor=actor,
        reason=f"{by.get_username()} changed the login of {user.get_username()}",
    )


class LoginAct(Act):
    """A login that somebody else made or changed, confirmed to be its person's."""

    kind = ApprovalKind.LOGIN
    lifetime = timedelta(days=30)

    def carry_out(self, approval: Approval) -> str:
        """They count as two from now on."""
        user = User.objects.get(pk=approval.payload["user"])
        return f"{user} may decide about what {approval.maker} makes."
