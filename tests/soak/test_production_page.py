"""docs/production.md, "A paper desk in half an hour", followed word by word up to the simulated gateway."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
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
#: Installing is for a machine of one's own: this one has what the tests need.
FRESH_MACHINE = "FRESH_MACHINE" in os.environ


def blocks() -> list[str]:
    """The two blocks of commands, as they stand there."""
    assert SECTION is not None
    first, second = re.findall(r"```sh\n(.*?)```", SECTION[1], re.DOTALL)
    return [first, second]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """Somebody's home folder, after the first block; `make up` runs as long as the test does."""
    http, *others = (free_port() for _ in range(5))
    ports = " ".join(
        f"--{name} {port}"
        for name, port in zip(("stream", "flower", "gateway-port", "control-port"), others, strict=True)
    )
    first, _ = blocks()
    first = first.replace("REPOSITORY", str(BASE_DIR))
    first = first.replace('ARGS="--ib 127.0.0.1:4002"', f'ARGS="--http {http} {ports}"')
    if not FRESH_MACHINE:
        first = re.sub(r"^sudo apt-get .*\n", "", first, flags=re.MULTILINE)
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
