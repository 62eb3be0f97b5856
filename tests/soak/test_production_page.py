"""docs/production.md, "A paper desk in half an hour", followed word by word up to the simulated gateway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import free_port
from tradedesk.stack.processes.process import end, spawn

SECTION = re.search(
    r"^## A paper desk in half an hour$(.*?)^## ",
    (BASE_DIR / "docs/production.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
APT = r"^sudo (?=apt-get )"
#: On a machine of somebody's own nothing that is there is made newer.
FRESH_MACHINE = "FRESH_MACHINE" in os.environ


def blocks() -> list[str]:
    """The two blocks of commands, as they stand there."""
    assert SECTION is not None
    first, second = re.findall(r"```sh\n(.*?)```", SECTION[1], re.DOTALL)
    return [first, second]


def can_install(apt: str) -> bool:
    """Whether the packages could be installed here; asked without doing it."""
    if not shutil.which("apt-get"):
        return False
    argv = ["apt-get", "install", "--simulate", "--no-upgrade", *apt.split("install -y ")[1].split()]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def installs(commands: str) -> tuple[str, str]:
    """The commands as this machine can follow them, and what that leaves out."""
    apt = "\n".join(line for line in commands.splitlines() if re.match(APT, line))
    if FRESH_MACHINE and shutil.which("sudo"):
        return commands, "nothing"
    if os.geteuid() or (not FRESH_MACHINE and not can_install(apt)):
        return re.sub(rf"{APT}.*\n", "", commands, flags=re.MULTILINE), f"no root, or not installable: {apt}"
    commands = re.sub(APT, "", commands, flags=re.MULTILINE)
    if FRESH_MACHINE:
        return commands, "sudo, for root"
    return commands.replace("install -y", "install -y --no-upgrade"), "sudo, for root; upgrades"


@pytest.fixture
def checkout(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Path]:
    """Somebody's home folder, after the first block; `make up` runs as long as the test does."""
    http, *others = (free_port() for _ in range(5))
    ports = " ".join(
        f"--{name} {port}"
        for name, port in zip(("stream", "flower", "gateway-port", "control-port"), others, strict=True)
    )
    first, _ = blocks()
    first, left_out = installs(re.sub(r"^REPOSITORY=\S+", f"REPOSITORY={BASE_DIR}", first))
    record_property("left out of the page:", left_out)
    first = first.replace('ARGS="--ib 127.0.0.1:4002"', f'ARGS="--http {http} {ports}"')
    unwanted = ("DATABASE_URL", "REDIS_URL", "TRADEDESK_DATA", "PGOPTIONS", "SECRET_KEY")
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    log = tmp_path / "up.log"
    process = spawn(["bash", "-euc", first], env=env, log=log, cwd=tmp_path)
    try:
        eventually(lambda: "Tradedesk is up" in log.read_text(), limit=900, pause=1)
        (tmp_path / "tradedesk/port").write_text(str(http))
        yield tmp_path / "tradedesk"
    finally:
        end(process, grace=60)


def test_the_page_leads_to_an_order_at_the_gateway_and_a_backup(checkout: Path) -> None:
    _, second = blocks()
    http = (checkout / "port").read_text()
    done = subprocess.run(
        ["bash", "-euc", second.replace(":8000", f":{http}")],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), "no_proxy": "127.0.0.1"},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"cl_ord_id":"first-1"' in done.stdout.replace('": "', '":"')
    assert re.search(r"^ok +role ", done.stdout, re.MULTILINE)
    assert list((checkout / "backups").glob("tradedesk-*/manifest.json"))
