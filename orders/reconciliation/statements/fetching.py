"""Fetching the day's statements: one step at a time, each state stored, so that nothing is asked for twice.

A statement is asked for once and then waited for: asking again would queue a second one. The service takes
one request a second and ten a minute of a token, so one step is taken in a run and none while another
worker's goes on. No transaction is open while the service is asked.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from brokers.flex import Flex
from brokers.postgres import clock, storable
from orders.models import AlertKind, StatementRequest, StatementRequestState
from orders.notify.alerts import clear_alert, raise_alert
from orders.reconciliation.statements.files import NoStatement
from orders.reconciliation.statements.reading import Outcome, read_statement
from orders.reconciliation.statements.web_service import Answer, Service, Told

log = logging.getLogger(__name__)
STATES = StatementRequestState
OPEN = (STATES.TO_ASK, STATES.ASKED)
#: Between any two requests of one token, with room for clocks: ten a minute at the most.
APART = timedelta(seconds=7)
LEASE = timedelta(minutes=6)  # above the longest answer
#: Pauses before the same statement is asked for again, the last one for good.
POLLS = [timedelta(seconds=seconds) for seconds in (5, 10, 20, 30, 60, 120, 300)]
PAUSES = {
    Answer.LATER: timedelta(minutes=15),
    Answer.NOT_YET: timedelta(hours=1),
    Answer.SLOWER: timedelta(minutes=1),
    Answer.LOCKED: timedelta(hours=4),
}
#: After so long a person is told; the service goes on being asked.
LATE = timedelta(hours=5, minutes=30)
CHANGING = [
    *(
        "state",
        "reference",
        "url",
        "attempts",
        "polls",
        "code",
        "text",
        "not_before",
        "asked_since",
        "ended_at",
    ),
]
MOST_ANEW = 3  # times in a row; each failure counts towards a lock
LONGEST_WAIT = timedelta(hours=2)  # for one reference, then it is asked for anew


def work() -> int:
    """Take the next step of the day's statements, if one is due; how many were taken."""
    flex: Flex | None = settings.FLEX
    if flex is None:
        return 0
    now = clock.now()
    if day := flex.at.due(now):
        rows = [StatementRequest(query=name, day=day) for name in flex.queries]
        StatementRequest.objects.bulk_create(rows, ignore_conflicts=True)
        older = StatementRequest.objects.filter(day__lt=day, state__in=OPEN)
        older.update(state=STATES.STOPPED, ended_at=now, text="A newer day is asked for instead.")
    tell_late(now)
    row = _taken(flex, now)
    if row is None:
        return 0
    _step(flex, row)
    return 1


def again(query: str) -> bool:
    """A person has it asked for now; whether there is such a query."""
    if settings.FLEX is None or query not in settings.FLEX.queries:
        return False
    now = clock.now()
    StatementRequest.objects.update_or_create(
        query=query,
        day=now.date(),
        defaults={
            **{"state": STATES.TO_ASK, "not_before": now, "began_at": now, "ended_at": None},
            **{"text": "", "attempts": 0, "told": False},
        },
    )
    return True


def _taken(flex: Flex, now: datetime) -> StatementRequest | None:
    """The next request that is due, leased, unless one was made just now."""
    rows = StatementRequest.objects.filter(query__in=flex.queries)
    row = rows.filter(state__in=OPEN, not_before__lte=now).order_by("not_before", "pk").first()
    if row is None or rows.filter(asked_at__gt=now - APART).exists():
        return None
    mine = StatementRequest.objects.filter(pk=row.pk, state__in=OPEN, not_before=row.not_before)
    return row if mine.update(not_before=now + LEASE, asked_at=now) else None


def _step(flex: Flex, row: StatementRequest) -> None:
    service = Service(base=flex.url, token=flex.token)
    if row.state == STATES.TO_ASK:
        told = service.ask(flex.queries[row.query])
        row.attempts += 1
    else:
        told = service.fetch(row.url, row.reference)
        row.polls += 1
    said = told.text.replace(flex.token, "(token)")  # whatever the broker quotes
    row.code, row.text = told.code, storable.text(said, 500)
    _go_on(row, told)
    row.save(update_fields=CHANGING)
    log.info("statement", extra={"query": row.query, "state": row.state, "code": row.code})


def _go_on(row: StatementRequest, told: Told) -> None:
    now = clock.now()
    match told.answer:
        case Answer.ACCEPTED:
            row.state, row.reference, row.url = STATES.ASKED, told.reference, told.url
            row.polls, row.not_before, row.asked_since = 0, now + APART, now
        case Answer.STATEMENT:
            _read(row, told)
        case Answer.WAIT if row.asked_since and now - row.asked_since < LONGEST_WAIT:
            row.not_before = now + max(APART, POLLS[min(row.polls, len(POLLS)) - 1])
        case Answer.SLOWER | Answer.UNREACHED:
            row.not_before = now + PAUSES[Answer.SLOWER]  # of the same reference: it is being made
        case Answer.ANEW if row.attempts < MOST_ANEW:
            row.state, row.not_before = STATES.TO_ASK, now + PAUSES[Answer.SLOWER]
        case Answer.PERSON:
            row.state = STATES.STOPPED
            _tell(row, f"The broker's web service refuses: {row.code} {row.text}")
        case Answer.LOCKED:
            row.state, row.not_before = STATES.TO_ASK, now + PAUSES[Answer.LOCKED]
            _tell(row, f"The broker's web service has locked the token for hours: {row.text}")
        case _:
            row.state, row.not_before = STATES.TO_ASK, now + PAUSES.get(told.answer, PAUSES[Answer.LATER])


def _read(row: StatementRequest, told: Told) -> None:
    """Read the file in; one that is no statement is asked for anew."""
    if told.file is None:
        raise ValueError("an answer without its file")
    try:
        with told.file as file:
            outcomes = read_statement(file, name=f"{row.query} {row.day}", by="system:flex")
    except NoStatement as error:
        row.state, row.not_before = STATES.TO_ASK, clock.now() + PAUSES[Answer.LATER]
        row.text = storable.text(str(error), 500)
        return
    row.state, row.ended_at, row.text = STATES.READ, clock.now(), storable.text(_in_words(outcomes), 500)
    clear_alert(AlertKind.STATEMENT, subject=subject_of(row.query), by="system")


def _in_words(outcomes: list[Outcome]) -> str:
    return "; ".join(
        f"{one.account}: {one.text}, {one.rows} rows, {len(one.differences)} differences" for one in outcomes
    )


def tell_late(now: datetime) -> None:
    """A person is told of statements that are not there hours after they were due."""
    late = StatementRequest.objects.filter(state__in=OPEN, began_at__lt=now - LATE, told=False)
    for row in late:
        if StatementRequest.objects.filter(pk=row.pk, told=False).update(told=True):
            _tell(row, f"It was not there in {LATE}: {row.code} {row.text}")


def _tell(row: StatementRequest, text: str) -> None:
    raise_alert(AlertKind.STATEMENT, subject=subject_of(row.query), text=f"Statement {row.query}: {text}")


def subject_of(query: str) -> str:
    """By which its alert is told apart."""
    return f"flex {query}"


def newest() -> list[StatementRequest]:
    """The newest request of each query, for the desk."""
    if settings.FLEX is None:
        return []
    rows = StatementRequest.objects.filter(query__in=settings.FLEX.queries)
    return list(rows.order_by("query", "-pk").distinct("query"))
