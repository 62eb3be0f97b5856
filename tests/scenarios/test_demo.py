"""`make demo ONCE=1`: the real processes, 240 orders by REST, and the gateway's own books to agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk.env import BASE_DIR
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.ports import free_port
from tradedesk.stack.template import fill

PORTS = ("--http", "--stream", "--flower", "--gateway-port", "--control-port")
# It brings servers of its own; those of the test run are not for it.
OTHERS = {"DATABASE_URL", "REDIS_URL", "PGOPTIONS", "TRADEDESK_DATA"}


def start_demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`manage.py demo --once` on free ports, outside a terminal."""
    ports = [text for option in PORTS for text in (option, str(free_port()))]
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--once", "--data", str(folder), *ports, *arguments],
        cwd=BASE_DIR,
        env={name: value for name, value in os.environ.items() if name not in OTHERS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, run to its end."""
    with start_demo(folder, *arguments) as demo:
        said = demo.communicate(timeout=560)
    return subprocess.CompletedProcess(demo.args, demo.returncode, *said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the database of a first start (which tests/integration/stack/test_up.py makes for real)."""
    with DataFolder(tmp_path_factory.mktemp("demo")) as folder:
        fill(folder)
    return folder.path


@pytest.mark.soak
def test_the_demo_completes_and_the_gateway_confirms_all_of_it(folder: Path) -> None:
    done = run_demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Sending orders 240/240 201 235, 422 5" in done.stdout
    assert "ok        every order is in the gateway's ledger exactly once (235)" in done.stdout
    assert "ok        marketable orders are COMPLETED (159)" in done.stdout
    for both in ("executions", "commissions", "positions"):
        assert re.search(rf"ok +{both} are equal on both sides \(\d+\)", done.stdout)
    assert re.search(r"received -> recorded +\d+\.\d +\d+\.\d +148", done.stdout)
    assert re.search(r"received -> completed +\d+\.\d +\d+\.\d +148", done.stdout)
    assert re.search(r"POSITIONS +ok +0", done.stdout)
    assert "All 12 checks passed." in done.stdout


def test_no_sample_order_goes_to_an_account_with_real_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEDESK_ACCOUNTS", "U7654321")
    done = run_demo(tmp_path, "--ib", "127.0.0.1:1")
    assert done.returncode == 1
    assert "U7654321 is not a paper account" in done.stderr
    assert not (tmp_path / "stack.lock").exists()
