"""`manage.py tradingstate`: show the trading states, or set one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.models import BrokerAccount
from orders.controls.halts.states import ScopeInvalid, set_state, states_now
from orders.management.people import proven
from orders.models import TradingState
from orders.models.order import GROUP_ORDERS


class Command(BaseCommand):
    help = "Show what may be traded now, or set it: firm, account:X, strategy:X or session:X."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scope", nargs="?", help="all are shown when it is not given")
        parser.add_argument("state", nargs="?", choices=TradingState.values)
        parser.add_argument("--by", help="who decides: a login of the desk, asked for the password")
        parser.add_argument("--reason", help="why; kept")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say what is so now; raises CommandError for what is missing or does not exist."""
        if not options["scope"]:
            for row in states_now(BrokerAccount.objects.values_list("pk", flat=True)):
                self.stdout.write(f"{row.scope}  {row.state}  {row.reason}")
            return
        if not (options["state"] and options["by"] and options["reason"]):
            raise CommandError("Give the state, --by and --reason.")
        person = proven(options["by"], right="orders.set_trading_state")
        accounts = [code for code in person.accounts if code != GROUP_ORDERS]
        state, by = TradingState(options["state"]), f"shell:{person.user.get_username()}"
        try:
            row = set_state(options["scope"], state, by=by, reason=options["reason"], accounts=accounts)
        except ScopeInvalid as error:
            raise CommandError("; ".join(error.texts)) from None
        self.stdout.write(f"{row.scope} is {row.state}: {row.reason}")
