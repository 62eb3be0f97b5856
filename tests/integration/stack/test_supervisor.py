"""The supervisor: what dies is started again, the others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import Process
from tradedesk.stack.processes.plan import News, Plan, begin, plan_for, write_plan
from tradedesk.stack.processes.process import end, is_gone, marked, spawn, wait_until
from tradedesk.stack.processes.restarts import PAUSES, STEADY, Death, Return
from tradedesk.stack.processes.supervisor import Keeper, Options

SLEEP = ("sh", "-c", "echo hello; exec sleep 300")
HANGS = """
    mkdir -p $TRADEDESK_HEARTBEATS
    echo '{"name": "one", "state": "working", "at": 0}' >$TRADEDESK_HEARTBEATS/$$.json
    echo hello; exec sleep 300
"""
WORKS_LATER = """
    echo hello; sleep 1; mkdir -p $TRADEDESK_HEARTBEATS; at=$(cut -d' ' -f1 /proc/uptime); echo works
    echo '{"name": "web", "state": "working", "at": '$at'}' >$TRADEDESK_HEARTBEATS/$$.json
    exec sleep 300
"""
FAILS = ("sh", "-c", "echo hello; echo ValueError: no such setting; exit 3")
Start = Callable[..., tuple[subprocess.Popen[bytes], Plan]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor for processes given by name; waits until each has said something."""
    started: list[subprocess.Popen[bytes]] = []

    def run(
        *hand_over: str,
        echo: bool = False,
        after: Mapping[str, Sequence[str]] = {},
        **commands: tuple[str, ...],
    ) -> tuple[subprocess.Popen[bytes], Plan]:
        for folder in ("logs", "run"):
            (tmp_path / folder).mkdir(exist_ok=True)
        listed = [
            Process(
                name=name,
                argv=argv,
                env={"MY_SECRET": "100% '\"; secret"},
                hands_over=name in hand_over,
                after=tuple(after.get(name, ())),
            )
            for name, argv in commands.items()
        ]
        plan = plan_for(listed, logs=tmp_path / "logs", run=tmp_path / "run", echo=echo)
        begin(plan)
        argv = [sys.executable, "-m", "tradedesk.stack.processes.supervisor", str(write_plan(plan))]
        started.append(spawn(argv, env=os.environ, log=tmp_path / "supervisor.out", cwd=BASE_DIR))
        assert wait_until(lambda: all("hello" in log(plan, name) for name in commands), limit=60)
        for name in commands:
            eventually(plan.pid_file(name).exists)
        return started[0], plan

    yield run
    for supervisor in started:
        end(supervisor)


def log(plan: Plan, name: str) -> str:
    path = plan.log(name)
    return path.read_text() if path.exists() else ""


def pid(plan: Plan, name: str) -> int:
    return int(plan.pid_file(name).read_text())


def news(plan: Plan, count: int) -> list[Death | Return]:
    """The first so many news."""
    eventually(lambda: len(News(plan)()) >= count)
    return News(plan)()[:count]


def test_what_dies_is_started_again_and_the_others_go_on(start: Start) -> None:
    supervisor, plan = start(one=SLEEP, two=SLEEP)
    killed, other = pid(plan, "one"), pid(plan, "two")
    os.kill(killed, signal.SIGKILL)
    died, back = news(plan, 2)
    assert str(died) == (
        f"The process one was killed by SIGKILL. It is started again at once. Log: {plan.log('one')}"
    )
    assert str(back) == f"The process one was started again, pid {pid(plan, 'one')}."
    assert killed != pid(plan, "one")
    assert pid(plan, "two") == other
    assert not is_gone(other)
    assert supervisor.poll() is None


def test_what_keeps_dying_is_named_and_pauses_ever_longer(start: Start) -> None:
    _, plan = start(bad=FAILS, good=SLEEP)
    deaths = [one for one in news(plan, 6) if isinstance(one, Death)]
    assert [death.pause for death in deaths] == [*PAUSES[: len(deaths)]]
    assert len(deaths) >= 3
    assert str(deaths[2]).startswith(
        "The process bad keeps dying, 3 times in a row: it ended by itself, exit code 3"
        " (ValueError: no such setting). It is started again in 2 s."
    )
    assert max(PAUSES) == 30
    assert not is_gone(pid(plan, "good"))


