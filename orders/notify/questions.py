"""Asking the broker from a process that has no connection: a row, a ring, and the answer in the row.

The broker worker answers on a thread of its own, so that a slow answer holds up no order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from brokers.errors import BrokerError, BrokerRefused
from brokers.models import BrokerQuestion, GatewaySession, QuestionKind
from brokers.port import Link
from brokers.postgres import clock, database
from orders.errors import BrokerRefusedPreview, BrokerSilent
from orders.notify import wakeup

log = logging.getLogger(__name__)

TIMEOUT = 8.0  # seconds that an asker waits
PAUSES = (0.01, 0.25)  # seconds between two looks at the row, first and longest
HEARTBEAT_LIMIT = timedelta(seconds=10)
FORGET_AFTER = timedelta(hours=1)

Body = dict[str, Any]
Answer = Callable[[Body], Any]


def ask(session: str, kind: QuestionKind, body: Body, timeout: float = TIMEOUT) -> Any:
    """Ask the broker and wait; the answer as JSON. Never call it in a transaction.

    Raises BrokerSilent when no answer came (no worker, no link, a slow broker) and BrokerRefusedPreview
    when the broker said no.
    """
    require_link(session)
    question = BrokerQuestion.objects.create(session_id=session, kind=kind, body=body)
    wakeup.start_answers(session)
    deadline, pause = time.monotonic() + timeout, PAUSES[0]
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(PAUSES[1], pause * 1.5)
        question.refresh_from_db()
        if question.answered_at:
            return _read(question)
    raise BrokerSilent(session)


def require_link(session: str) -> None:
    """Nobody need wait for an answer that cannot come. Raises BrokerSilent."""
    row = GatewaySession.objects.get(pk=session)
    if row.link not in (Link.CONNECTED, Link.READY):
        raise BrokerSilent(session, row.link_reason or row.link)
    if row.heartbeat_at is None or clock.now() - row.heartbeat_at > HEARTBEAT_LIMIT:
        raise BrokerSilent(session, "its broker worker does not run")


def _read(question: BrokerQuestion) -> Any:
    if question.error_code == BrokerRefused.__name__:
        raise BrokerRefusedPreview(question.error)
    if question.error_code:
        raise BrokerSilent(question.session_id, question.error)
    return question.answer


def answer_waiting(session: str, answers: dict[QuestionKind, Answer]) -> int:
    """Put the waiting questions of the session to the broker; how many there were."""
    since = clock.now() - timedelta(seconds=TIMEOUT)
    waiting = list(
        BrokerQuestion.objects.filter(session_id=session, answered_at=None, asked_at__gt=since)[:20]
    )
    for question in waiting:
        _answer(question, answers[QuestionKind(question.kind)])
    return len(waiting)


def _answer(question: BrokerQuestion, answer: Answer) -> None:
    try:
        question.answer = answer(question.body)
    except BrokerError as error:
        question.error_code, question.error = type(error).__name__, str(error)
    except Exception as error:
        if database.is_away(error):
            raise  # asked again in the next turn
        log.exception("question not answered", extra={"kind": question.kind})
        question.error_code, question.error = "INTERNAL_ERROR", type(error).__name__
    question.answered_at = clock.now()
    question.save(update_fields=["answer", "error_code", "error", "answered_at"])


def forget_old() -> int:
    """Delete questions that nobody waits for any more."""
    return BrokerQuestion.objects.filter(asked_at__lt=clock.now() - FORGET_AFTER).delete()[0]
