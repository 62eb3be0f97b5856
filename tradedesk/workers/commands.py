"""Celery's worker and beat, without the command `celery` around them.

That one loads what every installed plugin brings: Flower, with a web server, in each process; 0.3 s of
processor time at each start and again after each crash.
"""

from __future__ import annotations

import click
from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker
from celery.signals import beat_init, worker_init

from tradedesk import env
from tradedesk.celery import app
from tradedesk.liveness import Heartbeat
from tradedesk.workers import steady


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """Run a Celery worker or beat of this project."""
    env.require_secret_key()  # webhooks are signed with it
    steady.heartbeat = Heartbeat(context.invoked_subcommand or "")
    context.obj = CLIContext(app=app, no_color=False, workdir=None, quiet=False)


@worker_init.connect
@beat_init.connect
def keep_clock(**_: object) -> None:
    """Know the right time before anything is published, or run, by it."""
    from tradedesk import clock_watch  # models: Django is set up only now

    clock_watch.keep(steady.heartbeat.name if steady.heartbeat else "").wait(clock_watch.FIRST_WITHIN)


main.add_command(worker)
main.add_command(beat)

if __name__ == "__main__":
    main()
