"""The disk of the logs is full: nobody trades less for it, and it heals by itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.sickness import Measure, light_flow, readyz, trades_again
from tradedesk.chaos.up import Up
from tradedesk.stack.polling import eventually

DISK = 24  # MB
SICK = 20.0  # seconds


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose logs are on a small disk of their own."""
    logs = tmp_path / "data/logs"
    logs.mkdir(parents=True, mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=700", "none", str(logs)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a disk of its own needs the right to mount (CAP_SYS_ADMIN)")
    yield tmp_path / "data"
    subprocess.run(["umount", "--lazy", str(logs)], check=True)


def doctor(up: Up) -> str:
    """What it says; it fails, for the desk of a test is no deployment."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        up.manage("doctor")
    return str(failed.value.stdout)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk_for_logs_costs_no_order(data: Path, record_property: Measure) -> None:
    with Up(data) as up, light_flow(up, up.api, "full-disk") as flow:
        filler, taken = fill(data / "logs"), len(flow.taken)
        try:
            up.kill("beat")  # what dies meanwhile is started again all the same
            time.sleep(SICK)
            assert len(flow.taken) > taken + SICK
            assert f"0% of the disk of {up.folder / 'logs'} is free" in doctor(up)
            assert '"status": "ready"' in readyz(up.urls.http)
        finally:
            filler.unlink()
        size = up.log_size("worker")
        trades_again(up.api, record_property)
        eventually(lambda: up.log_size("worker") > size)
