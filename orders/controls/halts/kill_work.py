"""Working at the kill switch in one session: cancels, closes, and the two snapshots that prove it.

Each round looks at PostgreSQL and does the next thing that is missing, so whatever died or was lost meanwhile
costs a round. Orders go the ordinary way: recorded, checked, claimed. What a kill places only reduces.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from brokers.formats import decimal_text, time_text
from brokers.messages import Snapshot, WorkingStatus
from brokers.models import BrokerAccount, Position
from brokers.postgres import clock
from orders.controls.halts.close import COLLAR, closing_ticket
from orders.controls.halts.kill import sessions_of
from orders.entry.cancel import cancel_order
from orders.entry.place import place_order
from orders.entry.slicer import SlicedOver, cancel_sliced
from orders.errors import OrderError, OrderOver
from orders.models import (
    ALIVE,
    OPEN_REQUESTS,
    KillAction,
    KillStatus,
    KillSwitch,
    Order,
    OrderRequest,
    RequestKind,
    SlicedOrder,
    SliceState,
    Source,
    State,
    TradingState,
)
from orders.models.references import order_id_of
from orders.risk.scopes import ScopeKind, parse_scope
from orders.store import advisors
from orders.store.states import lock_state, put_state

log = logging.getLogger(__name__)

AT_ONCE = 200  # cancels asked for in a round
NAMED = 50  # orders named for one reason; with more of them, how many
REPRICE = timedelta(seconds=5)  # a closing order that has not executed by then is canceled and priced anew
TRIES = 5  # closing orders for one position before a person is called
LOOK_AGAIN = timedelta(seconds=10)
PATIENCE = timedelta(seconds=30)  # before what is not proven is called so
OVER = (WorkingStatus.FILLED, WorkingStatus.CANCELED, WorkingStatus.EXPIRED, WorkingStatus.REJECTED)

Take = Callable[[], Snapshot | None]
CancelEverything = Callable[[], bool]  # whether it went out


def work_kills(session: str, take: Take, cancel_everything: CancelEverything) -> None:
    """A round for every kill that stands, touches this session and is not proven."""
    standing = KillSwitch.objects.filter(released_at=None).exclude(status=KillStatus.PROVEN).order_by("id")
    for kill in standing.select_related("maker"):
        if session in sessions_of(kill.scope):
            Round(kill, session).work(take, cancel_everything)


class Round:
    """One round of one kill in one session."""

    def __init__(self, kill: KillSwitch, session: str) -> None:
        self.kill = kill
        self.session = session
        self.prefix = f"kill-{kill.id.hex[-12:]}-"
        self.blocking: list[str] = []
        #: Orders of others, which the broker lets nobody else cancel one by one.
        self.strangers: list[str] = []
        self.canceled_all_at = kill.progress.get(session, {}).get("canceled_all_at", "")
        self.positions: list[dict[str, str]] = []
        kind, name = parse_scope(kill.scope)
        self.scope_kind = kind
        self.strategy = name if kind == ScopeKind.STRATEGY else ""
        rows = BrokerAccount.objects.filter(session=session)
        self.accounts = set(rows.values_list("pk", flat=True))
        #: Of an advisor's: an order for one of them would execute in the account as well.
        self.groups: list[str] = []
        if kind == ScopeKind.ACCOUNT:
            self.accounts &= {name}
            self.groups = advisors.groups_with(session, name)

    # --- a round -----------------------------------------------------------------------------------
    def work(self, take: Take, cancel_everything: CancelEverything = lambda: False) -> None:
        """Do what is missing; when nothing is, let the broker show that it is so."""
        quiet = self._cancel() if self.kill.action != KillAction.HALT else not self._in_flight()
        if quiet and self.strangers:
            self._cancel_strangers(cancel_everything)
        if quiet and self.kill.action == KillAction.FLATTEN:
            quiet = self._close()
        proof = None
        if quiet and not self.blocking and self._may_look():
            answered = self._last_answer()
            snapshot = take()
            if snapshot is not None:
                proof = self._judge(snapshot, answered)
                self.strangers = []  # the snapshot names those that are left
        self.blocking += self.strangers
        self._store(proof, quiet=quiet)

    def _may_look(self) -> bool:
        """A kill that something blocks for long looks at the broker now and then only."""
        looked_at = self.kill.progress.get(self.session, {}).get("looked_at")
        if self.kill.status != KillStatus.NOT_PROVEN or looked_at is None:
            return True
        return clock.now() - datetime.fromisoformat(looked_at) > LOOK_AGAIN

    def _orders(self) -> Q:
        found = Q(account_id__in=self.accounts)
        if self.groups:
            found |= Q(special__allocation__group__in=self.groups)
        found &= Q(session_id=self.session)
        return found & Q(strategy=self.strategy) if self.strategy else found

    def _own_work(self) -> bool:
        own = self._orders() & ~Q(source=Source.EXTERNAL)
        return Order.objects.filter(own, state__in=ALIVE).exists()

    def _in_flight(self) -> bool:
        """What may be on its way; what waits in a scope that is HALTED is not claimed."""
        flying = (State.SENT, State.UNCONFIRMED)
        return Order.objects.filter(self._orders(), state__in=flying).exists()

    def _cancel(self) -> bool:
        """Ask for the cancel of all that is alive; whether nothing is.

        Slices first, so that no more come, not even after a release. Then whoever was asked least recently:
        cancels that are refused, or wait for their answer until a market opens, keep no other order waiting.
        """
        self._end_slices()
        alive = Order.objects.filter(self._orders(), state__in=ALIVE)
        ours = alive.exclude(source=Source.EXTERNAL)
        repriced = Q(cl_ord_id__startswith=self.prefix, received_at__gt=clock.now() - REPRICE)
        waiting = ours.exclude(repriced).exclude(pk__in=self._asked().values("order"))
        last = Max("requests__requested_at", filter=Q(requests__kind=RequestKind.CANCEL))
        for order in waiting.annotate(last=last).order_by(F("last").asc(nulls_first=True), "id")[:AT_ONCE]:
            if refused := self._ask(order):
                self.blocking.append(f"order {order.cl_ord_id} is not canceled{refused}")
        for held in ours.filter(held_for_desk=True).order_by("id")[:NAMED]:
            self.blocking.append(f"order {held.cl_ord_id} is held for a person")
        self._name_unanswered()
        for other in alive.filter(source=Source.EXTERNAL).order_by("id")[:AT_ONCE]:
            # Placed under our client id: named, and why where its cancel is refused.
            self.strangers.append(f"order {other.cl_ord_id} of somebody else is open{self._ask(other)}")
        rest = ours.exclude(cl_ord_id__startswith=self.prefix)
        if self.kill.action == KillAction.CANCEL:
            # A session that is HALTED takes orders faster than they are canceled here, and claims none.
            rest = rest.exclude(state=State.CREATED)
        return not rest.exists()

    def _end_slices(self) -> None:
        mine = Q(account__in=self.accounts)
        if self.groups:
            mine |= Q(ticket__allocation__group__in=self.groups)
        running = SlicedOrder.objects.filter(mine, session=self.session)
        running = running.filter(state__in=(SliceState.RUNNING, SliceState.PAUSED))
        if self.strategy:
            running = running.filter(ticket__strategy=self.strategy)
        for parent in running.order_by("id"):
            with suppress(SlicedOver):  # it has ended meanwhile
                cancel_sliced(parent.pk, actor=f"kill:{self.kill.id}", at=clock.now())

    def _asked(self) -> QuerySet[OrderRequest]:
        """Cancels of orders of ours that are under way."""
        orders = Order.objects.filter(self._orders(), state__in=ALIVE).exclude(source=Source.EXTERNAL)
        return OrderRequest.objects.filter(
            kind=RequestKind.CANCEL, state__in=OPEN_REQUESTS, order__in=orders.values("pk")
        )

    def _name_unanswered(self) -> None:
        """What is asked for so long names its orders: they live, and nothing else would say so."""
        late = self._asked().filter(requested_at__lt=clock.now() - PATIENCE, order__held_for_desk=False)
        for request in late.select_related("order").order_by("order_id")[:NAMED]:
            self.blocking.append(f"order {request.order.cl_ord_id}: its cancel has no answer yet")
        if (more := late.count() - NAMED) > 0:
            self.blocking.append(f"{more} more orders: their cancels have no answer yet")

    def _ask(self, order: Order) -> str:
        """Ask for its cancel unless that is asked already; why it is refused, empty when it is not."""
        if not order.requests.filter(kind=RequestKind.CANCEL, state__in=OPEN_REQUESTS).exists():
            try:
                cancel_order(order.id, actor=f"kill:{self.kill.id}", at=clock.now())
            except OrderOver:
                return ""  # it has ended since this round read it: an exit with its entry, say
            except OrderError as error:
                return f": {error}"
        return ""

    def _cancel_strangers(self, cancel_everything: CancelEverything) -> None:
        """Of a kill of the firm: have the broker cancel every order of the login, now and then.

        Not while orders of ours work, which it would cancel as well; a snapshot shows what came of it.
        """
        if self.scope_kind != ScopeKind.FIRM or self._own_work():
            return
        asked = datetime.fromisoformat(self.canceled_all_at) if self.canceled_all_at else None
        if (asked is None or clock.now() - asked > LOOK_AGAIN) and cancel_everything():
            self.canceled_all_at = time_text(clock.now())

    # --- closing -----------------------------------------------------------------------------------
    def _close(self) -> bool:
        """Place what closes each position; whether none is held and none of our closes works."""
        flat = True
        for row in Position.objects.filter(account__in=self.accounts).exclude(position_qty=0):
            flat = False
            self.positions.append(as_document(row.account_id, row.con_id, row.symbol, row.position_qty))
            try:
                self._close_one(row)
            except OrderError as error:
                self.blocking.append(f"{row.symbol} of {row.account_id} is not closed: {error}")
        return flat and not self._own_work()

    def _close_one(self, row: Position) -> None:
        key = f"{self.prefix}{row.con_id}-"
        placed = Order.objects.filter(cl_ord_id__startswith=key, account_id=row.account_id)
        if placed.filter(state__in=ALIVE).exists():
            return
        last, tries = placed.order_by("-id").first(), placed.filter(cum_qty=0).count()
        if tries >= TRIES:
            why = f": {last.reason_text}" if last and last.reason_text else ""
            self.blocking.append(f"{row.symbol} of {row.account_id}: {tries} closing orders got nothing{why}")
            return
        ticket = closing_ticket(row, f"{key}{placed.count() + 1}", COLLAR * (tries + 1))
        if ticket is None:
            return
        order = place_order(ticket, client=self.kill.maker, source=Source.DESK, received_at=clock.now()).order
        if order.state == State.REJECTED:
            self.blocking.append(f"{row.symbol} of {row.account_id} is not closed: {order.reason_text}")

    # --- the proof ---------------------------------------------------------------------------------
    def _last_answer(self) -> datetime:
        """When the last word about an order of the scope came, or the state was set.

        What never left us says nothing of the broker: a client that runs away goes on sending for as long as
        it likes, and is refused, or waits for a session that is HALTED.
        """
        here = (State.CREATED, State.CANCELED, State.REJECTED, State.FAILED)
        unsent = Q(claimed_at=None, broker_order_id=None, state__in=here) & ~Q(source=Source.EXTERNAL)
        known = Order.objects.filter(self._orders()).exclude(unsent)
        last = known.aggregate(last=Max("updated_at"))["last"]
        return self.kill.started_at if last is None else max(last, self.kill.started_at)

    def _judge(self, snapshot: Snapshot, answered: datetime) -> dict[str, Any]:
        """What a complete snapshot shows of the scope; it proves nothing where it began too early."""
        orders = [self._as_open(report) for report in snapshot.orders if self._is_open_here(report)]
        positions = [
            as_document(row.account, row.instrument.con_id, row.instrument.symbol, row.position_qty)
            for row in snapshot.positions
            if row.account in self.accounts and row.position_qty != 0
        ]
        flatten = self.kill.action == KillAction.FLATTEN
        unseen = self.accounts - set(snapshot.accounts)
        after = snapshot.started_at > answered and self._last_answer() == answered
        self.blocking += [f"the login does not show account {code}" for code in sorted(unseen)]
        self.blocking += [
            f"order {row['order_ref'] or row['perm_id']} is open at the broker" for row in orders
        ]
        if flatten:
            self.blocking += [
                f"{row['symbol']} of {row['account']} holds {row['position_qty']}" for row in positions
            ]
        return {
            "snapshot_id": snapshot.snapshot_id,
            "started_at": time_text(snapshot.started_at),
            "finished_at": time_text(snapshot.finished_at),
            "connection_started_at": time_text(snapshot.connection_started_at),
            "answered": time_text(answered),
            "good": after and not unseen and not orders and not (flatten and positions),
            "orders": orders,
            "positions": positions,
        }

    def _is_open_here(self, report: Any) -> bool:
        account = report.terms.account if report.terms else ""
        if report.status in OVER:
            return False
        if self.strategy:
            order_id = order_id_of(report.identity.order_ref)
            return order_id is not None and Order.objects.filter(pk=order_id, strategy=self.strategy).exists()
        return not account or account in self.accounts

    def _as_open(self, report: Any) -> dict[str, str]:
        identity = report.identity
        return {
            "order_ref": identity.order_ref,
            "perm_id": str(identity.perm_id),
            "account": report.terms.account if report.terms else "",
            "status": report.status.value,
        }

    def _store(self, proof: dict[str, Any] | None, *, quiet: bool) -> None:
        """Keep what this round found; two good snapshots in a row prove the session."""
        with transaction.atomic():
            lock_state(self.kill.scope)
            kill = KillSwitch.objects.select_for_update().get(pk=self.kill.pk)
            if kill.status == KillStatus.PROVEN or kill.released_at:
                return
            mine = kill.progress.get(self.session, {})
            shots = mine.get("snapshots", [])
            if proof is not None:
                good, answered = proof.pop("good"), proof.pop("answered")
                mine["at_broker"], mine["positions"] = proof.pop("orders"), proof.pop("positions")
                kept = [shot for shot in shots if still_proves(shot, proof, answered)]
                shots = [*kept, proof][-2:] if good else []
                mine["looked_at"] = time_text(clock.now())
            elif not quiet:
                shots = []
            if proof is None and self.positions:
                mine["positions"] = self.positions
            seen = proof is not None or not quiet or self.blocking
            mine |= {"canceled_all_at": self.canceled_all_at} if self.canceled_all_at else {}
            mine |= {"snapshots": shots, "blocking": self.blocking if seen else mine.get("blocking", [])}
            kill.progress = {**kill.progress, self.session: mine}
            self._conclude(kill)
            kill.save(update_fields=["progress", "status", "proven_at"])

    def _conclude(self, kill: KillSwitch) -> None:
        proven = all(
            len(kill.progress.get(name, {}).get("snapshots", [])) == 2 for name in sessions_of(kill.scope)
        )
        if proven:
            if kill.action == KillAction.FLATTEN:
                text = f"kill {kill.id}: flat, {kill.reason}"
                put_state(kill.scope, TradingState.HALTED, by=kill.made_by, reason=text, of_kill=True)
            kill.status, kill.proven_at = KillStatus.PROVEN, clock.now()
        elif self.blocking and clock.now() - kill.started_at > PATIENCE:
            kill.status = KillStatus.NOT_PROVEN
        else:
            kill.status = KillStatus.WORKING if not self.blocking else kill.status


def still_proves(shot: dict[str, Any], newer: dict[str, Any], answered: str) -> bool:
    """Whether an earlier snapshot stands beside a newer one: of its connection, begun after the last answer.

    Only the lists of one connection tell of one login, at one server, without a gap between them.
    """
    same = shot.get("connection_started_at") == newer["connection_started_at"]
    return same and datetime.fromisoformat(shot["started_at"]) > datetime.fromisoformat(answered)


def as_document(account: str, con_id: int, symbol: str, quantity: Decimal | None) -> dict[str, str]:
    """A position as a kill shows it."""
    held = "unknown" if quantity is None else decimal_text(quantity)
    return {"account": account, "con_id": str(con_id), "symbol": symbol, "position_qty": held}
