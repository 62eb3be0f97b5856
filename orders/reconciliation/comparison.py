"""What still differs of orders, executions and commissions once a snapshot has been applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from brokers.fix import SecType
from brokers.formats import decimal_or_none, decimal_text, time_text
from brokers.messages import ExecutionReport, OrderAbsent, OrderReport, Snapshot, WorkingStatus
from brokers.models import BrokerAccount, Instrument
from brokers.postgres import clock, storable
from brokers.rows import Keys
from orders.booking.commissions import grace
from orders.booking.quantities import is_filled_but_for_busts
from orders.booking.request_answers import comparable
from orders.booking.working_set import WorkingSet, execution_id
from orders.models import AT_BROKER, DEAD, EXECUTED, Break, BreakKind, Execution, LostOrder, Order, State
from orders.models.execution import WHOLES, is_uneven, legs_of, shared_qty, shares_of, taken_back
from orders.reconciliation.breaks import Finding, as_evidence
from orders.reconciliation.snapshot_rows import parts

#: What is compared of an execution, after its account and id: both are one for two accounts of a group order.
COMPARED = ("account_id", "exec_id", "side", "last_qty", "last_px")
#: A combination's legs are looked at for so long after its last execution, and while a break is open.
LOOKED_BACK = timedelta(days=7)
#: Which of our states agree with what a snapshot says; any other pair is news.
AGREES: dict[WorkingStatus, tuple[State, ...]] = {
    WorkingStatus.HELD: (State.ACCEPTED, State.PARTIALLY_FILLED),
    WorkingStatus.IN_TRANSIT: (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.WORKING: (State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.PENDING_CANCEL: (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED),
    WorkingStatus.INACTIVE: (State.ACCEPTED, State.PARTIALLY_FILLED, *DEAD),
    WorkingStatus.UNKNOWN: tuple(set(State) - {State.SENT, State.UNCONFIRMED}),  # it proves nothing more
    WorkingStatus.FILLED: EXECUTED,
    WorkingStatus.CANCELED: (State.CANCELED, *EXECUTED, State.EXPIRED, State.REJECTED),
    WorkingStatus.EXPIRED: (State.EXPIRED, *EXECUTED),
    WorkingStatus.REJECTED: (State.REJECTED, State.FAILED, *EXECUTED),
}


def differs(order: Order, report: OrderReport, executions: Sequence[Execution]) -> bool:
    """Whether the report says something that the order and its executions do not."""
    if report.identity.perm_id and order.perm_id != report.identity.perm_id:
        return True  # not known yet, or of a second order behind the same reference
    if report.terms and order.is_alive and comparable(report.terms, order.terms) != order.terms:
        return True
    if order.state in DEAD and is_filled_but_for_busts(order, executions, report):
        return False
    if executions_missing(order, report, executions):
        return True
    if report.status is WorkingStatus.REJECTED and order.state == State.CANCELED:
        # What executed, or was canceled on request, is canceled here, whatever its end is called there.
        return not order.cum_qty and order.reason_code != "CANCELED_ON_REQUEST"
    return State(order.state) not in AGREES.get(report.status, ())


def executions_missing(order: Order, report: OrderReport, executions: Sequence[Execution]) -> bool:
    """Whether the order, over by the broker's word, has executed more than the executions we know.

    The gateway shows executions since midnight only; a completed order tells its quantity all the same, but
    for one that it calls filled, of which it may tell none. What was taken back may count there still.
    """
    if report.source != "completedOrder":
        return False
    told = report.cum_qty or (order.order_qty if report.status is WorkingStatus.FILLED else 0)
    return told > order.cum_qty and told > order.cum_qty + taken_back(order, executions)


# --- orders -------------------------------------------------------------------------------------------
def orders(
    session: str, snapshot: Snapshot, news: Sequence[OrderReport], missing: Iterable[OrderAbsent]
) -> list[Finding]:
    """Orders that the snapshot does not show, and those of which it says something else than our books.

    An order that changed after the snapshot began is not judged: it may be further than that.
    """
    return [*_not_shown(missing), *_shown_otherwise(session, snapshot, news)]


def _not_shown(missing: Iterable[OrderAbsent]) -> list[Finding]:
    ids = [UUID(absent.order_id) for absent in missing]
    rows = Order.objects.filter(pk__in=ids, state__in=AT_BROKER).select_related("instrument")
    return [_finding(order, f"is {order.state} here, and the broker does not show it", {}) for order in rows]


def _shown_otherwise(session: str, snapshot: Snapshot, news: Sequence[OrderReport]) -> list[Finding]:
    with transaction.atomic():
        known = WorkingSet(session, news)
    found = []
    for report in news:
        order = known.find(report)
        if (
            order is None
            or order.updated_at >= snapshot.started_at
            or not differs(order, report, known.executions(order))
        ):
            continue
        said = as_evidence(
            status=report.status, perm_id=report.identity.perm_id, cum_qty=report.cum_qty, text=report.text
        )
        found.append(_finding(order, _what_differs(order, report), said))
    return found


def _what_differs(order: Order, report: OrderReport) -> str:
    if order.perm_id != report.identity.perm_id:
        return f"is at the broker a second time, as perm_id {report.identity.perm_id}"
    return f"is {order.state} here, the broker says {report.status}"


def _of_order(
    order: Order,
    kind: BreakKind,
    key: str,
    *,
    text: str,
    ours: dict[str, str] | None = None,
    broker: dict[str, str],
) -> Finding:
    """A difference about one order."""
    return Finding(
        kind=kind,
        key=key,
        account=order.account_id,
        instrument_id=order.instrument_id,
        order_id=order.id,
        text=text,
        ours=ours or {},
        broker=broker,
    )


def _finding(order: Order, text: str, broker: dict[str, str]) -> Finding:
    return _of_order(
        order,
        BreakKind.ORDER,
        str(order.id),
        text=f"Order {order.cl_ord_id} {text}.",
        ours=as_evidence(state=order.state, perm_id=order.perm_id, cum_qty=decimal_text(order.cum_qty)),
        broker=broker,
    )


def lost_history(session: str) -> list[Finding]:
    """Orders that the broker shows as ours and that our books had lost, until they are ours again."""
    lost = LostOrder.objects.filter(session_id=session, rebuilt_at=None)
    return [_lost(one.order_ref, one.order) for one in lost.select_related("order__instrument")]


def _lost(order_ref: str, order: Order) -> Finding:
    said = as_evidence(
        **{"order_ref": order_ref, "status": order.state, "perm_id": order.perm_id, "side": order.side},
        **{
            name: decimal_or_none(getattr(order, name))
            for name in ("order_qty", "price", "cum_qty", "avg_px")
        },
    )
    return _of_order(
        order,
        BreakKind.LOST_HISTORY,
        order_ref,
        text=f"The broker has {order_ref} of ours, an order in {order.instrument}; our books had lost it.",
        broker=said,
    )


# --- executions ---------------------------------------------------------------------------------------
def executions(session: str, snapshot: Snapshot) -> list[Finding]:
    """Executions that one side has and the other has not, or that are not the same.

    What the broker took back before we knew of it need not be in our books.
    """
    busted = {(report.account, report.exec_root) for report in snapshot.executions if not report.last_qty}
    found = [one for part in parts(snapshot.executions) for one in _shown_unlike(session, part, busted)]
    return found + [_only_here(row) for row in _not_listed(session, snapshot)]


def _shown_unlike(
    session: str, reports: Sequence[ExecutionReport], busted: Collection[tuple[str, str]]
) -> list[Finding]:
    """Those of the broker's executions that our books do not have, or have otherwise."""
    shown = {(report.account, execution_id(report.exec_id)): report for report in reports}
    # Bare values: hardly one is needed as a whole.
    facts = _ours(session).filter(exec_id__in={exec_id for _, exec_id in shown})
    ours = {(account, key): (side, qty, px) for account, key, side, qty, px in facts.values_list(*COMPARED)}
    found = [
        _only_there(report)
        for key, report in shown.items()
        if key not in ours and report.last_qty and (report.account, report.exec_root) not in busted
    ]
    unlike = {key for key, fact in ours.items() if key in shown and not _same(fact, shown[key])}
    for row in _ours(session).filter(exec_id__in={exec_id for _, exec_id in unlike}):
        if (key := (row.account_id, row.exec_id)) in unlike:
            found.append(_unlike(row, shown[key]))
    return found


