"""How often submissions ran, for how long and what they sent, counted in Redis by what started them.

A wiped Redis begins at zero, as a counter of a restarted process does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from orders.notify.redis_client import request_client
from orders.notify.wakeup import publisher


class StartedBy(StrEnum):
    """What can start a submission."""

    TASK = "task"  # Celery's
    SWEEP = "sweep"


@dataclass(frozen=True)
class SubmissionCount:
    """The sums of one session and starter."""

    session: str
    started_by: str
    runs: float
    seconds: float
    commands: float


def count_submission(session: str, started_by: StartedBy, *, seconds: float, commands: int) -> None:
    """Add one run; nobody waits for Redis."""
    key = _key(session)
    publisher.send(
        ("HINCRBY", key, f"{started_by}:runs", 1),
        ("HINCRBYFLOAT", key, f"{started_by}:seconds", f"{seconds:.6f}"),
        ("HINCRBY", key, f"{started_by}:commands", commands),
    )


def submission_counts(sessions: Collection[str]) -> list[SubmissionCount]:
    """The sums of these sessions; raises one of REDIS_ERRORS."""
    with request_client().pipeline(transaction=False) as asking:
        for session in sessions:
            asking.hgetall(_key(session))
        answers = asking.execute()
    return [
        SubmissionCount(session, by, *(float(sums.get(f"{by}:{part}".encode(), 0)) for part in PARTS))
        for session, sums in zip(sessions, answers, strict=True)
        for by in StartedBy
    ]


PARTS = ("runs", "seconds", "commands")


def _key(session: str) -> str:
    return f"{settings.REDIS_KEY_PREFIX}submissions:{session}"
