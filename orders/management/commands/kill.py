"""`manage.py kill`: press the kill switch from a shell, follow it, release it."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.controls.halts import kill as kills
from orders.controls.halts.states import ScopeInvalid
from orders.controls.persons.people import NotAllowed
from orders.management.people import proven
from orders.models import KillAction, KillStatus, KillSwitch


class Command(BaseCommand):
    help = "Halt, cancel or flatten a scope and wait until that is proven; or release it."
    requires_system_checks = []  # `migrate` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scope", help="firm, account:X, strategy:X or session:X")
        parser.add_argument("--action", choices=KillAction.values)
        parser.add_argument("--release", metavar="ID", help="release this kill instead")
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--by", required=True, help="the person who decides: a login of the desk, asked for the password"
        )
        parser.add_argument("--wait", type=float, default=120.0, help="seconds to wait for the proof")
        parser.add_argument("--drill", action="store_true", help="refuse unless this trades paper")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say what came of it; exits 1 when it is not proven in time."""
        if options["drill"] and settings.TRADING_MODE != "paper":
            raise CommandError("This is not a paper account: a drill is for the simulated gateway.")
        try:
            actor = proven(options["by"], right="orders.press_kill")
            if options["release"]:
                kills.release(options["release"], actor=actor, reason=options["reason"])
                self.stdout.write("Released.")
                return
            if not (options["scope"] and options["action"]):
                raise CommandError("Give --scope and --action.")
            action = KillAction(options["action"])
            kill = kills.press(options["scope"], action, actor=actor, reason=options["reason"])
        except (ScopeInvalid, NotAllowed) as error:
            raise CommandError(str(error)) from None
        except KillSwitch.DoesNotExist:
            raise CommandError("There is no such kill.") from None
        self.stdout.write(f"{kill.id}: the scope is stopped; waiting for the proof.")
        self._follow(kill, options["wait"])

    def _follow(self, kill: KillSwitch, wait: float) -> None:
        until = time.monotonic() + wait
        while kill.status != KillStatus.PROVEN and time.monotonic() < until:
            time.sleep(0.5)
            kill.refresh_from_db()
        for text in kills.blocking_of(kill):
            self.stdout.write(f"blocking: {text}")
        if kill.status != KillStatus.PROVEN:
            raise CommandError(f"NOT PROVEN within {wait:g} s; it goes on: GET /api/v1/kill/{kill.id}")
        self.stdout.write(f"PROVEN at {kill.proven_at:%Y-%m-%d %H:%M:%S} UTC")
