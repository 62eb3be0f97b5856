"""Redis and Celery's queues: the doorbell must be heard, and nothing in it may be evicted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from brokers.postgres import clock
from orders.notify import redis_client
from orders.notify.queues import waiting
from tradedesk import health
from tradedesk.doctor.database import clock_finding
from tradedesk.doctor.findings import Finding, fail, ok, warn

FULL = 0.9  # of maxmemory


def examine() -> Iterator[Finding]:
    """All of it; an error of Redis goes up."""
    with redis_client.connected(socket_timeout=5, socket_connect_timeout=2) as client:
        info: dict[str, Any] = client.info()
        yield server(info)
        yield policy(info)
        yield persistence(info)
        yield memory(info)
        seconds, microseconds = client.time()
    theirs = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    yield clock_finding("clock_redis", (clock.machine_now() - theirs).total_seconds(), "Redis")
    yield queues()


def server(info: dict[str, Any]) -> Finding:
    """A primary that takes writes."""
    text = f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"
    probe = health.check_redis()
    if info.get("role") != "master":
        return fail("redis", f"{text} is a {info.get('role')}.", "Let REDIS_URL lead to the primary.")
    if not probe.ok:
        return fail(
            "redis", f"{text}: {probe.reason}", "Make room, or let REDIS_URL lead to one that can write."
        )
    return ok("redis", text)


def policy(info: dict[str, Any]) -> Finding:
    """Queues are keys: what evicts keys loses tasks."""
    found = info.get("maxmemory_policy", "unknown")
    if found != "noeviction":
        return fail("redis_policy", f"maxmemory-policy is {found}.", "Set maxmemory-policy noeviction.")
    return ok("redis_policy", "noeviction")


def persistence(info: dict[str, Any]) -> Finding:
    """A restart keeps the queues; without it the sweep finds the orders, and reports are made again."""
    if not info.get("aof_enabled"):
        return warn("redis_persistence", "A restart empties the queues.", "Set appendonly yes.")
    if info.get("aof_last_write_status") != "ok":
        return fail("redis_persistence", "Its log cannot be written.", "Look at the disk of Redis.")
    return ok("redis_persistence", "appendonly")


def memory(info: dict[str, Any]) -> Finding:
    """A full Redis refuses every task."""
    used, most = int(info["used_memory"]), int(info.get("maxmemory") or 0)
    if not most:
        return ok("redis_memory", f"{used // 2**20} MB used, no maxmemory")
    text = f"{used / most:.0%} of {most // 2**20} MB used"
    if used > FULL * most:
        return fail("redis_memory", text, "Raise maxmemory, or start more workers.")
    return ok("redis_memory", text)


def queues() -> Finding:
    """What waits for a worker."""
    found = waiting(queue.name for queue in settings.CELERY_TASK_QUEUES)
    old = [each for each in found if each.oldest > health.QUEUE_LIMIT]
    if old:
        text = ", ".join(f"{each.queue}: {each.messages}, oldest {each.oldest:.0f} s" for each in old)
        return fail("queues", text, "Start the worker of that queue, or more of them.")
    return ok("queues", f"{sum(each.messages for each in found)} messages, none older than a minute")
