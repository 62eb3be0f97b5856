"""What was measured on: machine, versions, and the processor time each process took."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

import psutil

from tradedesk.bench.figures import Document
from tradedesk.stack.processes.process import family_of
from tradedesk.stack.system import System

PACKAGES = ("django", "djangorestframework", "celery", "granian", "ib_async", "psycopg", "redis", "msgspec")


def machine() -> Document:
    """The machine, and how busy others keep it before we start."""
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def versions(system: System) -> Document:
    """Python, the libraries on the way of an order, and both servers."""
    libraries = {name: importlib.metadata.version(name) for name in PACKAGES}
    with system.redis.client() as client:
        redis_version = client.info("server")["redis_version"]
    (postgres_version,) = system.rows("SHOW server_version")[0]
    return {
        "tradedesk": importlib.metadata.version("tradedesk") if installed() else "source tree",
        "python": platform.python_version(),
        **libraries,
        "postgresql": postgres_version,
        "redis_protocol_server": redis_version,
    }


def installed() -> bool:
    """Whether this is an installed distribution, not a checkout."""
    try:
        importlib.metadata.version("tradedesk")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def processor_seconds(system: System) -> dict[str, float]:
    """User and system time of each process with its descendants since they started, and of this one."""
    times = {name: family_seconds(process.pid) for name, process in system.running.items()}
    for name, server in (("postgres", system.postgres), ("redis", system.redis)):
        times[name] = family_seconds(server.process.pid) if server.process else 0.0
    own = psutil.Process().cpu_times()
    return {**times, "load generator": own.user + own.system}


def family_seconds(pid: int) -> float:
    """Processor time of a process and its descendants, those that have ended included."""
    total = 0.0
    for member in family_of(pid):
        try:
            spent = member.cpu_times()
        except psutil.Error:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def spent_per(count: int, before: dict[str, float], after: dict[str, float]) -> Document:
    """Milliseconds of processor time per order, by process and in all: hardly moved by a busy machine."""
    each = {name: round((after[name] - before.get(name, 0.0)) * 1000 / count, 3) for name in after}
    return {**each, "all": round(sum(each.values()), 3)}


def resident_mb(system: System) -> Document:
    """Memory of each process of ours with its descendants in MiB (resident set)."""
    return {name: family_mb(process.pid) for name, process in system.running.items()}


def family_mb(pid: int) -> float:
    """Memory of a process and its descendants in MiB."""
    total = 0
    for member in family_of(pid):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return round(total / 2**20, 1)