def _ours(session: str) -> QuerySet[Execution]:
    return Execution.objects.filter(account__session_id=session).select_related("order")


def _same(fact: tuple[str, Decimal, Decimal], report: ExecutionReport) -> bool:
    return fact == (report.side, storable.number(report.last_qty), storable.number(report.last_px))


def _not_listed(session: str, snapshot: Snapshot) -> list[Execution]:
    """Ours that the answer should hold: later than its first, of the same clients, known before it began."""
    if not snapshot.executions:
        return []
    first, clients, roots = None, set(), Keys()
    for report in snapshot.executions:
        first = min(first or report.transact_time, report.transact_time)
        clients.add(report.identity.client_id)
        roots.add(execution_id(report.exec_root))
    rows = _since_baseline(session).filter(
        superseded=False,
        transact_time__gt=first,
        received_at__lt=snapshot.started_at,
        order__broker_client_id__in=clients,
    )
    absent = [pk for pk, root in rows.values_list("pk", "exec_root").iterator() if root not in roots]
    return list(_ours(session).filter(pk__in=absent))


def _since_baseline(session: str) -> QuerySet[Execution]:
    accounts = BrokerAccount.objects.filter(session_id=session)
    after = accounts.aggregate(least=Min("baseline_execution"))["least"] or 0
    return Execution.objects.filter(id__gt=after, account__in=accounts)


