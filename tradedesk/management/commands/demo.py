"""`manage.py demo`: the whole system on this machine, with sample orders going through it."""

from __future__ import annotations

import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.demo.run import DemoError, require_paper
from tradedesk.env import BASE_DIR
from tradedesk.management.commands import sampleorders
from tradedesk.stack import options as stack_options
from tradedesk.stack.errors import StackError
from tradedesk.stack.local import LocalStack
from tradedesk.stack.processes.commands import MANAGE
from tradedesk.stack.processes.process import end, spawn


class Command(BaseCommand):
    """`up`, then `sampleorders` in a process of its own: our settings were read before the stack was up."""

    help = "Start Tradedesk on this machine, send sample orders through it and show what became of them."
    requires_system_checks = []  # they would want the database that is not there yet

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of `up`, those of `sampleorders`, and whether to stay up."""
        stack_options.add_arguments(parser)
        sampleorders.add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="stop after the summary")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when all went well; one sentence and exit 1 when not. Ctrl-C stops it."""
        sampleorders.require_enough(options["orders"])
        self._require_paper(options["ib"])
        self.stdout.write("Starting Tradedesk ...")
        try:
            with LocalStack(stack_options.from_arguments(options)) as stack:
                stack.manage("seed", "--demo")
                wrong = what_went_wrong(stack, options["orders"], options["seed"])
                if not options["once"]:
                    self._stay(stack, wrong)
        except StackError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped before the end.") from None
        if wrong:
            raise CommandError(wrong)

    def _require_paper(self, ib: str | None) -> None:
        """Before anything is started with somebody else's gateway."""
        try:
            for account in settings.ACCOUNTS if ib else ():
                require_paper(account, control="")
        except DemoError as error:
            raise CommandError(str(error)) from None

    def _stay(self, stack: LocalStack, wrong: str) -> None:
        """Show what went wrong and where everything is, and keep it up until Ctrl-C."""
        if wrong:
            self.stdout.write(wrong)
        token = stack.manage(
            *("apitoken", sampleorders.USER, "--name", "shown by the demo", "--days", "7"),
            *("--approved-by", "approver"),
        ).strip()
        self.stdout.write(stack.summary())
        self.stdout.write(
            f"  curl     curl -H 'Authorization: Token {token}' {stack.urls.http}/api/v1/orders?limit=1"
        )
        stack.run_until_stopped()


def what_went_wrong(stack: LocalStack, orders: int, seed: int) -> str:
    """Run the sample orders; what went wrong in a sentence or two, "" when all is well."""
    failed = run_samples(stack, orders, seed)
    wrong = ["The sample orders did not all come to a good end: see above."] if failed else []
    if died := "; ".join(f"{death.who} {death.how}" for death in stack.deaths):
        wrong.append(f"Something died while the sample orders ran: {died}.")
    return " ".join(wrong)


def run_samples(stack: LocalStack, orders: int, seed: int) -> bool:
    """Run `sampleorders` on this stack; whether it failed. What dies meanwhile is started again."""
    arguments = ("--orders", str(orders), "--seed", str(seed), "--control", stack.urls.control)
    samples = spawn([*MANAGE, "sampleorders", *arguments], env=stack.environment, log=None, cwd=BASE_DIR)
    try:
        while samples.poll() is None:
            stack.tend()
            time.sleep(0.2)
    finally:
        end(samples, signal.SIGINT)  # so that it gives the terminal back as it was
    return samples.returncode != 0
