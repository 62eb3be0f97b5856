"""Health: is the process alive, and can the whole do its work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from brokers.models import GatewaySession
from brokers.port import Link
from brokers.postgres import clock
from brokers.postgres.room import FULL_TEXT, has_room
from orders.notify import redis_client
from orders.notify.queues import waiting
from orders.risk.states import States
from orders.store.states import read_states
from tradedesk import clock_watch

HEARTBEAT_LIMIT = timedelta(seconds=5)
SLOW_DATABASE = 0.1  # seconds for a statement that does nothing; each order takes several
QUEUE_LIMIT = 60.0  # seconds that a task may wait for the worker
ROOM_EVERY = 10.0  # seconds between two tries while there is room
_room: tuple[float, bool] | None = None  # monotonic
PROBE = f"{settings.REDIS_KEY_PREFIX}readyz"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at; `needed` ones decide whether we are ready."""

    name: str
    ok: bool
    reason: str = ""
    needed: bool = True


@csrf_exempt  # so that a POST hears 405 and which methods there are
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is looked at."""
    return JsonResponse({"status": "alive"})


@csrf_exempt
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when orders reach the broker, 503 with reasons when not.

    Redis only carries wake-ups: without it, while the worker is behind, while the database is slow or our
    clock wrong, the answer is "degraded", and still 200.
    """
    checks = [check_database(), check_redis(), check_default_queue()]
    if checks[0].ok:
        states = read_states()
        checks += [
            check_database_room(),
            check_database_speed(),
            check_clock(),
            check_states(states),
            *check_sessions(states),
        ]
    ready = all(check.ok for check in checks if check.needed)
    status = "not ready" if not ready else "ready" if all(check.ok for check in checks) else "degraded"
    shown = {check.name: {"ok": check.ok, "reason": check.reason} for check in checks}
    answer = {"status": status, "checks": shown, "four_eyes": sorted(settings.FOUR_EYES)}
    return JsonResponse(answer, status=200 if ready else 503)


def check_database() -> Check:
    """One query, through the pool that all requests use."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        clock.refresh()
    except Error as error:
        return Check(name="database", ok=False, reason=first_line(error))
    return Check(name="database", ok=True)


def check_database_room() -> Check:
    """A full disk answers every question, and records no order. While there is room it is seldom tried."""
    global _room  # noqa: PLW0603 - one answer for all who ask this process
    if _room is None or time.monotonic() - _room[0] > ROOM_EVERY or not _room[1]:
        _room = time.monotonic(), has_room()
    return Check(name="database_room", ok=_room[1], reason="" if _room[1] else FULL_TEXT)


def check_database_speed() -> Check:
    """How long it takes to the database and back: orders go out all the same, later."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    took = time.monotonic() - began
    reason = f"The database takes {took:.2f} s to answer: look at its load and at the network."
    slow = took > SLOW_DATABASE
    return Check(name="database_speed", ok=not slow, reason=reason if slow else "", needed=False)


def check_clock() -> Check:
    """Each process's clock against the database's: comparisons are corrected, what people read is not."""
    wrong = clock_watch.told()
    off = clock.skew()  # ours may be known before it is told
    if abs(off) > clock.WRONG_ABOVE and not wrong:
        wrong = [clock_watch.words("this process", off)]
    return Check(name="clock", ok=not wrong, reason=" ".join(wrong), needed=False)


def check_redis() -> Check:
    """One small write, with the short timeout of requests: a full Redis and a demoted one answer a ping."""
    try:
        redis_client.request_client().set(PROBE, "1", ex=10)
    except redis.RedisError as error:
        return Check(name="redis", ok=False, reason=words_of(error), needed=False)
    return Check(name="redis", ok=True, needed=False)


def words_of(error: redis.RedisError) -> str:
    """What ails Redis, in words."""
    if isinstance(error, redis.OutOfMemoryError):
        return f"Redis is full: raise its maxmemory. {first_line(error)}"
    if isinstance(error, redis.ReadOnlyError):
        return f"Redis is read-only: REDIS_URL leads to a replica. {first_line(error)}"
    return first_line(error)


def check_default_queue() -> Check:
    """Whether the worker keeps up: nothing of an order waits there, reports and webhooks do."""
    try:
        (default,) = waiting([settings.CELERY_TASK_DEFAULT_QUEUE])
    except redis_client.REDIS_ERRORS as error:
        return Check(name="default_queue", ok=False, reason=first_line(error), needed=False)
    old = default.oldest > QUEUE_LIMIT
    reason = (
        f"The oldest of {default.messages} tasks waits for {default.oldest:.0f} s: is the worker running?"
    )
    return Check(name="default_queue", ok=not old, reason=reason if old else "", needed=False)


def check_states(states: States) -> Check:
    """What people have halted: the desk must be reached then more than ever, so it is not needed."""
    found = [str(in_force) for in_force in states.by_scope.values()]
    return Check(name="trading_states", ok=not found, reason="; ".join(sorted(found)), needed=False)


def check_sessions(states: States) -> list[Check]:
    """Every configured broker session: link READY, and its worker heard of lately."""
    rows = GatewaySession.objects.in_bulk(list(settings.BROKER_SESSIONS))
    return [check_session(name, rows.get(name), states) for name in settings.BROKER_SESSIONS]


def check_session(name: str, session: GatewaySession | None, states: States) -> Check:
    """One broker session."""
    return Check(name=f"session:{name}", ok=not (reason := why_not(session, states)), reason=reason)


def why_not(session: GatewaySession | None, states: States) -> str:
    """Why no order can go out on this session; empty when one can."""
    if session is None or session.heartbeat_at is None:
        return "No broker worker has run for it yet."
    age = clock.now() - session.heartbeat_at
    if age > HEARTBEAT_LIMIT:
        return f"Its broker worker was last heard of {age.total_seconds():.0f} s ago."
    if own := states.halts_itself(session.name):
        return f"It is HALTED: {own.reason}"
    if session.link != Link.READY:
        return f"The link is {session.link}: {session.link_reason or 'no reason given'}."
    return ""


def first_line(error: Exception) -> str:
    """An error in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
