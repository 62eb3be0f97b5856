"""`manage.py apitoken`: make an API token and print it, once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.models import BrokerAccount
from orders.models import Scope
from orders.services.tokens import make_token

ALL = "all"
DEFAULT_SCOPES = f"{Scope.READ},{Scope.TRADE},{Scope.CANCEL}"


class Command(BaseCommand):
    """Prints nothing but the token, so that it can be captured; only its digest is stored."""

    help = "Make an API token for a user, who is made when missing (without password, not staff)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, for which accounts, with which scopes, for how long."""
        parser.add_argument("username")
        parser.add_argument("--accounts", default=ALL, help='codes, separated by commas, or "all" (default)')
        parser.add_argument("--scopes", default=DEFAULT_SCOPES, help=f"default: {DEFAULT_SCOPES}")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--days", type=int, help="days until it expires; never by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it; raises CommandError for unknown accounts and scopes."""
        accounts = accounts_named(options["accounts"])
        scopes = scopes_named(options["scopes"])
        days = options["days"]
        if days is not None and not 0 < days <= 36_500:
            raise CommandError("--days must be between 1 and 36500.")
        token = make_token(
            options["username"],
            accounts=accounts,
            scopes=scopes,
            name=options["name"],
            lifetime=timedelta(days=days) if days else None,
        )
        self.stdout.write(token)


def accounts_named(text: str) -> list[BrokerAccount]:
    """The accounts of a comma-separated list; raises CommandError for an unknown one."""
    if text == ALL:
        found = list(BrokerAccount.objects.all())
        if not found:
            raise CommandError("There is no account yet: run `manage.py seed` first.")
        return found
    codes = {code.strip() for code in text.split(",")}
    found = list(BrokerAccount.objects.filter(pk__in=codes))
    if missing := codes - {account.code for account in found}:
        raise CommandError(f"Unknown account: {', '.join(sorted(missing))}.")
    return found


def scopes_named(text: str) -> list[str]:
    """The scopes of a comma-separated list; raises CommandError for an unknown one."""
    scopes = sorted({scope.strip() for scope in text.split(",")})
    if unknown := set(scopes) - set(Scope.values):
        known = ", ".join(Scope.values)
        raise CommandError(f"Unknown scope: {', '.join(sorted(unknown))}. There are {known}.")
    return scopes
