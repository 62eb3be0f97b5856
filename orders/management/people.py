"""Who is at the shell: a command that acts names a person, who is there with the password."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from brokers.models import GatewaySession
from orders.controls.gateways.sessions import require_own
from orders.controls.persons.approvals import approve
from orders.controls.persons.people import Actor, NotAllowed, in_shell
from orders.management.commands.seed import APPROVER, DESK_USER
from orders.models import Approval, Scope

T = TypeVar("T")

#: Where a script gives the password of who acts, and of the second person.
PERSON_PASSWORD = "TRADEDESK_PERSON_PASSWORD"  # noqa: S105 - a variable's name
APPROVER_PASSWORD = "TRADEDESK_APPROVER_PASSWORD"  # noqa: S105 - a variable's name
#: That of the desk's first person, who acts where nobody is named.
FIRST_PASSWORD = "TRADEDESK_DESK_PASSWORD"  # noqa: S105 - a variable's name


def proven(username: str, variable: str = PERSON_PASSWORD, *, right: str = "") -> Actor:
    """The person of this name, by the password in the variable or typed; raises CommandError.

    `right`: a permission of the desk that the person must have.
    """
    return _proven(username, variable, os.environ.get(variable, ""), right)


def proven_operator(username: str, session: str) -> Actor:
    """The person who may operate this session: all that it carries is his; raises CommandError."""
    if not GatewaySession.objects.filter(name=session).exists():
        raise CommandError(f"There is no session {session}.")
    person = proven(username, right="brokers.operate_session")
    try:
        require_own(session, person.accounts)
    except NotAllowed as error:
        raise CommandError(str(error)) from None
    return person


def proven_or_first(username: str, *, right: str = "") -> Actor:
    """The person who is named; else the first one, whose first password `seed` may have left in a file.

    Only who runs the programs can read that file, and it is the password. Raises CommandError.
    """
    if username:
        return proven(username, right=right)
    password = os.environ.get(FIRST_PASSWORD, "")
    kept = settings.DATA_DIR / "desk_password"
    if not password and kept.exists():
        password = kept.read_text().strip()
    return _proven(DESK_USER, FIRST_PASSWORD, password, right)


def second_at_hand() -> Actor | None:
    """The second person that `seed` made, while the first password still lies in the data folder and holds.

    Who reads both files is both persons: a desk of two takes the file away, or changes the password.
    """
    kept = settings.DATA_DIR / "approver_password"
    user = User.objects.filter(username=APPROVER, is_active=True).first()
    if user is None or not kept.exists() or not user.check_password(kept.read_text().strip()):
        return None
    actor = in_shell(APPROVER)
    return actor if Scope.APPROVE in actor.scopes and actor.has_all_accounts else None


def add_persons(parser: CommandParser) -> None:
    """Options for who acts and who agrees."""
    parser.add_argument(
        "--by", required=True, help=f"who enters it; the password is asked, or in {PERSON_PASSWORD}"
    )
    parser.add_argument(
        "--approved-by", default="", help=f"the second person, the password too ({APPROVER_PASSWORD})"
    )


def done_by(by: str, approved_by: str, act: Callable[[Actor], T | Approval]) -> T | Approval:
    """Act as one person; what then waits is approved by the second, if one is named.

    Both have given their passwords before anything is done. Raises CommandError, and what `act` raises.
    """
    first = proven(by)
    second = proven(approved_by, APPROVER_PASSWORD) if approved_by else None
    done = act(first)
    if isinstance(done, Approval) and second:
        return approve(done.pk, actor=second, reason="approved at the shell")
    return done


def _proven(username: str, variable: str, password: str, right: str) -> Actor:
    if not password and not sys.stdin.isatty():
        raise CommandError(f"The password of {username} is needed: type it, or set {variable}.")
    password = password or getpass(f"Password of {username}: ")
    user = User.objects.filter(username=username).first()
    if user is None or not user.check_password(password):
        raise CommandError(f"That is not the password of {username}.")
    try:
        actor = in_shell(username)
    except NotAllowed as error:
        raise CommandError(str(error)) from None
    if right and not actor.user.has_perm(right):
        raise CommandError(f"{username} may not do this: the right {right} is missing.")
    return actor
