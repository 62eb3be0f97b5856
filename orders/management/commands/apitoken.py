"""`manage.py apitoken`: make, rotate, revoke and list API tokens."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from brokers.models import BrokerAccount
from orders.access import read_networks
from orders.controls.halts.dead_man import LONGEST, SHORTEST
from orders.controls.persons.approvals import ApprovalOver, approve
from orders.controls.persons.people import RIGHTS, NotAllowed
from orders.controls.persons.tokens import (
    LONGEST_OVERLAP,
    OVERLAP,
    TokenOver,
    request_token,
    revoke_token,
    rotate_token,
)
from orders.entry.reading.fields import Wrong, client_name, reader_of
from orders.entry.reading.ticket import StrategyName
from orders.management.people import (
    APPROVER_PASSWORD,
    FIRST_PASSWORD,
    PERSON_PASSWORD,
    proven,
    proven_or_first,
    second_at_hand,
)
from orders.models import ApiToken, Scope

ALL = "all"
DEFAULT_SCOPES = f"{Scope.READ},{Scope.TRADE},{Scope.CANCEL}"
BY = "command"


class Command(BaseCommand):
    """Prints nothing but the token, so that it can be captured; only its digest is stored."""

    help = "Make an API token for a user, who is made when missing (without password, not staff)."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, for which accounts, with which scopes, for how long; or what becomes of an old one."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("username", nargs="?")
        what.add_argument("--list", action="store_true", help="tokens that work, without their text")
        what.add_argument("--rotate", metavar="ID", help="replace a token; prints the new one")
        what.add_argument("--revoke", metavar="ID", help="end a token")
        parser.add_argument("--accounts", default=ALL, help='codes, separated by commas, or "all" (default)')
        parser.add_argument("--scopes", default=DEFAULT_SCOPES, help=f"default: {DEFAULT_SCOPES}")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--days", type=int, help="days until it expires; default: TRADEDESK_TOKEN_DAYS")
        parser.add_argument(
            "--networks", default="", help="addresses and networks that may use it, by commas; default: all"
        )
        parser.add_argument(
            "--heartbeat", type=int, help="seconds within which it must beat, or its orders are canceled"
        )
        parser.add_argument("--rate", type=int, help="requests per second; default: TRADEDESK_API_RATE")
        parser.add_argument(
            "--strategy", default="", help="of every order placed with it; default: as they say"
        )
        parser.add_argument(
            "--by",
            default="",
            help=f"the person of the desk who makes it and answers for it, present with the password (asked,"
            f" or in {PERSON_PASSWORD}); default: desk (asked, or in {FIRST_PASSWORD})",
        )
        parser.add_argument(
            "--approved-by",
            default="",
            help=f"the second person, there with the password (asked, or in {APPROVER_PASSWORD});"
            " default: approver, as long as `seed`'s file with the first password is here, nobody named",
        )
        overlap = int(OVERLAP.total_seconds())
        parser.add_argument("--overlap", type=int, default=overlap, help=f"seconds; default: {overlap}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; raises CommandError for unknown tokens, accounts and scopes."""
        try:
            self.stdout.write(told(options, self.stderr.write))
        except ApiToken.DoesNotExist:
            raise CommandError("There is no such token; `apitoken --list` names them.") from None
        except (TokenOver, NotAllowed, ApprovalOver) as error:
            raise CommandError(str(error)) from None


def told(options: dict[str, Any], say: Callable[[str], object]) -> str:
    """What is printed."""
    if options["list"]:
        return "\n".join(
            line(token) for token in ApiToken.objects.filter(revoked_at=None).order_by("created")
        )
    if options["revoke"]:
        return f"Revoked {revoke_token(options['revoke'], by=BY).token_key}."
    if options["rotate"]:
        between("--overlap", options["overlap"], 0, int(LONGEST_OVERLAP.total_seconds()))
        by = proven_or_first(options["by"], right=RIGHTS[Scope.ADMIN]).name
        return rotate_token(options["rotate"], overlap=timedelta(seconds=options["overlap"]), by=by)
    return made(options, say)


@transaction.atomic
def made(options: dict[str, Any], say: Callable[[str], object]) -> str:
    """The text of a new token; `say` is told if it waits for a second person."""
    between("--days", options["days"], 1, 36_500)
    between("--rate", options["rate"], 1, 1_000_000)
    between("--heartbeat", options["heartbeat"], SHORTEST, LONGEST)
    client = client_named(options["username"])
    accounts, scopes = accounts_named(options["accounts"]), scopes_named(options["scopes"])
    actor = proven_or_first(options["by"], right=RIGHTS[Scope.ADMIN])
    second = None if options["by"] or options["approved_by"] else second_at_hand()
    if second and Scope.APPROVE in scopes and set(scopes) <= set(second.scopes):
        # Who answers for a token that approves must not be who answers for those whose acts it approves.
        actor, second = second, actor
    text, approval = request_token(
        client,
        actor=actor,
        accounts=accounts,
        scopes=scopes,
        name=options["name"],
        lifetime=timedelta(days=options["days"]) if options["days"] else None,
        rate=options["rate"],
        strategy=strategy_named(options["strategy"]),
        networks=networks_named(options["networks"]),
        heartbeat=options["heartbeat"],
    )
    if not approval:
        return text
    if options["approved_by"]:
        second = proven(options["approved_by"], APPROVER_PASSWORD)
    if second:
        approve(approval.pk, actor=second, reason="approved at the shell")
        say(f"Approved by {second.user}.")
    else:
        say(f"It opens nothing before another person than {actor.user} approves it at the desk (Approvals).")
    return text


def between(option: str, value: int | None, low: int, high: int) -> None:
    """Raise CommandError for a number outside [low, high]."""
    if value is not None and not low <= value <= high:
        raise CommandError(f"{option} must be between {low} and {high}.")


def line(token: ApiToken) -> str:
    """A token in one line: id, owner, scopes, accounts, end."""
    accounts = ",".join(sorted(account.code for account in token.accounts.all()))
    end = token.expiry.isoformat(timespec="seconds") if token.expiry else "never"
    return (
        f"{token.token_key}  {token.user}  {','.join(token.scopes)}  {accounts}  expires {end}  {token.name}"
    )


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


def networks_named(text: str) -> list[str]:
    """The networks of a comma-separated list; raises CommandError for what is none."""
    try:
        return read_networks(text)
    except ValueError as wrong:
        raise CommandError(f"--networks: {wrong}") from None


def client_named(text: str) -> str:
    """The name of the client; raises CommandError for what the API would not take either."""
    try:
        return str(client_name(text))
    except Wrong as wrong:
        raise CommandError(f"username: {wrong}") from None


def strategy_named(text: str) -> str:
    """The strategy of the token's orders; raises CommandError for what no order can name."""
    try:
        return str(reader_of(StrategyName)(text)) if text else ""
    except Wrong as wrong:
        raise CommandError(f"--strategy: {wrong}") from None


def scopes_named(text: str) -> list[str]:
    """The scopes of a comma-separated list; raises CommandError for an unknown one."""
    scopes = sorted({scope.strip() for scope in text.split(",")})
    if unknown := set(scopes) - set(Scope.values):
        known = ", ".join(Scope.values)
        raise CommandError(f"Unknown scope: {', '.join(sorted(unknown))}. There are {known}.")
    return scopes
