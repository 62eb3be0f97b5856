"""One run of the demo against a stack that is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from rich.console import Console

from brokers.account_codes import is_paper
from tradedesk.demo import inside, sending
from tradedesk.demo.checks import Check, Evidence, run_checks
from tradedesk.demo.client import CONNECTIONS, Gateway, executions_since
from tradedesk.demo.orders import Quote, Sample, sample_orders
from tradedesk.demo.summary import show
from tradedesk.stack import urls
from tradedesk_client import Tradedesk


class DemoError(Exception):
    """The demo cannot go on. Its message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a run takes place. `control` is empty with a gateway that is not the simulated one."""

    http: str
    control: str
    token: str
    session: str
    account: str


def require_paper(account: str, control: str) -> None:
    """Raise DemoError when sample orders would be placed with real money."""
    if not control and not is_paper(account):
        raise DemoError(
            f"The account {account} is not a paper account (DU..., DF...), and the gateway is not the"
            " simulated one: no sample order is sent. Name a paper account in TRADEDESK_ACCOUNTS."
        )


def run(at: Stage, console: Console, *, count: int, seed: int) -> list[Check]:
    """Send `count` sample orders, follow them, compare both sides and show it all; the checks.

    Raises DemoError when the stack is not ready or the account is not for samples.
    """
    require_paper(at.account, at.control)
    quotes = wait_until_tradable(at, console)
    samples = sample_orders(
        count, quotes, account=at.account, run=token_hex(4), seed=seed, can_move=bool(at.control)
    )
    evidence = trade(at, samples, quotes, console)
    checks = run_checks(evidence)
    show(console, evidence, checks)
    return checks


def trade(at: Stage, samples: Sequence[Sample], quotes: Sequence[Quote], console: Console) -> Evidence:
    """Send the samples, see each of them to its end, and collect what both sides know."""
    gateway = Gateway(at.control) if at.control else None
    desk, since = Tradedesk(at.http, at.token, connections=CONNECTIONS), sending.now()
    answers = sending.send_all(desk, samples, console)
    repeats = sending.send_again(desk, answers)
    follower = sending.Follower(desk, at.account, since, answers)
    sending.cancel_some(follower, console)
    if gateway:
        sending.move_markets(follower, gateway, quotes, console)
    sending.follow_all(follower, console)
    reconciliations = inside.reconcile(at.session)
    follower.look()
    return Evidence(
        answers=answers,
        repeats=repeats,
        orders=follower.orders,
        executions=executions_since(desk, at.account, since),
        positions=list(desk.positions(account=at.account)),
        reconciliations=reconciliations,
        ledger=gateway.ledger() if gateway else None,
    )


def wait_until_tradable(at: Stage, console: Console) -> list[Quote]:
    """Prices of all sample instruments, once orders reach the broker; raises DemoError when they do not."""
    console.print("Waiting for the broker session and the prices of the instruments ...")
    if not inside.eventually(lambda: urls.answers(f"{at.http}/readyz")):
        raise DemoError(f"The broker session is not ready; {at.http}/readyz says why.")
    found = inside.eventually(inside.all_quotes)
    if not found:
        raise DemoError("The broker shows no price for the sample instruments: is its market data up?")
    prices = ", ".join(f"{quote.symbol} {quote.last_px:.2f}" for quote in found)
    console.print(f"Market: {prices}", soft_wrap=True)
    return found
