"""`manage.py seed`: the rows without which nothing can be ordered. Safe to run at every start."""

from __future__ import annotations

import os
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from brokers.fix import SecType
from brokers.models import BrokerAccount, GatewaySession, Instrument
from orders.models import AccountLimit, ScopeLimit

SYMBOLS = ("AAPL", "MSFT", "SPY", "IBM", "NVDA", "TSLA")
MAX_ORDER_QTY = Decimal(10_000)
MAX_NOTIONAL = Decimal(5_000_000)
#: What the demo's firm and its example of a strategy may do: wide enough for its orders, and not endless.
DEMO_LIMITS: dict[str, dict[str, int]] = {
    "firm": {
        "max_order_qty": 10_000,
        "max_price_deviation_bps": 2_000,
        "max_open_orders": 2_000,
        "max_orders_per_minute": 6_000,
        "max_messages_per_minute": 12_000,
        "max_daily_orders": 100_000,
    },
    "strategy:demo": {
        "max_order_qty": 1_000,
        "max_position_qty": 5_000,
        "max_open_orders": 100,
        "max_orders_per_minute": 60,
        "max_daily_orders": 1_000,
        "max_duplicates_per_minute": 5,
        "max_repeated_executions": 50,
    },
}
DESK_USER = "desk"
#: The second person: what the first one makes takes effect when this one approves it.
APPROVER = "approver"


class Command(BaseCommand):
    """Makes what is missing and changes nothing that is there: the desk's limits stay the desk's."""

    help = "Make the sessions, accounts, first instruments and limits, and the desk's first user."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        """What is for the demo only."""
        parser.add_argument("--demo", action="store_true", help="and limits of a firm and a strategy")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sessions and accounts come from the settings; the password's place is printed, not the password."""
        with transaction.atomic():
            name_database_actor("seed", "first limits of a new account")
            seed_sessions()
            seed_accounts(seed_instruments())
            if options["demo"]:
                for scope, limits in DEMO_LIMITS.items():
                    ScopeLimit.objects.get_or_create(scope=scope, defaults=limits)
            name_database_actor("", "")
        if not User.objects.filter(username=DESK_USER).exists():
            self.stdout.write(make_desk_user())
        if not User.objects.filter(username=APPROVER).exists() and (made := make_approver()):
            self.stdout.write(made)


def name_database_actor(actor: str, reason: str) -> None:
    """Whom the rows of changed limits name, for the rest of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('tradedesk.actor', %s, true), set_config('tradedesk.reason', %s, true)",
            [actor, reason],
        )


def seed_sessions() -> None:
    """One row per configured session, with the client id of the settings."""
    for config in settings.BROKER_SESSIONS.values():
        session, _ = GatewaySession.objects.get_or_create(
            name=config.name, defaults={"client_id": config.client_id}
        )
        if session.client_id != config.client_id:
            GatewaySession.objects.filter(pk=session.pk).update(client_id=config.client_id)


def seed_instruments() -> list[Instrument]:
    """The first instruments; the broker worker resolves them. Several rows may go by one ticker."""
    described = {"sec_type": SecType.STK, "exchange": "SMART", "currency": "USD"}
    rows = Instrument.objects.listed().filter(symbol__in=SYMBOLS, **described).order_by("-pk")
    known = {row.symbol: row for row in rows}  # the first of each
    missing = [Instrument(symbol=symbol, **described) for symbol in SYMBOLS if symbol not in known]
    return [*known.values(), *Instrument.objects.bulk_create(missing)]


def seed_accounts(instruments: list[Instrument]) -> None:
    """The configured accounts; a new one gets first limits: where money is real, those that allow nothing."""
    is_paper = settings.TRADING_MODE == "paper"
    for code, session in settings.ACCOUNTS.items():
        account, _ = BrokerAccount.objects.get_or_create(code=code, defaults={"session_id": session})
        limit, created = AccountLimit.objects.get_or_create(
            account=account,
            defaults={
                "max_order_qty": MAX_ORDER_QTY if is_paper else 0,
                "max_notional": MAX_NOTIONAL if is_paper else 0,
                # Play money: whatever the broker knows may be tried out.
                "any_instrument": is_paper,
            },
        )
        if created:
            limit.allowed_instruments.set(instruments)


def make_desk_user() -> str:
    """Make the desk's superuser and say in one line where its password is."""
    password, where = first_password(settings.DESK_PASSWORD, "desk")
    User.objects.create_superuser(DESK_USER, password=password)
    return f"Made the desk user {DESK_USER!r}; its password is {where}."


def make_approver() -> str:
    """Make the second person and say where the password is.

    Where the first one's password was given and this one's was not, the desk makes its second person itself.
    """
    if settings.DESK_PASSWORD and not settings.APPROVER_PASSWORD:
        return ""
    password, where = first_password(settings.APPROVER_PASSWORD, "approver")
    user = User.objects.create_user(APPROVER, password=password, is_staff=True)
    user.groups.add(*Group.objects.filter(name__in=("supervisor", "risk")))
    return f"Made the second person {APPROVER!r}; the password is {where}."


def first_password(given: str, who: str) -> tuple[str, str]:
    """A first password, and where it is.

    One that we choose is written to a file that only we can read; one that was given is not written anywhere.
    """
    if given:
        return given, f"as set by TRADEDESK_{who.upper()}_PASSWORD"
    password, path = secrets.token_urlsafe(15), settings.DATA_DIR / f"{who}_password"
    write_secret(path, password)
    return password, f"in {path}"


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600, whatever was there and whatever the umask is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