def test_a_start_that_ended_before_anybody_looked_is_told_and_counts(tmp_path: Path) -> None:
    plan = plan_for([Process(name="bad", argv=FAILS, env={})], logs=tmp_path, run=tmp_path, echo=False)
    keeper = Keeper(Options(plan))
    for _ in range(4):
        ended = spawn(FAILS, env=os.environ, log=plan.log("bad"), cwd=tmp_path)
        ended.wait()
        keeper.restarts["bad"].started_at -= STEADY  # it paused as long
        keeper.died(
            SimpleNamespace(process=SimpleNamespace(pid=ended.pid, config=SimpleNamespace(name="bad")))
        )
    deaths = [one for one in News(plan)() if isinstance(one, Death)]
    assert [death.pause for death in deaths] == [*PAUSES[:4]]
    assert [type(one) for one in News(plan)()] == [Death, *[Return, Death] * 3]


def test_a_process_that_hangs_is_killed_and_started_again(start: Start) -> None:
    _, plan = start(one=("sh", "-c", HANGS), two=SLEEP)
    other = pid(plan, "two")
    died, _ = news(plan, 2)
    assert str(died).startswith("The process one was killed by SIGKILL (it hung: one (pid ")
    assert (pid(plan, "two"), is_gone(other)) == (other, False)


def test_what_a_dead_process_left_behind_ends_before_its_successor_starts(start: Start) -> None:
    _, plan = start(one=("sh", "-c", "sleep 300 & echo hello; wait"))
    (orphan,) = psutil.Process(pid(plan, "one")).children()
    os.kill(pid(plan, "one"), signal.SIGKILL)
    news(plan, 2)
    assert eventually(lambda: is_gone(orphan))


def test_the_broker_hands_over_before_the_others_stop(start: Start, tmp_path: Path) -> None:
    told = tmp_path / "told"
    first = f"trap 'sleep 1; echo handed over >>{told}; exit' TERM; echo hello; while :; do sleep 0.1; done"
    other = f"trap 'echo other >>{told}; exit' TERM; echo hello; while :; do sleep 0.1; done"
    supervisor, _ = start("broker", web=("sh", "-c", other), broker=("sh", "-c", first))
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert told.read_text().split("\n") == ["handed over", "other", ""]


def test_an_onlooker_is_started_once_those_it_comes_after_work(start: Start, tmp_path: Path) -> None:
    web = tmp_path / "logs/web.log"
    onlooker = f"echo hello, web $(tail -n 1 {web}); exec sleep 300"
    _, plan = start(
        after={"onlooker": ["web"]}, onlooker=("sh", "-c", onlooker), web=("sh", "-c", WORKS_LATER)
    )
    assert log(plan, "onlooker") == "hello, web works\n"


@pytest.mark.soak
def test_nobody_waits_for_ever_for_one_that_does_not_come_to_work(start: Start) -> None:
    # It returns once both have said something.
    supervisor, _ = start(after={"onlooker": ["web"]}, onlooker=SLEEP, web=SLEEP)
    assert supervisor.poll() is None


def test_nothing_is_started_again_while_it_stops(start: Start) -> None:
    supervisor, plan = start(one=SLEEP, bad=FAILS)
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert all("one" not in one.who for one in News(plan)())
    assert marked(plan.mark) == []


def test_processes_end_with_a_killed_supervisor(start: Start) -> None:
    supervisor, plan = start(one=SLEEP, two=SLEEP)
    supervisor.kill()
    supervisor.wait()
    assert eventually(lambda: all(is_gone(process) for process in marked(plan.mark)))


def test_grandchildren_end_too(start: Start) -> None:
    supervisor, plan = start(one=("sh", "-c", "sleep 300 & echo hello; wait"))
    (grandchild,) = psutil.Process(pid(plan, "one")).children()
    supervisor.terminate()
    supervisor.wait(60)
    assert eventually(lambda: is_gone(grandchild))


def test_a_password_reaches_its_process_and_no_file(start: Start, tmp_path: Path) -> None:
    _, plan = start(one=("sh", "-c", 'echo hello "$MY_SECRET"; exec sleep 300'))
    assert log(plan, "one") == "hello 100% '\"; secret\n"
    assert not (tmp_path / "run" / "plan.json").exists()
    assert "secret" not in "".join(file.read_text() for file in (tmp_path / "run").iterdir())


def test_each_process_has_its_own_log_and_the_former_is_kept(start: Start, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").write_text("former run\n")
    _, plan = start(one=SLEEP)
    assert log(plan, "one") == "hello\n"
    assert (tmp_path / "logs" / "one.log.1").read_text() == "former run\n"


def test_the_terminal_shows_whole_lines_with_their_process(start: Start, tmp_path: Path) -> None:
    start(echo=True, one=("sh", "-c", "printf hel; sleep 0.3; echo lo; exec sleep 300"))
    assert eventually(lambda: " one | hello\n" in (tmp_path / "supervisor.out").read_text())
