"""Runs the processes of a stack under supervisord, which starts again what dies.

A process of its own, because supervisord forks and takes over the signals, which neither the progress
display of the demo nor a test run would bear. Usage: `python -m tradedesk.stack.processes.supervisor PLAN`.

What we add to supervisord: an order of starting, pauses that are capped, a line for each death, the end of
whatever a dead process left behind, and that processes die with their supervisor.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.loggers import Handler
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

from tradedesk.env import BASE_DIR
from tradedesk.liveness import READY, Alive, heard_of
from tradedesk.stack.processes.plan import Plan, configuration, read_plan, write_news
from tradedesk.stack.processes.process import death_notice, kill_group
from tradedesk.stack.processes.restarts import Restarts, Return

FROZEN_AFTER = 5.0  # seconds between two looks: we did not run ourselves
HANGS_AFTER = 60.0  # seconds without a heartbeat
HEAD_START = 10.0  # seconds for those that others wait for
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)  # of a terminal (ECMA-48), in turn


class Options(ServerOptions):
    """supervisord's configuration from a plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.endings: dict[int, int] = {}  # exit code or negative signal, by pid
        path = Path(plan.run) / "supervisord.conf"
        path.write_text(configuration(plan))
        self.realize(["--configuration", str(path)])
        self.first = True
        self.test = False
        self.logfile = str(plan.log("supervisor"))
        self.pidfile = str(plan.pid_file("supervisor"))
        for group in self.process_group_configs:
            for process in group.process_configs:
                process.command = shlex.join(plan.commands[process.name])
                process.environment = plan.env[process.name]
                process.directory = str(BASE_DIR)
                process.stdout_logfile = str(plan.log(process.name))
                process.autostart = not plan.after[process.name]

    def setpgrp(self) -> None:
        """Called in the new process: a session of its own, and SIGTERM when the supervisor dies."""
        os.setsid()
        death_notice(signal.SIGTERM)()

    def waitpid(self) -> tuple[int | None, int | None]:
        """Take notice of how each one ended; supervisord itself tells it only to its log."""
        pid, status = super().waitpid()
        if pid:
            self.endings[pid] = os.waitstatus_to_exitcode(status)
        return pid, status


class Keeper(Supervisor):
    """supervisord, and what we want to be told."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.plan = options.plan
        self.restarts = {name: Restarts() for name in self.plan.commands}
        self.pids: dict[str, int] = {}
        self.terminal = Terminal(list(self.plan.commands))
        self.hung: dict[int, Alive] = {}  # by the pid of the process that was killed for it
        self.began = time.monotonic()
        self.awake_since, self.looked_at = float("-inf"), self.began

    def runforever(self) -> None:
        """Listen to what happens; supervisord has just forgotten who listened before."""
        events.subscribe(events.ProcessStateExitedEvent, self.died)
        events.subscribe(events.ProcessStateBackoffEvent, self.died)
        events.subscribe(events.ProcessStateStoppedEvent, self.stopped)
        if self.plan.echo:
            events.subscribe(events.ProcessLogStdoutEvent, self.terminal.show)
        self.tick()  # start them now, not after a round
        super().runforever()

    def died(self, event: Any) -> None:
        """A process ended that nobody asked to; its orphans end before its successor wants their ports."""
        process = event.process
        name = process.config.name
        self.note_pid(name, process.pid)  # it may have ended before a round saw it
        self.end_orphans(process)
        code = self.options.endings.pop(process.pid, 127)
        hung = self.hung.pop(process.pid, None)
        death = self.restarts[name].died(
            f"The process {name}", code, self.plan.log(name), f"it hung: {hung}" if hung else ""
        )
        process.delay = time.time() + death.pause
        write_news(self.plan, death)

    def stopped(self, event: Any) -> None:
        """A process ended as it was asked to."""
        self.end_orphans(event.process)

    def end_orphans(self, process: Any) -> None:
        """SIGKILL what a dead process left behind; one that could not even be forked has no pid."""
        if process.pid:
            kill_group(process.pid)

    def tick(self, now: float | None = None) -> None:
        """The end of each round of supervisord: start what died at once, not a round (a second) later."""
        super().tick(now)
        heard = heard_of(self.plan.heartbeats)
        working = self.working(heard)
        for group in self.process_groups.values():
            for process in group.processes.values():
                process.config.autostart = working.issuperset(self.plan.after[process.config.name])
            group.transition()
            for process in group.processes.values():
                self.note_pid(process.config.name, process.pid)
        self.kill_what_hangs(heard)

    def working(self, heard: list[Alive]) -> set[str]:
        """Whoever says so in its heartbeat; all of them once their head start is over."""
        if time.monotonic() - self.began > HEAD_START:
            return set(self.plan.commands)
        leaders = {leader_of(each.pid) for each in heard if each.state in READY}
        return {name for name, pid in self.pids.items() if pid in leaders}

    def kill_what_hangs(self, heard: list[Alive]) -> None:
        """SIGKILL whose heartbeat has stopped, or that of a process it started; it is started again then.

        While the whole machine slept nobody could beat: a late look of ours gives everybody the time anew.
        """
        now = time.monotonic()
        if now - self.looked_at > FROZEN_AFTER:
            self.awake_since = now
        self.looked_at = now
        for each in heard:
            if min(each.age, now - self.awake_since) > HANGS_AFTER:
                self.kill_program_of(each)

    def kill_program_of(self, hung: Alive) -> None:
        """All of the program, also where only a process hangs that it started."""
        leader = leader_of(hung.pid)
        (self.plan.heartbeats / f"{hung.pid}.json").unlink(missing_ok=True)
        if leader in self.pids.values():
            self.hung[leader] = hung
            kill_group(leader)

    def note_pid(self, name: str, pid: int) -> None:
        """Note the pid of a process that was just started, and say so if it had died."""
        if pid in (0, self.pids.get(name)):
            return
        with suppress(OSError):  # a full disk must not end the supervisor
            self.plan.pid_file(name).write_text(str(pid))
        self.restarts[name].started()
        if name in self.pids:
            write_news(self.plan, Return(who=f"The process {name}", pid=pid))
        self.pids[name] = pid


def leader_of(pid: int) -> int:
    """The process that we started, of which this one is a part; 0 when it is gone meanwhile."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


class Terminal:
    """Shows what the processes write, each whole line with the time and the name."""

    def __init__(self, names: list[str]) -> None:
        self.width = max(map(len, names), default=0)
        self.begun = dict.fromkeys(names, b"")
        self.colours = dict(zip(names, cycle(COLOURS), strict=False)) if sys.stdout.isatty() else {}

    def show(self, event: Any) -> None:
        """Take what one process wrote, which may end within a line."""
        name = event.process.config.name
        *lines, self.begun[name] = (self.begun[name] + event.data).split(b"\n")
        head = f"{time.strftime('%H:%M:%S')} {name:{self.width}} | "
        if colour := self.colours.get(name):
            head = f"\x1b[{colour}m{head}\x1b[0m"
        with suppress(OSError):  # the process must be read on, whatever became of our own output
            for line in lines:
                print(head + line.decode(errors="replace"), flush=True)


def lose_line(handler: Handler) -> None:
    """What cannot be logged is lost: supervisord would print why, to an output as full, and end by that."""


def main(path: str) -> int:
    """Run a plan until it is asked to stop (SIGTERM)."""
    Handler.handleError = lose_line  # type: ignore[method-assign]
    with suppress(ExitNow):  # how supervisord says that all have stopped
        Keeper(Options(read_plan(Path(path)))).main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
