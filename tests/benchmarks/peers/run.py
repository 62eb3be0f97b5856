"""Each peer against a simulated gateway of its own, one after the other, and ours; ratios of the medians."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from django.core.management import call_command

from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import UNPACED, epoch, prepared
from tradedesk.bench.machine import machine
from tradedesk.bench.published import publish_peers
from tradedesk.stack.clients import ACCOUNT, Control
from tradedesk.stack.ports import free_port

HERE = Path(__file__).parent
LIMIT = 600.0  # seconds that one peer may take
#: (what is installed, the script that runs it); None: our own environment has it.
PEERS: dict[str, tuple[str | None, str]] = {
    "bare_ib_async": (None, "bare_ib_async.py"),
    "nautilus_trader": ("nautilus_trader[ib]==1.221.0", "nautilus_node.py"),
}


@dataclass(frozen=True, kw_only=True)
class Moments:
    """One order: called and told by the peer, read and filled by the gateway; epoch seconds."""

    called: float
    read: float
    written: float
    told: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--venvs", type=Path, default=Path.home() / ".cache" / "tradedesk-peers")
    parser.add_argument("--only", choices=sorted(PEERS), action="append")
    parser.add_argument("--write", action="store_true", help="into docs/performance.json and .md")
    wanted = parser.parse_args()
    at, before = datetime.now(UTC).isoformat(), machine()
    found = {name: measured(name, wanted.venvs, wanted.orders) for name in wanted.only or PEERS}
    found["tradedesk"] = ours(wanted.orders)
    ratios = {name: to_ours(found[name], found["tradedesk"]) for name in found if name != "tradedesk"}
    document = {"at": at, "machine": before, "orders": wanted.orders, "found": found}
    print(json.dumps({**document, "peer_to_ours_p50": ratios}, indent=2))
    if wanted.write:
        publish_peers(document)
        call_command("drawperformance", stdout=sys.stderr)


def measured(name: str, venvs: Path, orders: int) -> Document:
    """One peer against a gateway of its own."""
    package, script = PEERS[name]
    python = environment_of(name, package, venvs) if package else sys.executable
    with gateway() as (port, control), Control(f"http://127.0.0.1:{control}") as ledger:
        argv = [python, str(HERE / script), str(port), ACCOUNT, str(orders)]
        peer = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=HERE)
        begin = time.time()
        assert peer.stdout
        told = next((line for line in peer.stdout if line.startswith("{")), None)
        if told is None:
            raise SystemExit(f"{name} ended without an answer ({peer.wait()})")
        spent = psutil.Process(peer.pid).cpu_times() if peer.poll() is None else None
        peer.terminate()
        moments = joined(json.loads(told), ledger)
    return {
        "version": package or "as installed",
        "call_to_wire_ms": spread(one.read - one.called for one in moments),
        "fill_to_known_ms": spread(one.told - one.written for one in moments),
        "whole_lives_per_second": round(len(moments) / (time.time() - begin), 1),
        "processor_ms_per_order": round(1000 * (spent.user + spent.system) / orders, 2) if spent else None,
    }


def environment_of(name: str, package: str, venvs: Path) -> str:
    """The Python of a peer's own virtual environment, made the first time."""
    place = venvs / f"{name}-{package.rpartition('==')[2]}"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
    return str(python)


@contextmanager
def gateway() -> Iterator[tuple[int, int]]:
    """A simulated gateway: its port, and its control port."""
    port, control = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="tradedesk-peer-") as folder:
        argv = [sys.executable, "-m", "brokers.simulator", "--port", str(port), "--data", folder]
        argv += ["--control-port", str(control)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=dict(os.environ))
        try:
            assert process.stdout and b"ready" in process.stdout.readline()
            yield port, control
        finally:
            process.terminate()
            process.wait()


def joined(told: dict[str, dict[str, float]], ledger: Any) -> list[Moments]:
    """What the peer noted beside what the gateway did; a peer may add a suffix to its references."""
    read = {bare(row["order_ref"]): epoch(row["received_at"]) for row in ledger.orders()}
    written = {bare(row["order_ref"]): epoch(row["sent_at"]) for row in ledger.executions() if row["sent_at"]}
    return [
        Moments(called=at, read=read[ref], written=written[ref], told=told["filled"][ref])
        for ref, at in told["called"].items()
    ][1:]  # the first one warms everything


def bare(order_ref: str) -> str:
    """A reference as its maker named it."""
    return order_ref.partition(":")[0]


def ours(orders: int) -> Document:
    """The same of our own system: POST to wire, fill to heard on the stream."""
    from tradedesk.bench.latency import measured as measure
    from tradedesk.bench.latency import one_at_a_time

    with (
        tempfile.TemporaryDirectory(prefix="tradedesk-ours-") as folder,
        prepared(Path(folder) / "run", pacing=UNPACED) as ground,
    ):
        found = measure(ground, orders, one_at_a_time)
    return {
        "call_to_wire_ms": found["post_to_wire_ms"],
        "fill_to_known_ms": found["fill_to_stream_ms"],
        "whole_lives_per_second": found["orders_per_second"],
        "processor_ms_per_order": found["processor_ms_per_order"]["all"],
    }


def to_ours(peer: Document, own: Document) -> Document:
    """The peer's medians as parts of ours: below 1 it is quicker."""
    names = ("call_to_wire_ms", "fill_to_known_ms")
    return {name: round(peer[name]["p50"] / own[name]["p50"], 2) for name in names}
