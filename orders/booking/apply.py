"""Applying what the broker says: the one way by which broker truth changes an order.

Everything comes from the inbox, in batches, rows of snapshots included. Any event may come twice, late, or
before the one it belongs to: quantities are recomputed from the executions, never added up; terminal states
are never left for an older message; what cannot be matched yet is parked and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from brokers.inbox import rows as inbox_rows
from brokers.inbox.applier import InboxItem
from brokers.messages import (
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    ExecutionsMissing,
    HandedOver,
    OrderAbsent,
    OrderReport,
    WorkingStatus,
)
from brokers.port import InboundMessage
from brokers.postgres import storable
from orders.booking import (
    codes,
    commissions,
    corrections,
    duplicates,
    effects,
    external,
    groups,
    lost_history,
    quantities,
    request_answers,
)
from orders.booking.flags import SessionFlags
from orders.booking.matching import WAYS, agrees, facts_of
from orders.booking.working_set import WorkingSet, execution_id
from orders.instruments import trading_days
from orders.models import (
    AT_BROKER,
    AlertKind,
    Cause,
    EventKind,
    Execution,
    Order,
    Source,
    State,
)
from orders.models.execution import Allocated, supersede
from orders.models.references import order_id_of
from orders.notify import wakeup
from orders.notify.alerts import raise_alert
from orders.sending import unknown_outcome
from orders.sending.refusals import MEANING

log = logging.getLogger(__name__)

#: As the column of an execution holds them: numeric(18, 6).
LARGEST_MULTIPLIER, MULTIPLIER_STEP = Decimal(10**12) - 1, Decimal("1e-6")

R = TypeVar("R", OrderReport, ExecutionReport)
A = TypeVar("A", bound=Order | None)


class NotYet(Exception):
    """What this message belongs to has not arrived."""


def apply_items(session: str, items: Sequence[InboxItem], flags: SessionFlags) -> None:
    """Store and apply a batch in one transaction, then notify the readers."""
    messages = inbox_rows.by_key(item for item in items if isinstance(item, InboundMessage))
    events = [item.event if isinstance(item, InboundMessage) else item for item in items]
    asked = SessionFlags()
    with transaction.atomic():
        statements = [inbox_rows.store(session, messages)] if messages else []
        working_set = WorkingSet(session, events, *statements)
        ids = {id(messages[key]): row for row, key in working_set.answer}
        rows = [(item, ids.get(id(item))) for item in items]
        # A commission counts though its key is stored: it may go back to what it was before.
        fresh = [
            (item, row)
            for item, row in rows
            if row is not None or isinstance(item, HandedOver) or isinstance(item.event, CommissionReport)
        ]
        if not fresh:
            return
        # Before what else is done once it is committed: readers wait for this, nobody for a line of the log.
        transaction.on_commit(wakeup.notify_readers, robust=True)
        if again := [item for item, row in fresh if row is None and isinstance(item, InboundMessage)]:
            inbox_rows.renew(session, again)
        applying = Applying(working_set, asked)
        for item, row_id in fresh:
            applying.apply(item, row_id)
        applying.finish()
    flags.add(asked)


class Applying:
    """One batch being applied to its working set."""

    def __init__(self, working_set: WorkingSet, flags: SessionFlags) -> None:
        self.set = working_set
        self.flags = flags
        self._touched: dict[Order, Cause] = {}
        #: Orders that were over when more was told of them than words.
        self._after_end: dict[Order, Cause] = {}
        self._lost: list[tuple[str, Order, Cause]] = []
        #: Orders of which only the costs are news: these move no other state than FILLED and COMPLETED.
        self._charged: dict[Order, Cause] = {}
        self._handlers: dict[type, Callable[[Any, Cause], None]] = {
            HandedOver: self._handed_over,
            OrderReport: self._order_report,
            ExecutionReport: self._execution,
            CommissionReport: self._commission,
            ErrorReport: self._error,
            OrderAbsent: self._absent,
            ExecutionsMissing: self._unexplained,
        }

    def apply(self, item: InboxItem, row_id: int | None) -> None:
        """Apply one item; raises NotYet when what it belongs to is not known."""
        if isinstance(item, InboundMessage):
            cause = Cause(actor="broker", at=item.received_at, inbox_id=row_id)
            self._handlers[type(item.event)](item.event, cause)
        else:
            self._handed_over(item, Cause(actor=f"session:{self.set.session}", at=item.sent_at))

    def finish(self) -> None:
        """Move what was touched to where its quantities say it is, and write it all."""
        for order in {**self._touched, **self._charged}:
            for execution in commissions.carry_over(self.set.executions(order)):
                self.set.touch_execution(execution)
        for order, cause in self._touched.items():
            quantities.watch_overfill(order, request_answers.ceiling(self.set, order), cause)
            quantities.settle(order, self.set.executions(order), cause)
            self.flags.group_moved |= order.group_id is not None and quantities.size_changed(order)
        for order, cause in self._charged.items():
            quantities.settle_costs(order, self.set.executions(order), cause)
        self.set.store()
        groups.look_again(self._after_end)
        for lost, order, cause in self._lost:
            lost_history.record(self.set, lost, order, cause)

    # --- our own word ------------------------------------------------------------------------------
    def _handed_over(self, sent: HandedOver, cause: Cause) -> None:
        order = self.set.orders.get(UUID(sent.order_id))
        if order and order.broker_order_id == sent.broker_order_id and order.sent_at is None:
            order.sent_at = sent.sent_at
            order.record_event(EventKind.HANDED_OVER, cause)

    # --- status ------------------------------------------------------------------------------------
    def _order_report(self, report: OrderReport, cause: Cause) -> None:
        order = self.set.find(report, cause.at) or self._behind(report)
        if order is None:
            order = self._adopted(report, cause, external.adopt_order)
            if order is None and _is_of_nobody(report):
                log.info("somebody's order without a number is over", extra={"status": report.status})
                return
            if order is None:
                raise NotYet(f"no order known for {report.identity}")
        if not self._learn(order, report, cause):
            self._follow_duplicate(order, report, cause)
            return
        self._record_answer(order)
        said = report.identity
        if order.perm_id is not None and not (said.perm_id or said.order_ref or report.terms):
            # A status that names its order by the order id only, while the broker has numbered ours, may be
            # of an older order whose id was given out again. A snapshot tells what became of ours.
            self.flags.snapshot_wanted |= report.status not in request_answers.LIVING
            return
        if report.status in duplicates.DEAD and duplicates.others_alive(order, order.perm_id):
            self._wait_for_others(order, cause)
            return
        if report.shown_again:
            effects.come_back(order, cause)
            self._after_end[order] = cause
            self.flags.group_moved |= order.group_id is not None
        if order.source == Source.EXTERNAL:
            if external.become_whole(order, report):
                quantities.recount(order, self.set.executions(order))
            external.follow_terms(order, report, cause)
        else:
            request_answers.follow_terms(self.set, order, report, cause)
        self.flags.snapshot_wanted |= effects.follow(self.set, order, report, cause.saying(text=report.text))
        self._touched.setdefault(order, cause)

    def _adopted(self, report: R, cause: Cause, adopt: Callable[[WorkingSet, R, Cause], A]) -> A | Order:
        """Record an order that nobody knows; one that carries a reference of ours is lost history."""
        lost = lost_history.reference_lost(self.set, report)
        order = (lost_history.repeat_of(self.set, lost, cause) if lost else None) or adopt(
            self.set, report, cause
        )
        if lost and order is not None:
            self._lost.append((lost, order, cause))
        return order

    def _learn(self, order: Order, report: OrderReport | ExecutionReport, cause: Cause) -> bool:
        """Take in the perm_id; whether the report is of the order that we know under it."""
        perm_id = report.identity.perm_id
        if perm_id and order.perm_id is None:
            order.perm_id = perm_id
            order.touched = True
            self.set.learn(order)
        elif perm_id and order.perm_id != perm_id:
            self._freeze(order, perm_id, cause)
            duplicates.learn(order, report.identity)
            return False
        return True

    def _behind(self, report: OrderReport | ExecutionReport | ErrorReport) -> Order | None:
        """Our order, when the report names another one behind its reference by a number only."""
        ref = duplicates.order_ref_of(report.identity)
        return self.set.fetch(ref) if ref else None

    def _of_sibling(self, report: ExecutionReport) -> Order | None:
        """Our order, of which the broker has a second one under this permId, and executes that."""
        order = self._behind(report) if report.identity.perm_id else None
        return order if order and agrees(order, facts_of(report)) else None

    def _follow_duplicate(self, order: Order, report: OrderReport, cause: Cause) -> None:
        """What becomes of another order behind this reference: with the last of them ours is over."""
        perm_id = report.identity.perm_id
        if report.status not in duplicates.OVER:
            return
        duplicates.mark_over(order, perm_id)
        if duplicates.others_alive(order, perm_id):
            return
        status = WorkingStatus.CANCELED if report.status is WorkingStatus.FILLED else report.status
        effects.close(self.set, order, status, cause.saying(text=report.text))
        request_answers.accept_cancels(self.set, order, cause)
        self._touched.setdefault(order, cause)

    def _wait_for_others(self, order: Order, cause: Cause) -> None:
        """The one that we know is over, and another behind the reference lives: so does our order."""
        duplicates.mark_over(order, order.perm_id)
        text = f"perm_id {order.perm_id} is over at the broker, another order of this reference is not"
        order.record_event(EventKind.BROKER_NOTICE, cause.saying(text))

    def _freeze(self, order: Order, second: int, cause: Cause) -> None:
        """One reference, two orders at the broker: never guessed away, a person must look, once."""
        known = order.events.filter(kind=EventKind.HELD_FOR_DESK, data__second_perm_id=second)
        if order.held_for_desk or known.exists():
            return
        text = f"the broker shows this order twice: perm_id {order.perm_id} and {second}"
        order.hold(cause.saying(text, {"second_perm_id": second}))
        raise_alert(AlertKind.DUPLICATE_ORDER, order=order, subject=str(second), text=text)

    def _record_answer(self, order: Order) -> None:
        """The gateway answers orders; what a snapshot finds later, in doubt already, does not show that."""
        self.flags.answered |= order.state == State.SENT

    # --- executions --------------------------------------------------------------------------------
    def _execution(self, report: ExecutionReport, cause: Cause) -> None:
        if not report.exec_id:
            raise ValueError("an execution without an id cannot be told from another one")
        if report.last_qty.is_signed() and report.last_qty:  # what is no number is no less than nothing
            raise ValueError(f"an execution of {report.last_qty:f} takes away what others booked")
        if report.side not in WAYS:
            raise ValueError(f"an execution must be bought or sold, not {storable.text(report.side, 20)!r}")
        order = (
            self.set.find(report, cause.at)
            or corrections.find_corrected(self.set, report)
            or self._of_sibling(report)
        )
        if order is None:
            if external.is_busted(self.set.session, report):
                log.info("a bust of what was never booked", extra={"exec_id": storable.text(report.exec_id)})
                return
            order = self._adopted(report, cause, external.adopt_execution)
        self._learn(order, report, cause)
        self._record_answer(order)
        account, exec_id = self._account_of(order, report), execution_id(report.exec_id)
        if any((e.account_id, e.exec_id) == (account, exec_id) for e in self.set.executions(order)):
            return
        if not order.is_alive:
            self._after_end[order] = cause
        execution = _execution_of(order, report, account, exec_id, cause)
        self.set.add_execution(order, execution)
        versions = corrections.versions_of(self.set, order, execution)
        replaced = supersede(versions)
        for former in replaced:
            self.set.touch_execution(former)
        quantities.alert_to_surprises(order, execution, corrects=bool(replaced))
        effects.acknowledge(order, cause, working=None)
        effects.note_plain_status(order, report, cause)
        order.first_fill_at = order.first_fill_at or cause.at
        order.last_fill_at = cause.at
        external.become_whole(order, report)
        quantities.recount(order, self.set.executions(order))
        external.grow(order, report)
        for other in corrections.follow_move(self.set, order, execution, versions, cause):
            self._touched[other] = self._after_end[other] = cause
        said = {name: str(getattr(report, name)) for name in ("exec_id", "last_qty", "last_px", "venue")}
        if execution.allocated:
            said |= {"account": account, "allocated": str(execution.allocated)}
        order.record_event(EventKind.EXECUTION, cause.saying(data=said))
        request_answers.accept_proven(self.set, order, cause)
        self._touched[order] = cause

    def _account_of(self, order: Order, report: ExecutionReport) -> str:
        """The account that the execution names, else that of its order.

        One of a second account makes somebody else's order a group order, which has no account of its own.
        """
        if not (report.account or order.account_id):
            raise ValueError(f"execution {report.exec_id} names no account")
        account = self.set.account(report.account) if report.account else str(order.account_id)
        if order.account_id and order.account_id != account and not order.is_allocated:
            order.account_id = None
            order.touched = True
        return account

    def _commission(self, report: CommissionReport, cause: Cause) -> None:
        """What is told last counts; what is not known (yet) takes nothing back."""
        exec_id = execution_id(report.exec_id)
        executions = self.set.executions_named(exec_id)
        if not executions and (cause.inbox_id is None or self.set.is_elsewhere(exec_id)):
            # Told again, it waits already. A snapshot has all accounts of the login, and commissions name
            # none: another session's is theirs to book.
            return
        if not executions:
            raise NotYet(f"execution {report.exec_id} has not arrived")
        changed = [e for e in executions if commissions.take(e, report, executions, cause.at)]
        for execution in changed:
            self.set.touch_execution(execution)
        data = {"exec_id": exec_id, "commission": str(report.commission), "currency": report.currency}
        for order in {self.set.orders[execution.order_id]: None for execution in changed}:
            order.record_event(EventKind.COMMISSION, cause.saying(data=data))
            self._charged[order] = cause

    # --- errors ------------------------------------------------------------------------------------
    def _error(self, report: ErrorReport, cause: Cause) -> None:
        order = self.set.find(report, cause.at)
        if order is None and duplicates.order_ref_of(report.identity):
            self.flags.snapshot_wanted = True  # of another order behind one of our references: that tells all
            return
        if order is None:
            raise NotYet(f"no order known for {report.identity}")
        self._record_answer(order)
        cause = cause.saying(
            text=f"{report.code}: {report.text}", data={"code": report.code, MEANING: report.meaning}
        )
        if report.meaning in codes.ENDS and duplicates.others_alive(order, order.perm_id):
            self.flags.snapshot_wanted = True
            self._wait_for_others(order, cause)
            return
        self.flags.snapshot_wanted |= codes.follow(self.set, order, report, cause)
        self._touched.setdefault(order, cause)

    # --- absence -----------------------------------------------------------------------------------
    def _absent(self, report: OrderAbsent, cause: Cause) -> None:
        order = self.set.orders.get(UUID(report.order_id))
        if order and order.state in AT_BROKER:
            self.flags.unanswered += order.state == State.SENT
            parked = inbox_rows.is_parked(
                self.set.session,
                order_ref=order.order_ref.split("-")[0],
                perm_id=order.perm_id,
                client_id=order.broker_client_id,
                broker_order_id=order.broker_order_id,
            )
            unknown_outcome.mark_absent(
                order, report.snapshot_id, cause, at_broker=parked, unproven=report.unproven
            )

    def _unexplained(self, report: ExecutionsMissing, cause: Cause) -> None:
        """Nothing is invented from a total: a person must find the executions, or say what became of them."""
        order = self.set.orders.get(UUID(report.order_id))
        if order and order.cum_qty < report.cum_qty and not order.held_for_desk:
            text = f"the broker says {report.cum_qty} executed and shows executions of {order.cum_qty:f}"
            order.hold(cause.saying(text=text))


def _execution_of(
    order: Order, report: ExecutionReport, account: str, exec_id: str, cause: Cause
) -> Execution:
    """The row of an execution as it was told, in what the columns hold."""
    allocated = ""
    if order.is_allocated:  # the whole is the master's, a share is another account's
        allocated = Allocated.WHOLE if account == order.account_id else Allocated.SHARE
    execution = Execution(
        order=order,
        account_id=account,
        exec_id=exec_id,
        exec_root=execution_id(report.exec_root),
        allocated=allocated,
        con_id=storable.whole(report.instrument.con_id),
        symbol=storable.text(report.instrument.symbol, 32),
        sec_type=storable.text(report.sec_type, 16),
        currency=storable.text(report.instrument.currency, 8),
        multiplier=storable.number(report.multiplier, MULTIPLIER_STEP, LARGEST_MULTIPLIER) or 1,
        side=report.side,
        last_qty=_booked(report.last_qty),
        last_px=_booked(report.last_px),
        venue=storable.text(report.venue, 32),
        liquidity=storable.text(report.liquidity, 8),
        transact_time=report.transact_time,
        received_at=cause.at,
    )
    execution.trade_date = trading_days.date_of(order, report.transact_time)
    return execution


def _booked(value: Decimal) -> Decimal:
    """What is booked is booked as it was said; what no column holds is parked for a person."""
    found = storable.number(value)
    if found is None or (value and not found):  # too small for a column, it would be a bust
        raise ValueError(f"{storable.text(str(value), 40)} cannot be booked")
    return found


def _is_of_nobody(report: OrderReport) -> bool:
    """Whether an order is over that has neither a permId nor a reference of ours: it can never be known."""
    said = report.identity
    is_over = report.status in duplicates.OVER and report.terms is not None
    return is_over and not (said.perm_id or said.has_order_id or order_id_of(said.order_ref))
