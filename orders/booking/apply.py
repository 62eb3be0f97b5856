"""Applying what the broker says: the one way by which broker truth changes an order.

Everything comes from the inbox, in batches. Any event may come twice, late, or before the one it
belongs to: quantities are recomputed from the executions, never added up; terminal states are never
left for an older message; what can not be matched yet is parked and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from brokers import database, inbox
from brokers.inbox import Note
from brokers.messages import (
    CommissionReport,
    ErrorReport,
    ExecutionReport,
    ExecutionsMissing,
    HandedOver,
    OrderAbsent,
    OrderReport,
    Refusal,
    WorkingStatus,
    decode_event,
)
from brokers.models import InboxMessage
from brokers.port import InboundMessage
from orders.booking import effects, external
from orders.booking.flags import SessionFlags
from orders.booking.working_set import WorkingSet
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
from orders.models.execution import supersede
from orders.notify import wakeup
from orders.notify.alerts import clear_alert, raise_alert
from orders.sending import unknown_outcome

#: A message that matches nothing is tried this often, then left in the inbox with its error.
MAX_ATTEMPTS = 8


class NotYet(Exception):
    """What this message belongs to has not arrived."""


def apply_notes(session: str, notes: Sequence[Note], flags: SessionFlags) -> None:
    """Keep and apply a batch in one transaction, then tell the readers."""
    heard = [note for note in notes if isinstance(note, InboundMessage)]
    events = [note.event if isinstance(note, InboundMessage) else note for note in notes]
    with transaction.atomic():
        working_set = WorkingSet(session, events, *([inbox.keep(session, heard)] if heard else []))
        ids = {id(message): row for row, message in inbox.kept(heard, working_set.answer)}
        items = [(note, ids.get(id(note))) for note in notes]
        fresh = [(note, row) for note, row in items if isinstance(note, HandedOver) or row is not None]
        if not fresh:
            return
        applying = Applying(working_set, flags)
        for note, row_id in fresh:
            applying.apply(note, row_id)
        applying.finish()
    wakeup.notify_readers()


def retry_parked(session: str, flags: SessionFlags) -> int:
    """Try the parked messages again that are due; how many could be applied."""
    due = InboxMessage.objects.filter(
        session_id=session, applied_at=None, retry_at__lte=timezone.now()
    ).order_by("id")[:100]
    return sum(_retry(row, flags) for row in list(due))


def _retry(row: InboxMessage, flags: SessionFlags) -> bool:
    event = decode_event(msgspec.json.encode(row.event))
    note = InboundMessage(event=event, dedup_key=row.dedup_key, raw=row.raw, received_at=row.received_at)
    try:
        with transaction.atomic():
            applying = Applying(WorkingSet(row.session_id, [event]), flags)
            applying.apply(note, row.pk)
            applying.finish()
            row.applied_at, row.error = timezone.now(), ""
            row.save(update_fields=["applied_at", "error"])
            if row.attempts >= MAX_ATTEMPTS:
                clear_alert(AlertKind.INBOX_STUCK, session=row.session_id, subject=row.dedup_key)
    except NotYet as error:
        _postpone(row, error)
        return False
    except Exception as error:
        if database.is_away(error):
            raise
        _postpone(row, error)
        flags.snapshot_wanted = True
        return False
    wakeup.notify_readers()
    return True


def _postpone(row: InboxMessage, error: Exception) -> None:
    row.attempts += 1
    row.error = f"{type(error).__name__}: {error}"
    again = row.attempts < MAX_ATTEMPTS
    row.retry_at = timezone.now() + inbox.retry_delay(row.attempts) if again else None
    row.save(update_fields=["attempts", "error", "retry_at"])
    if row.attempts == MAX_ATTEMPTS:
        text = f"A {row.kind} of the broker could not be applied: {row.error}"
        raise_alert(AlertKind.INBOX_STUCK, session=row.session_id, subject=row.dedup_key, text=text)


class Applying:
    """One batch being applied to its working set."""

    def __init__(self, working_set: WorkingSet, flags: SessionFlags) -> None:
        self.set = working_set
        self.flags = flags
        self._touched: dict[Order, Cause] = {}
        self._handlers: dict[type, Callable[[Any, Cause], None]] = {
            HandedOver: self._handed_over,
            OrderReport: self._order_report,
            ExecutionReport: self._execution,
            CommissionReport: self._commission,
            ErrorReport: self._error,
            OrderAbsent: self._absent,
            ExecutionsMissing: self._unexplained,
        }

    def apply(self, note: Note, row_id: int | None) -> None:
        """Apply one note; raises NotYet when what it belongs to is not known."""
        if isinstance(note, InboundMessage):
            cause = Cause(actor="broker", at=note.received_at, inbox_id=row_id)
            self._handlers[type(note.event)](note.event, cause)
        else:
            self._handed_over(note, Cause(actor=f"session:{self.set.session}", at=note.sent_at))

    def finish(self) -> None:
        """Move what was touched to where its quantities say it is, and write it all."""
        for order, cause in self._touched.items():
            effects.watch_overfill(order, effects.ceiling(self.set, order), cause)
            effects.settle(order, self.set.executions(order), cause)
        self.set.store()

    # --- our own note ------------------------------------------------------------------------------
    def _handed_over(self, note: HandedOver, cause: Cause) -> None:
        order = self.set.orders.get(UUID(note.order_id))
        if order and order.broker_order_id == note.broker_order_id and order.sent_at is None:
            order.sent_at = note.sent_at
            order.record_event(EventKind.HANDED_OVER, cause)

    # --- status ------------------------------------------------------------------------------------
    def _order_report(self, report: OrderReport, cause: Cause) -> None:
        order = self.set.find(report.identity)
        if order is None:
            order = external.adopt_order(self.set, report, cause)
            if order is None:
                raise NotYet(f"no order known for {report.identity}")
        if not self._learn(order, report, cause):
            return  # says something of the other order behind this reference, not of this one
        self._note_answer(order)
        if order.source == Source.EXTERNAL:
            external.follow_terms(order, report, cause)
        else:
            effects.follow_terms(self.set, order, report, cause)
        self.flags.snapshot_wanted |= effects.follow(self.set, order, report, cause.saying(text=report.text))
        self._touched.setdefault(order, cause)

    def _learn(self, order: Order, report: OrderReport | ExecutionReport, cause: Cause) -> bool:
        """Take in the perm_id; whether the report is of the order that we know under it."""
        perm_id = report.identity.perm_id
        if perm_id and order.perm_id is None:
            order.perm_id = perm_id
            order.touched = True
            self.set.learn(order)
        elif perm_id and order.perm_id != perm_id:
            self._freeze(order, perm_id, cause)
            return False
        return True

    def _freeze(self, order: Order, second: int, cause: Cause) -> None:
        """One reference, two orders at the broker: never guessed away, a person must look, once."""
        known = order.events.filter(kind=EventKind.HELD_FOR_DESK, data__second_perm_id=second)
        if order.held_for_desk or known.exists():
            return
        text = f"the broker shows this order twice: perm_id {order.perm_id} and {second}"
        order.hold(cause.saying(text, {"second_perm_id": second}))
        raise_alert(AlertKind.DUPLICATE_ORDER, order=order, subject=str(second), text=text)

    def _note_answer(self, order: Order) -> None:
        """The gateway answers orders; what a look finds later, in doubt already, does not show that."""
        self.flags.answered |= order.state == State.SENT

    # --- executions --------------------------------------------------------------------------------
    def _execution(self, report: ExecutionReport, cause: Cause) -> None:
        order = self.set.find(report.identity) or external.adopt_execution(self.set, report, cause)
        self._learn(order, report, cause)
        self._note_answer(order)
        if any(known.exec_id == report.exec_id for known in self.set.executions(order)):
            return
        execution = Execution(
            order=order,
            account_id=order.account_id,
            exec_id=report.exec_id,
            exec_root=report.exec_root,
            con_id=report.instrument.con_id,
            symbol=report.instrument.symbol,
            sec_type=report.sec_type,
            currency=report.instrument.currency,
            multiplier=report.multiplier,
            side=report.side,
            last_qty=report.last_qty,
            last_px=report.last_px,
            venue=report.venue,
            liquidity=report.liquidity,
            transact_time=report.transact_time,
            received_at=cause.at,
        )
        external.grow(order, report)
        execution.trade_date = trading_days.date_of(order, report.transact_time)
        self.set.add_execution(order, execution)
        for replaced in supersede(self.set.executions(order), execution):
            self.set.touch_execution(replaced)
        effects.acknowledge(order, cause, working=None)
        effects.note_plain_status(order, report, cause)
        order.first_fill_at = order.first_fill_at or cause.at
        order.last_fill_at = cause.at
        effects.recount(order, self.set.executions(order))
        order.record_event(EventKind.EXECUTION, cause.saying(data=_execution_data(report)))
        effects.accept_proven(self.set, order, cause)
        self._touched[order] = cause

    def _commission(self, report: CommissionReport, cause: Cause) -> None:
        order = self.set.order_of_execution(report.exec_id)
        if order is None and self.set.is_elsewhere(report.exec_id):
            return  # a look tells all accounts of the login, and commissions name none: theirs to book
        if order is None:
            raise NotYet(f"execution {report.exec_id} has not arrived")
        execution = next(e for e in self.set.executions(order) if e.exec_id == report.exec_id)
        if execution.commission == report.commission:
            return
        execution.commission, execution.commission_currency = report.commission, report.currency
        execution.realized_pnl = report.realized_pnl
        self.set.touch_execution(execution)
        data = {"exec_id": report.exec_id, "commission": str(report.commission), "currency": report.currency}
        order.record_event(EventKind.COMMISSION, cause.saying(data=data))
        self._touched[order] = cause

    # --- errors ------------------------------------------------------------------------------------
    def _error(self, report: ErrorReport, cause: Cause) -> None:
        order = self.set.find(report.identity)
        if order is None:
            raise NotYet(f"no order known for {report.identity}")
        self._note_answer(order)
        cause = cause.saying(text=f"{report.code}: {report.text}", data={"code": report.code})
        match report.meaning:
            case Refusal.WARNING:
                order.record_event(EventKind.BROKER_NOTICE, cause)
            case Refusal.LOOK_UP:
                self._unclear(order, cause)
            case Refusal.UNKNOWN:
                self._unknown_code(order, report, cause)
            case Refusal.ORDER_REJECTED | Refusal.REJECTED_IF_NEW if self._is_of_replace(order):
                self._refused(order, report, cause, Refusal.REPLACE_REFUSED)
            case Refusal.REJECTED_IF_NEW if _is_taken(order):
                self._refused(order, report, cause, Refusal.REQUEST_REFUSED)
            case Refusal.ORDER_REJECTED | Refusal.REJECTED_IF_NEW if order.cum_qty == 0:
                effects.close(self.set, order, WorkingStatus.REJECTED, cause)
            case Refusal.ORDER_REJECTED | Refusal.REJECTED_IF_NEW | Refusal.ORDER_CANCELED:
                effects.close(self.set, order, WorkingStatus.CANCELED, cause)
            case _:
                self._refused(order, report, cause, report.meaning)

    def _is_of_replace(self, order: Order) -> bool:
        """Whether the code of a rejection means a replace: the order itself was taken long ago."""
        return _is_taken(order) and bool(effects.in_flight(self.set, order))

    def _refused(self, order: Order, report: ErrorReport, cause: Cause, meaning: Refusal) -> None:
        """A request was refused: the order is over already, or lives on. The next look tells which."""
        self.flags.snapshot_wanted = True
        order.record_event(EventKind.BROKER_NOTICE, cause)
        request = effects.refused_one(self.set, order, meaning, report.cl_ord_id)
        if request:
            named = bool(report.cl_ord_id)
            effects.refuse_one(self.set, order, request, meaning, cause, named=named)

    def _unknown_code(self, order: Order, report: ErrorReport, cause: Cause) -> None:
        """Nobody has seen this code yet: the order is looked up, and a person should know."""
        text = f"Code {report.code} is not in our table, so the order was looked up: {report.text}"
        raise_alert(AlertKind.UNKNOWN_CODE, order=order, subject=str(report.code), text=text)
        self._unclear(order, cause)

    def _unclear(self, order: Order, cause: Cause) -> None:
        """A code that proves nothing: never the end of an order, always a reason to look."""
        self.flags.snapshot_wanted = True
        order.record_event(EventKind.BROKER_NOTICE, cause)
        effects.mark_replaces_unconfirmed(self.set, order, cause)
        if order.state == State.SENT:
            unknown_outcome.mark_unconfirmed(order, cause)

    # --- absence -----------------------------------------------------------------------------------
    def _absent(self, report: OrderAbsent, cause: Cause) -> None:
        order = self.set.orders.get(UUID(report.order_id))
        if order and order.state in AT_BROKER:
            self.flags.unanswered += order.state == State.SENT
            unknown_outcome.mark_absent(order, report.snapshot_id, cause)

    def _unexplained(self, report: ExecutionsMissing, cause: Cause) -> None:
        """Nothing is invented from a total: a person must find the executions, or say what became of them."""
        order = self.set.orders.get(UUID(report.order_id))
        if order and order.cum_qty < report.cum_qty and not order.held_for_desk:
            text = f"the broker says {report.cum_qty} executed and shows executions of {order.cum_qty:f}"
            order.hold(cause.saying(text=text))


def _is_taken(order: Order) -> bool:
    """Whether the broker has taken the order before: a refusal can not mean that it is new."""
    return order.perm_id is not None and order.state not in (State.SENT, State.UNCONFIRMED)


def _execution_data(report: ExecutionReport) -> dict[str, str]:
    return {
        "exec_id": report.exec_id,
        "last_qty": str(report.last_qty),
        "last_px": str(report.last_px),
        "venue": report.venue,
    }
