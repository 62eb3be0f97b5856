"""The command line of every process of the system: the one place.

The local stack, the demo, the scenario tests and the check of docker-compose.yml read it from here. A
process gets everything else (where servers are, keys, the gateway) from its environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tradedesk.env import BASE_DIR, broker_sessions
from tradedesk.stack.options import StackOptions
from tradedesk.stack.ports import HOST

PYTHON = sys.executable
MANAGE = (PYTHON, str(BASE_DIR / "manage.py"))
#: What a submission sent and how long it took, without a click.
FLOWER_COLUMNS = "--tasks_columns=name,state,result,received,runtime,worker"
#: No order passes through these; a system that is started for a moment can do without.
ONLOOKERS = ("flower", "stream")
STACK_MARK = "TRADEDESK_STACK_OF"  # set for the processes of a local stack alone: by it they are found


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process: its command line and what it has in its environment beyond what all have.

    `health` is a URL that answers 200 once the process serves; None when it has no door of its own.
    `needs` names the servers without which it cannot start. One that `hands_over` its work when it stops is
    given time for it, before any other is stopped. One that comes `after` others leaves them the processor
    until they work.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    health: str | None = None
    needs: frozenset[str] = frozenset({"postgres", "redis"})
    hands_over: bool = False
    after: tuple[str, ...] = ()


def processes(options: StackOptions) -> list[Process]:
    """All processes of a stack, in the order in which they are started: first what an order passes."""
    own_gateway = [] if options.ib else [simgateway(options)]
    trading = [web(options.http), *(broker(session) for session in broker_sessions())]
    others = [stream(options.stream), worker(), beat(options.data), flower(options.flower)]
    first = tuple(process.name for process in trading)
    return [*own_gateway, *trading, *(replace(process, after=first) for process in others)]


def simgateway(options: StackOptions) -> Process:
    """The simulated IB gateway."""
    ports = ("--port", str(options.gateway_port), "--control-port", str(options.control_port))
    return Process(
        name="simgateway",
        argv=(*MANAGE, "simgateway", *ports, "--data", str(options.data)),
        health=f"http://{HOST}:{options.control_port}/orders",
        needs=frozenset(),
    )


def web(port: int) -> Process:
    """API and admin; a synchronous server has twice the throughput of ASGI for this work."""
    return Process(
        name="web",
        argv=(
            *granian("wsgi", "tradedesk.wsgi:application", port),
            "--workers",
            "1",
            "--blocking-threads",  # so many bodies may be slow; settings.WEB_TURNS are worked at once
            "64",
        ),
        health=f"http://{HOST}:{port}/healthz",
    )


def stream(port: int) -> Process:
    """Server-sent events."""
    return Process(
        name="stream",
        argv=granian("asgi", "tradedesk.asgi:application", port),
        health=f"http://{HOST}:{port}/healthz",
    )


def granian(interface: str, application: str, port: int) -> tuple[str, ...]:
    """A granian server on loopback."""
    address = ("--host", HOST, "--port", str(port))
    # Without the timeout a SIGTERM in the first second, while a worker starts, is waited for in vain.
    limits = ("--no-ws", "--workers-kill-timeout", "8")
    return (PYTHON, "-m", "granian", "--interface", interface, *limits, *address, application)


def broker(session: str) -> Process:
    """The broker worker of one session: it owns the connection to the gateway."""
    name = "broker" if session == "main" else f"broker-{session}"
    return Process(name=name, argv=(*MANAGE, "brokerworker", session), hands_over=True)


def worker() -> Process:
    """The worker for everything that does not touch a broker connection."""
    # Of the threads at most four wait for the receivers of webhooks (orders.webhooks.deliver.AT_ONCE).
    pool = ("-P", "threads", "-c", "6", "-Q", "default", "-n", "worker@%h")
    # Mingling would add a second to each start; the heartbeat stays, Flower shows the worker by it.
    talk = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
    return Process(name="worker", argv=celery("worker", *pool, *talk))


def beat(data: Path) -> Process:
    """The scheduler; its schedule file is a cache and may be lost."""
    return Process(
        name="beat",
        argv=celery("beat", "--schedule", str(data / "beat-schedule"), "--pidfile", "", "--loglevel", "INFO"),
    )


def flower(port: int) -> Process:
    """The view of the workers, for people of the desk by their own logins."""
    return Process(
        name="flower",
        argv=(
            *(PYTHON, "-m", "tradedesk.workers.flower"),
            *(f"--address={HOST}", f"--port={port}", FLOWER_COLUMNS),
        ),
        health=f"http://{HOST}:{port}/healthcheck",
    )


def celery(command: str, *arguments: str) -> tuple[str, ...]:
    """The worker or the beat of this project, without the plugins of Celery's own command."""
    return (PYTHON, "-m", "tradedesk.workers.commands", command, *arguments)


def environment(
    options: StackOptions, *, database_url: str, redis_url: str, secret_key: str
) -> dict[str, str]:
    """The environment that all processes of a stack share: ours, and where everything is.

    None of them gets the login that owns the database: that is for `migrate` alone.
    """
    gateway = {"TRADEDESK_SIM_CONTROL": f"http://{HOST}:{options.control_port}"} if not options.ib else {}
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
    return {
        **inherited,
        **gateway,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secret_key,
        "TRADEDESK_DATA": str(options.data),
        STACK_MARK: str(options.data),
        "TRADEDESK_GATEWAY": options.gateway,
        "TRADEDESK_STREAM_URL": f"http://{HOST}:{options.stream}",
        "TRADEDESK_WEB_ORIGINS": f"http://{HOST}:{options.http},http://localhost:{options.http}",
        "TRADEDESK_FLOWER_URL": f"http://{HOST}:{options.flower}",
        "DJANGO_SETTINGS_MODULE": "tradedesk.settings",
        "PYTHONUNBUFFERED": "1",  # a log that stops before the crash helps nobody
        "MALLOC_ARENA_MAX": "2",  # a heap for each thread keeps a peak of its own: docs/decisions/0079
    }
