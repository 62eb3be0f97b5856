"""What a break hangs on: executions, comparisons, what the broker said of them, rows of statements."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from brokers.formats import decimal_text
from orders.models import Break, BreakKind, Execution, OrderEvent, ReconciliationKind, ReconciliationRun
from orders.models.middle_office.statement import StatementRow

MOST = 10
KINDS = {
    BreakKind.POSITION: ReconciliationKind.POSITIONS,
    BreakKind.CASH: ReconciliationKind.CASH,
}


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One thing that a break hangs on; `raw` is what was said, word for word."""

    what: str
    text: str
    url: str = ""
    raw: str = ""


def traces_of(row: Break) -> list[Trace]:
    """All of them, executions first."""
    executions = _executions(row)
    return [
        *(_execution(one) for one in executions),
        *_messages(executions),
        *(_statement_row(one) for one in _statement_rows(row)),
        *_runs(row),
    ]


def names_of(row: Break) -> set[str]:
    """Ids of executions that the evidence of either side names."""
    sides = (row.ours, row.broker)
    told = {str(side.get(name, "")) for side in sides for name in ("exec_id", "ibExecID", "execID")}
    return (told | ({row.key} if row.kind == BreakKind.COMMISSION else set())) - {""}


def _executions(row: Break) -> list[Execution]:
    named = Q(exec_id__in=names_of(row)) & (Q(account=row.account_id) if row.account_id else Q())
    return list(Execution.objects.filter(named | Q(order=row.order_id or None)).order_by("pk")[:MOST])


def _execution(one: Execution) -> Trace:
    traded = f"{one.side} {decimal_text(one.last_qty)} {one.symbol} at {decimal_text(one.last_px)}"
    return Trace(
        what="execution",
        text=f"{one.exec_id}: {traded}",
        url=reverse("admin:orders_execution_change", args=[one.pk]),
    )


def _messages(executions: list[Execution]) -> list[Trace]:
    """The raw messages of which they came; one that is archived keeps its number."""
    events = OrderEvent.objects.filter(
        order__in={one.order_id for one in executions},
        data__exec_id__in=[one.exec_id for one in executions],
    )
    numbers = events.exclude(inbox=None).order_by("pk").values_list("inbox_id", "kind")[:MOST]
    return [
        Trace(
            what="raw message",
            text=f"{kind} came as message {number}",
            url=reverse("admin:brokers_inboxmessage_change", args=[number]),
        )
        for number, kind in numbers
    ]


def _statement_rows(row: Break) -> list[StatementRow]:
    if row.kind != BreakKind.STATEMENT or not names_of(row):
        return []
    rows = StatementRow.objects.filter(statement__account=row.account_id, exec_id__in=names_of(row))
    return list(rows.filter(statement__replaced=False).select_related("statement").order_by("pk")[:MOST])


def _statement_row(one: StatementRow) -> Trace:
    return Trace(
        what="statement",
        text=f"{one.section} of {one.statement}, file {one.statement.file_name}",
        url=reverse("desk:statements"),
        raw=json.dumps(one.raw, indent=1, ensure_ascii=False),
    )


def _runs(row: Break) -> list[Trace]:
    """The comparison that showed it first and the one that showed it last."""
    if row.kind == BreakKind.STATEMENT:
        return []
    kind = KINDS.get(BreakKind(row.kind), ReconciliationKind.ORDERS)
    runs = ReconciliationRun.objects.filter(session=row.session_id, kind=kind)
    first = runs.filter(finished_at__gte=row.first_seen).order_by("finished_at").first()
    last = runs.filter(started_at__lte=row.last_seen).order_by("-started_at").first()
    found = {run.pk: (word, run) for word, run in (("last", last), ("first", first)) if run}
    return [
        Trace(
            what="comparison",
            text=f"showed it {word}: {run}",
            url=reverse("admin:orders_reconciliationrun_change", args=[run.pk]),
        )
        for word, run in found.values()
    ]
