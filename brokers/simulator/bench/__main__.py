"""`python -m brokers.simulator.bench`: measure the simulated gateway; prints one JSON document."""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brokers.simulator.bench import growth, speed


def machine() -> dict[str, Any]:
    """Return what the machine was that measured, and how busy it was with other things."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "msgspec": version("msgspec"),
        "load_before": round(os.getloadavg()[0], 2),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> int:
    parser = ArgumentParser(prog="python -m brokers.simulator.bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="per round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed part (default %(default)s)")
    parser.add_argument(
        "--resting",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[0, 1_000, 10_000, 100_000],
        help="numbers of resting orders at which to measure (default 0,1000,10000,100000)",
    )
    parser.add_argument(
        "--samples", type=int, default=500, help="orders per measurement (default %(default)s)"
    )
    options = parser.parse_args()
    report = {
        "machine": machine(),
        "speed": speed.measure(options.orders, options.rounds),
        "growth": growth.measure(options.resting, options.samples),
        "finished": growth.finished(options.orders),
    }
    json.dump(report, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
