"""What our executions since an account's baseline come to."""

from __future__ import annotations

from django.db.models import QuerySet

from brokers.models import BrokerAccount
from orders.models import Execution
from orders.models.execution import WHOLES
from orders.reconciliation.totals import TradedTotal, negative, sums


def since_baseline(account: BrokerAccount) -> list[TradedTotal]:
    """All that are not in it."""
    return between(account.code, account.baseline_execution)


def between(account: str, after: int, until: int | None = None) -> list[TradedTotal]:
    """Executions with ids in (after, until] that count, less those before that they corrected."""
    rows = Execution.objects.filter(account=account, id__gt=after).exclude(WHOLES)
    if until is not None:
        rows = rows.filter(id__lte=until)
    replaced = _replaced(account, after, rows)
    return [*sums(rows.filter(superseded=False)), *map(negative, sums(replaced))]


def _replaced(account: str, after: int, rows: QuerySet[Execution]) -> QuerySet[Execution]:
    """Of each execution corrected since: the version that counted at the baseline and does not any more."""
    later = rows.exclude(exec_id__endswith=".01").values_list("exec_root", "exec_id")  # nearly all end so
    roots = {root for root, exec_id in later if _is_correction(exec_id)}
    older = Execution.objects.filter(account=account, id__lte=after, exec_root__in=roots) if roots else None
    latest: dict[str, Execution] = {}
    for execution in older.order_by("exec_id") if older is not None else ():
        latest[execution.exec_root] = execution
    gone = [execution.pk for execution in latest.values() if execution.superseded]
    return Execution.objects.filter(pk__in=gone)


def _is_correction(exec_id: str) -> bool:
    """IB numbers the versions of an execution after the last dot, from 01."""
    return exec_id.rpartition(".")[2].lstrip("0") not in ("", "1")
