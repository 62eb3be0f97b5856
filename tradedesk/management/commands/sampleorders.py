"""`manage.py sampleorders`: send sample orders to the stack that is up, and compare both sides."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from brokers.models import BrokerAccount
from orders.controls.persons.tokens import make_token
from orders.models import Scope
from tradedesk import env
from tradedesk.demo.inside import account_on
from tradedesk.demo.orders import FEWEST
from tradedesk.demo.run import DemoError, Stage, run

SESSION = "main"
USER = "demo"


def add_arguments(parser: CommandParser) -> None:
    """What can be chosen about the sample orders."""
    parser.add_argument("--orders", type=int, default=240, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same mix (default %(default)s)")


def require_enough(orders: int) -> None:
    """Raise CommandError when there are fewer orders than kinds of order need."""
    if orders < FEWEST:
        raise CommandError(f"--orders must be at least {FEWEST}, so that every kind of order is there.")


class Command(BaseCommand):
    """Works as a client of the stack; `manage.py demo` is the stack and this."""

    help = "Send sample orders by REST to the running stack and compare the outcome with the gateway's books."

    def add_arguments(self, parser: CommandParser) -> None:
        """How many orders, the seed of the mix, and where the gateway's books can be read."""
        add_arguments(parser)
        parser.add_argument("--control", default="", help="URL of the simulated gateway's control port")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when every check passed; otherwise CommandError names those that did not."""
        require_enough(options["orders"])
        at = stage(options["control"])
        try:
            checks = run(at, Console(), count=options["orders"], seed=options["seed"])
        except DemoError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            sys.exit(130)  # as a shell reports it; whoever pressed Ctrl-C knows
        if failed := [check.name for check in checks if not check.ok]:
            raise CommandError(f"Not all is well: {'; '.join(failed)}.")


def stage(control: str) -> Stage:
    """The stack that this process's settings name; raises CommandError when none is up."""
    http = env.local_stack().get("http")
    if not http:
        raise CommandError(f"No local stack runs on {settings.DATA_DIR}: start one with `make up`.")
    account = account_on(SESSION)
    token = make_token(
        USER,
        accounts=list(BrokerAccount.objects.filter(pk=account)),
        scopes=[Scope.READ, Scope.TRADE, Scope.CANCEL],
        name="sample orders",
        lifetime=timedelta(days=1),
    )
    return Stage(http=http, control=control, token=token, session=SESSION, account=account)