def _only_there(report: ExecutionReport) -> Finding:
    return Finding(
        kind=BreakKind.EXECUTION,
        key=report.exec_id,
        account=report.account,
        text=f"Execution {report.exec_id} is at the broker and not in our books.",
        broker=_said(report),
    )


def _unlike(row: Execution, report: ExecutionReport) -> Finding:
    return _about(row, "is not the same at the broker", _said(report))


def _only_here(row: Execution) -> Finding:
    return _about(row, "is in our books and the broker does not show it", {})


def _about(row: Execution, text: str, broker: dict[str, str]) -> Finding:
    ours = as_evidence(side=row.side, transact_time=time_text(row.transact_time))
    return _of_execution(row, BreakKind.EXECUTION, f"Execution {row.exec_id} {text}.", ours, broker)


def _of_execution(
    row: Execution, kind: BreakKind, text: str, ours: dict[str, str], broker: dict[str, str]
) -> Finding:
    """A difference about one execution of ours."""
    return Finding(
        kind=kind,
        key=row.exec_id,
        account=row.account_id,
        instrument_id=row.order.instrument_id,
        order_id=row.order_id,
        text=text,
        ours=as_evidence(last_qty=decimal_text(row.last_qty), last_px=decimal_text(row.last_px)) | ours,
        broker=broker,
    )


def _said(report: ExecutionReport) -> dict[str, str]:
    return as_evidence(
        order_ref=report.identity.order_ref,
        perm_id=report.identity.perm_id,
        side=report.side,
        last_qty=decimal_text(report.last_qty),
        last_px=decimal_text(report.last_px),
        transact_time=time_text(report.transact_time),
    )


# --- combinations ---------------------------------------------------------------------------------------
def combinations(session: str, snapshot: Snapshot) -> list[Finding]:
    """Orders that are over and whose parts did not execute as the whole did: one leg alone, a share short."""
    told = Break.objects.filter(session_id=session, kind=BreakKind.EXECUTION, closed_at=None)
    # The broker may share out a moment after it has executed.
    settled_shares = Q(special__has_key="allocation", last_fill_at__lt=snapshot.started_at - grace())
    of_late = Q(last_fill_at__gte=snapshot.started_at - LOOKED_BACK) | Q(pk__in=told.values("order_id"))
    over = Order.objects.filter(
        of_late,
        Q(instrument__in=Instrument.objects.filter(sec_type=SecType.BAG)) | settled_shares,
        session_id=session,
        updated_at__lt=snapshot.started_at,
        state__in=(*DEAD, *EXECUTED),
    )
    rows = over.select_related("instrument").prefetch_related("executions")
    return [
        _unshared(order) if order.is_allocated else _uneven(order)
        for order in rows
        if is_uneven(order, order.executions.all())
    ]


def _unshared(order: Order) -> Finding:
    """Shares that do not sum to what the whole executed."""
    executions = order.executions.all()
    shares = {share.account: decimal_text(share.qty) for share in shares_of(order, executions)}
    said = ", ".join(f"{qty} in {account}" for account, qty in shares.items()) or "none"
    text = (
        f"Group order {order.cl_ord_id} has {decimal_text(order.cum_qty)} executed, and the shares of its"
        f" accounts come to {decimal_text(shared_qty(order, executions))}: {said}."
    )
    return _of_order(
        order,
        BreakKind.EXECUTION,
        f"shares of {order.id}",
        text=text,
        ours=as_evidence(**shares),
        broker=as_evidence(executed=decimal_text(order.cum_qty)),
    )


def _uneven(order: Order) -> Finding:
    legs = legs_of(order, order.executions.all())
    said = ", ".join(
        f"{decimal_text(done)} of {con_id}, not {decimal_text(due)}"
        for con_id, (done, due) in legs.items()
        if done != due
    )
    whole = f"is {order.state} with {decimal_text(order.cum_qty)} executed"
    return _of_order(
        order,
        BreakKind.EXECUTION,
        f"legs of {order.id}",
        text=f"Combination {order.cl_ord_id} {whole}, and its legs are uneven: {said}.",
        ours=as_evidence(**{str(con_id): decimal_text(done) for con_id, (done, _) in legs.items()}),
        broker=as_evidence(**{str(con_id): decimal_text(due) for con_id, (_, due) in legs.items()}),
    )


# --- commissions --------------------------------------------------------------------------------------
def commissions(session: str) -> list[Finding]:
    """Executions that wait for their commission for longer than it may lag."""
    late = clock.now() - grace()
    rows = _since_baseline(session).filter(
        commission=None, superseded=False, last_qty__gt=0, received_at__lt=late
    )
    told = "The broker has not told the commission of execution"
    return [
        _of_execution(row, BreakKind.COMMISSION, f"{told} {row.exec_id}.", {}, {})
        for row in rows.exclude(WHOLES).select_related("order")[:1000]
    ]
