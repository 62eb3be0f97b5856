"""Who is at the shell: a command that acts names a person, who is there with the password."""

from __future__ import annotations

import os
import sys
from getpass import getpass

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from orders.controls.people import Actor, NotAllowed, in_shell

#: Where a script gives the password of who acts, and of the second person.
PERSON_PASSWORD = "TRADEDESK_PERSON_PASSWORD"  # noqa: S105 - a variable's name
APPROVER_PASSWORD = "TRADEDESK_APPROVER_PASSWORD"  # noqa: S105 - a variable's name


def proven(username: str, variable: str = PERSON_PASSWORD) -> Actor:
    """The person of this name, by the password in the variable or typed; raises CommandError."""
    password = os.environ.get(variable, "")
    if not password and not sys.stdin.isatty():
        raise CommandError(f"The password of {username} is needed: type it, or set {variable}.")
    password = password or getpass(f"Password of {username}: ")
    user = User.objects.filter(username=username).first()
    if user is None or not user.check_password(password):
        raise CommandError(f"That is not the password of {username}.")
    try:
        return in_shell(username)
    except NotAllowed as error:
        raise CommandError(str(error)) from None
