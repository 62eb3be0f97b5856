"""Corrections that change what an execution was: its side, its contract or its account.

Then it is not our order's any more: the version before counts no longer, the new one is booked on an order of
its own, as somebody else's. So position and cost follow the broker, our order has what was truly executed
of it, and a person decides what is to become of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from brokers.formats import decimal_text
from brokers.messages import ExecutionReport
from orders.booking import quantities
from orders.booking.matching import agrees, facts_of
from orders.booking.working_set import WorkingSet, execution_id
from orders.models import AlertKind, Cause, EventKind, Execution, Order, Source, State
from orders.models.execution import newest
from orders.notify.alerts import raise_alert

#: So many earlier versions of an execution are looked for when nothing else names its order.
EARLIER_VERSIONS = 9


def find_corrected(known: WorkingSet, report: ExecutionReport) -> Order | None:
    """The order of the earlier versions of an execution that names none itself; locked from now on.

    None where there is none, or it cannot be its order by side, contract and account.
    """
    root, _, version = report.exec_id.rpartition(".")
    if not report.exec_root or int(version) < 2:
        return None
    earlier = range(max(1, int(version) - EARLIER_VERSIONS), int(version))
    known.fetch_executed([execution_id(f"{root}.{number:0{len(version)}}") for number in earlier])
    found = known.versions(execution_id(report.exec_root))
    orders = (known.orders[execution.order_id] for execution in found)
    return next((order for order in orders if agrees(order, facts_of(report))), None)


def versions_of(known: WorkingSet, order: Order, execution: Execution) -> list[Execution]:
    """All versions of an execution, on whichever orders.

    Executions of a group order may have one id in each account; any other order of ours has one account, so a
    version in another one is the same execution, corrected. The same id in two accounts is no version: it is
    one execution in each of them, whoever's order that is.
    """
    told = known.versions(execution.exec_root)
    is_shared = len({one.exec_id for one in told}) < len(told)
    return [
        one
        for one in told
        if one.account_id == execution.account_id
        or (not is_shared and (_has_one_account(order) or _has_one_account(known.orders[one.order_id])))
    ]


def _has_one_account(order: Order) -> bool:
    return order.source != Source.EXTERNAL and not order.is_allocated


def follow_move(
    known: WorkingSet, order: Order, execution: Execution, versions: Sequence[Execution], cause: Cause
) -> list[Order]:
    """Recount the other orders that have versions of an execution of this one; ours wait for a person."""
    others = {one.order_id: known.orders[one.order_id] for one in versions if one.order_id != order.id}
    if not others:
        return []
    counts = newest(versions)
    place = known.orders[counts.order_id]
    what = f"{counts.side} {decimal_text(counts.last_qty)} {counts.symbol} at {decimal_text(counts.last_px)}"
    text = (
        f"{counts.exec_id} corrects an execution to {what} in {counts.account_id}, of {place.cl_ord_id} now"
    )
    for one in (order, *others.values()):
        quantities.recount(one, known.executions(one))
        # On each of them: the audit seals anew which executions an order's events name.
        one.record_event(EventKind.BROKER_NOTICE, cause.saying(text, {"exec_id": counts.exec_id}))
        if one.source == Source.EXTERNAL:
            _stand_for_correction(one)
        else:
            one.hold(cause.saying(text))
            raise_alert(AlertKind.CORRECTION, order=one, subject=counts.exec_root[:120], text=text)
    return list(others.values())


def _stand_for_correction(order: Order) -> None:
    """It is as large as what was corrected, and without that it is over: there is no order behind it."""
    order.closed_as = State.CANCELED
    order.order_qty = order.cum_qty or order.order_qty
    order.touched = True
