"""Putting the simulated gateway together and running it until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _ArgumentGroup
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from os import environ
from pathlib import Path

from brokers.simulator.connection import Connection
from brokers.simulator.control import serve_control
from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.fault_actions import FaultActions
from brokers.simulator.faults.scenarios import Scenario, ScenarioError, load
from brokers.simulator.gateway.clients.pacing import RATE, PacingMode
from brokers.simulator.gateway.gateway import DEFAULT_ACCOUNT, Gateway
from brokers.simulator.gateway.memory.retention import MAX_FINISHED
from brokers.simulator.gateway.texts.home import HomeZone, TimeForm
from brokers.simulator.journal import COMPACT_ABOVE, Journal, JournalError
from brokers.simulator.server import Hub, TwsPort
from brokers.simulator.wire.codec import DEFAULT_VERSION, NEWEST_VERSION, OLDEST_VERSION


class StartError(Exception):
    """The gateway cannot start; the text is one sentence for the user."""


def money(text: str) -> Decimal:
    """An amount above zero from the command line; raises ArgumentTypeError."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is not an amount") from None
    if not (amount.is_finite() and amount > 0):
        raise ArgumentTypeError(f"{text!r} is not an amount above zero")
    return amount


def server_version(text: str) -> int:
    """A version that the codec speaks, from the command line; raises ArgumentTypeError."""
    if not text.isdecimal() or not OLDEST_VERSION <= int(text) <= NEWEST_VERSION:
        raise ArgumentTypeError(
            f"{text!r} is no version from {OLDEST_VERSION} to {NEWEST_VERSION} (later ones speak protobuf)"
        )
    return int(text)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line, the same for `manage.py simgateway` and `python -m brokers.simulator`."""
    add_wire(parser.add_argument_group("its ports, and how it speaks"))
    add_login(parser.add_argument_group("who is logged in"))
    add_exchange(parser.add_argument_group("its exchanges, and what it keeps"))


def add_wire(group: _ArgumentGroup) -> None:
    """Where it listens, and what a real gateway's settings say of its messages."""
    group.add_argument("--host", default="127.0.0.1", help="address of the TWS port (default %(default)s)")
    group.add_argument("--port", type=int, default=4002, help="TWS port (default %(default)s)")
    group.add_argument("--control-port", type=int, default=4003, help="HTTP, loopback (default %(default)s)")
    group.add_argument(
        "--server-version",
        type=server_version,
        default=DEFAULT_VERSION,
        help=f"announced to clients, {OLDEST_VERSION} to {NEWEST_VERSION} (default %(default)s)",
    )
    group.add_argument("--master-client-id", type=int, help="this client receives every client's orders")
    group.add_argument(
        "--pacing",
        type=PacingMode,
        choices=list(PacingMode),
        default=PacingMode.OFF,
        help=f"more than {RATE} messages a second: reject (error 100), delay, or off (default)",
    )
    group.add_argument(
        "--time-zone",
        default="UTC",
        help="the gateway's own, by the name that it writes (NAME=Area/City for a name of its own)",
    )
    group.add_argument(
        "--time-form",
        type=TimeForm,
        choices=list(TimeForm),
        default=TimeForm.ZONE,
        help="executions' times: with their zone (default), in UTC with a dash, or without a zone",
    )


def add_login(group: _ArgumentGroup) -> None:
    """The login's accounts, with their money."""
    group.add_argument(
        "--accounts",
        type=lambda text: tuple(text.split(",")),
        default=(DEFAULT_ACCOUNT,),
        help=f"the login's accounts, separated by commas (default {DEFAULT_ACCOUNT})",
    )
    group.add_argument(
        "--advisor", default="", help="the login is an advisor's, with this account of its own"
    )
    # A day of tests, or 100,000 resting orders, must not end at the margin check of the million that IB
    # gives a paper account.
    group.add_argument(
        "--cash",
        type=money,
        default=Decimal(1_000_000_000),
        help="USD that each account begins with (%(default)s)",
    )


def add_exchange(group: _ArgumentGroup) -> None:
    """How the market moves, what goes wrong, and what is remembered of it."""
    group.add_argument("--seed", type=int, default=0, help="seed of the market makers (default %(default)s)")
    group.add_argument(
        "--calendar",
        action="store_true",
        help="keep the exchanges' hours and holidays (default: always open)",
    )
    group.add_argument("--scenario", help="what goes wrong: a built-in scenario's name, or a file")
    group.add_argument("--data", type=Path, help="data folder (default $TRADEDESK_DATA or .tradedesk)")
    group.add_argument(
        "--keep-finished",
        type=int,
        default=MAX_FINISHED,
        help="finished orders remembered at most, until the end of the next day (default %(default)s)",
    )
    group.add_argument(
        "--snapshot-above",
        type=int,
        default=COMPACT_ABOVE,
        help="bytes above which the journal is replaced by a snapshot (default %(default)s)",
    )


def data_directory(data: Path | None) -> Path:
    """Return the folder of the gateway's own data."""
    return (data or Path(environ.get("TRADEDESK_DATA") or ".tradedesk")) / "simgateway"


def run(options: Namespace, announce: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or SIGINT; raises StartError if that is not possible."""
    try:
        scenario = load(options.scenario) if options.scenario else None
    except ScenarioError as error:
        raise StartError(str(error)) from error
    try:
        journal = Journal(data_directory(options.data), options.snapshot_above)
    except JournalError as error:
        raise StartError(str(error)) from error
    try:
        asyncio.run(_serve(options, scenario, journal, announce))
    except JournalError as error:
        raise StartError(str(error)) from error
    finally:
        journal.close()


async def _serve(
    options: Namespace, scenario: Scenario | None, journal: Journal, announce: Callable[[str], None]
) -> None:
    try:
        gateway = _gateway(options)
    except ValueError as error:
        raise StartError(str(error)) from error
    journal.replay(gateway.state)
    gateway.begin(journal.append)
    hub = Hub(gateway, journal)
    hub.end_turn()
    fault_actions = FaultActions(hub)
    loop = asyncio.get_running_loop()
    hub.listener = TwsPort(options.host, options.port, lambda: Connection(hub))
    with _port(options.port):
        await hub.listener.open()
    with _port(options.control_port):
        control = serve_control(hub, fault_actions, options.control_port)
    if scenario is not None:
        gateway.faults.seed = options.seed if scenario.seed is None else scenario.seed
        fault_actions.arm(scenario.fault)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    hub.failed.add_done_callback(lambda failed: stop.set())
    where = f"{options.host}:{options.port}, control on 127.0.0.1:{options.control_port}"
    announce(f"simulated gateway ready on {where}")
    await stop.wait()
    hub.listener.close()
    control.stop()
    hub.close()
    if hub.failed.done():
        raise hub.failed.result()


def _gateway(options: Namespace) -> Gateway:
    return Gateway(
        load_universe(today=datetime.now(UTC).date()),
        clock=lambda: datetime.now(UTC),
        seed=options.seed,
        accounts=options.accounts,
        advisor=options.advisor,
        master_client_id=options.master_client_id,
        keeps_hours=options.calendar,
        cash=options.cash,
        keep_finished=options.keep_finished,
        pacing=options.pacing,
        home=HomeZone(options.time_zone, options.time_form),
        server_version=options.server_version,
    )


@contextmanager
def _port(port: int) -> Iterator[None]:
    """Turn the failure to listen on a port into one sentence."""
    try:
        yield
    except OSError as error:
        raise StartError(f"cannot listen on port {port}: {error.strerror or error}") from error
