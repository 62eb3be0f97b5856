"""What the supervisor of the processes runs, and what it tells of them, as files in the data folder."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tradedesk.liveness import FOLDER
from tradedesk.stack.folder import write_private
from tradedesk.stack.processes.commands import Process
from tradedesk.stack.processes.restarts import STEADY, Death, Return

LOG_BYTES = 5_000_000  # per file; one older file is kept beside it
#: Seconds from SIGTERM to SIGKILL. A broker worker needs some to hand its work over, and is stopped first.
BROKER_GRACE, GRACE = 15, 8
SUPERVISED_MARK = "TRADEDESK_SUPERVISED_OF"  # by it the orphans of a killed supervisor are found


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one supervisor runs: command lines and environments by name, folders, and whether the terminal
    shows the logs. `first_to_stop` have ended before any other is asked to; `after` names those that one
    waits for at the start."""

    commands: dict[str, list[str]]
    env: dict[str, dict[str, str]]
    first_to_stop: list[str]
    after: dict[str, list[str]]
    logs: str
    run: str
    echo: bool

    def log(self, name: str) -> Path:
        """The log of a process, or of the supervisor itself."""
        return Path(self.logs) / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """Where the pid of a process, or of the supervisor, is noted."""
        return Path(self.run) / f"{name}.pid"

    @property
    def news(self) -> Path:
        """The file with one line for each death and each return, in order of time."""
        return Path(self.run) / "news.jsonl"

    @property
    def heartbeats(self) -> Path:
        """The folder in which the processes say that they live."""
        return Path(self.run) / "heartbeats"

    @property
    def mark(self) -> tuple[str, str]:
        """What every supervised process carries in its environment."""
        return SUPERVISED_MARK, self.run


def plan_for(processes: list[Process], *, logs: Path, run: Path, echo: bool) -> Plan:
    """The plan that runs these processes."""
    return Plan(
        commands={process.name: list(process.argv) for process in processes},
        env={
            process.name: {**process.env, SUPERVISED_MARK: str(run), FOLDER: str(run / "heartbeats")}
            for process in processes
        },
        first_to_stop=[process.name for process in processes if process.hands_over],
        after={process.name: list(process.after) for process in processes},
        logs=str(logs),
        run=str(run),
        echo=echo,
    )


def begin(plan: Plan) -> None:
    """A new run: remove what the former noted, keep its logs as NAME.log.1."""
    shutil.rmtree(plan.heartbeats, ignore_errors=True)
    for former in Path(plan.run).iterdir():
        former.unlink()
    for log in (plan.log(name) for name in [*plan.commands, "supervisor"]):
        if log.exists() and log.stat().st_size:
            log.replace(log.with_name(f"{log.name}.1"))


def write_plan(plan: Plan) -> Path:
    """Write the plan where only we can read it, for it carries passwords; returns the file."""
    path = Path(plan.run) / "plan.json"
    write_private(path, json.dumps(asdict(plan)))
    return path


def read_plan(path: Path) -> Plan:
    """Read a plan, and remove it: passwords do not stay on disk."""
    plan = Plan(**json.loads(path.read_text()))
    path.unlink()
    return plan


def write_news(plan: Plan, news: Death | Return) -> None:
    """Tell whoever holds the stack up."""
    with suppress(OSError), plan.news.open("a") as file:  # a full disk must not end the supervisor
        file.write(json.dumps(asdict(news)) + "\n")


class News:
    """Reads what the supervisor tells, each line once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.read = 0  # bytes

    def __call__(self) -> list[Death | Return]:
        """What is new since the last call."""
        if not self.plan.news.exists():
            return []
        with self.plan.news.open("rb") as file:
            file.seek(self.read)
            lines = [line for line in file.readlines() if line.endswith(b"\n")]
        self.read += sum(map(len, lines))
        rows = [json.loads(line) for line in lines]
        return [Death(**row) if "code" in row else Return(**row) for row in rows]


def configuration(plan: Plan) -> str:
    """What supervisord decides by, in its own form.

    Command lines, environments and paths are not in it (`tradedesk.stack.processes.supervisor` hands them
    over): they would have to be quoted three times, and passwords would be in a file.
    """
    others = [name for name in plan.commands if name not in plan.first_to_stop]
    groups = [("first_to_stop", plan.first_to_stop, 999), ("others", others, 1)]  # the highest stops first
    sections = ["[supervisord]\nnodaemon=true\nsilent=true\nminprocs=1\nnocleanup=true"]
    for group, names, priority in groups:
        if names:
            sections.append(f"[group:{group}]\nprograms={','.join(names)}\npriority={priority}")
        grace = BROKER_GRACE if group == "first_to_stop" else GRACE
        sections += [program(name, grace) for name in names]
    return "\n\n".join(sections) + "\n"


def program(name: str, grace: int) -> str:
    """One process: always started again; whether it died "too quickly" decides only how long it pauses."""
    return (
        f"[program:{name}]\ncommand=given-by-the-plan\n"
        f"autorestart=true\nstartsecs={STEADY}\nstartretries=1000000000\n"
        f"stopwaitsecs={grace}\nkillasgroup=true\n"
        f"redirect_stderr=true\nstdout_logfile=NONE\nstdout_logfile_maxbytes={LOG_BYTES}\n"
        "stdout_logfile_backups=1\nstdout_events_enabled=true"
    )
