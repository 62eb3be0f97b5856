"""Runs the processes of a stack under honcho: all of them, or none.

A process of its own, because honcho forks and takes over the signals, which neither the progress
display of the demo nor a test run would bear. Usage: `python -m tradedesk.stack.supervisor PLAN`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import sys
from dataclasses import asdict, dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

import honcho.manager
from honcho.printer import Message, Printer

from tradedesk.env import BASE_DIR
from tradedesk.stack.folder import write_private
from tradedesk.stack.processes import Process

LOG_BYTES = 5_000_000  # per file; one older file is kept beside it
STOPPED = re.compile(r"(?P<name>\S+) stopped \(rc=(?P<code>-?\d+)\)")
# Honcho kills what has not stopped after this time; a broker worker needs some to hand its work over.
honcho.manager.KILL_WAIT = 15


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one supervisor runs: command lines by name, folders, and whether the terminal shows the logs."""

    commands: dict[str, list[str]]
    env: dict[str, dict[str, str]]
    logs: str
    run: str
    echo: bool

    @property
    def obituary(self) -> Path:
        """The file that names the process that died first and its exit code, when one did unasked."""
        return Path(self.run) / "died.json"


def plan_for(processes: list[Process], *, logs: Path, run: Path, echo: bool) -> Plan:
    """The plan that runs these processes."""
    return Plan(
        commands={process.name: list(process.argv) for process in processes},
        env={process.name: dict(process.env) for process in processes},
        logs=str(logs),
        run=str(run),
        echo=echo,
    )


def write_plan(plan: Plan) -> Path:
    """Write the plan where only we can read it, for it carries passwords; returns the file.

    What a former run left in the folder is removed.
    """
    for former in Path(plan.run).iterdir():
        former.unlink()
    path = Path(plan.run) / "plan.json"
    write_private(path, json.dumps(asdict(plan)))
    return path


def pid_file(run: Path, name: str) -> Path:
    """Where a process's pid is noted."""
    return run / f"{name}.pid"


class Logs(Printer):
    """Writes each process's lines to its own bounded log, and to the terminal when asked."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(sys.stdout)
        self.plan = plan
        self.stopping = False
        self.files = {name: self.open(name) for name in [*plan.commands, "system"]}

    def open(self, name: str) -> RotatingFileHandler:
        """A fresh log; the former run's is kept as NAME.log.1."""
        handler = RotatingFileHandler(
            Path(self.plan.logs) / f"{name}.log", maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8"
        )
        if Path(handler.baseFilename).stat().st_size:
            handler.doRollover()
        return handler

    def write(self, message: Message) -> None:
        """Take one line of a process, or of honcho itself about one."""
        text = message.data.decode(errors="replace") if isinstance(message.data, bytes) else message.data
        record = logging.makeLogRecord({"msg": text.rstrip("\n")})
        self.files[message.name].handle(record)
        if message.name == "system":
            self.notice(text)
        if self.plan.echo:
            super().write(message)

    def notice(self, text: str) -> None:
        """Note who died first; whoever stops after that, or after a request to stop, was told to."""
        died = STOPPED.match(text)
        if died and not self.stopping:
            write_private(self.plan.obituary, json.dumps({"name": died["name"], "code": int(died["code"])}))
        if died or text.startswith("sending") or text.rstrip().endswith("received"):
            self.stopping = True


def command(name: str, argv: list[str], run: Path) -> str:
    """The shell line that honcho starts: it notes the pid, then becomes the process."""
    return f"echo $$ > {shlex.quote(str(pid_file(run, name)))}; exec {shlex.join(argv)}"


def main(path: str) -> int:
    """Run a plan until it is asked to stop or one process ends; then all others are ended too."""
    plan = Plan(**json.loads(Path(path).read_text()))
    Path(path).unlink()
    manager = honcho.manager.Manager(Logs(plan))
    for name, argv in plan.commands.items():
        line = command(name, argv, Path(plan.run))
        manager.add_process(name, line, env={**os.environ, **plan.env[name]}, cwd=str(BASE_DIR))
    manager.loop()
    return 1 if plan.obituary.exists() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
