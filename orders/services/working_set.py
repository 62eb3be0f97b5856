"""The orders of a batch, locked, with all that applying broker events needs: found once, written once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import F, Q

from brokers.messages import (
    BrokerEvent,
    CommissionReport,
    ExecutionsMissing,
    HandedOver,
    OrderAbsent,
    OrderIdentity,
)
from orders.models import (
    OPEN_REQUESTS,
    Execution,
    Order,
    OrderRequest,
    OutboxCommand,
    RequestKind,
    RequestState,
)
from orders.models.order import order_id_of
from orders.services import book

#: What may change of a stored execution.
CHANGING = ["superseded", "scale", "commission", "commission_currency", "realized_pnl"]
Item = BrokerEvent | HandedOver


class WorkingSet:
    """Locked orders of one session, found by every identity that the batch names."""

    def __init__(self, session: str, items: Sequence[Item]) -> None:
        self.session = session
        self._executions: dict[UUID, list[Execution]] = defaultdict(list)
        self._changed: list[Execution] = []
        self._requests: dict[UUID, list[OrderRequest]] = defaultdict(list)
        self._changed_requests: list[OrderRequest] = []
        #: Executions named in the batch that belong to another session's orders.
        self.elsewhere: set[str] = set()
        self.orders: dict[UUID, Order] = {}
        self._by_perm: dict[int, Order] = {}
        self._by_broker_id: dict[tuple[int, int], Order] = {}
        self._order_of_exec: dict[str, UUID] = {}
        self._lock(items)

    # --- finding ---------------------------------------------------------------------------------
    def find(self, identity: OrderIdentity) -> Order | None:
        """By order_ref, then perm_id, then (client id, broker order id): design section 4."""
        own = order_id_of(identity.order_ref) if identity.order_ref else None
        if own and own in self.orders:
            return self.orders[own]
        if identity.perm_id and identity.perm_id in self._by_perm:
            return self._by_perm[identity.perm_id]
        found = self._by_broker_id.get((identity.client_id, identity.broker_order_id))
        # An order that carries somebody else's reference is not ours, whatever its number.
        return None if identity.order_ref and own is None and found and found.source != "EXTERNAL" else found

    def order_of_execution(self, exec_id: str) -> Order | None:
        """The order that this execution was booked on."""
        order_id = self._order_of_exec.get(exec_id)
        return self.orders.get(order_id) if order_id else None

    def executions(self, order: Order) -> list[Execution]:
        """All versions of all executions of the order, in the order heard."""
        return self._executions[order.id]

    def requests(self, order: Order) -> list[OrderRequest]:
        """Open requests and accepted replaces of the order, in the order asked."""
        return self._requests[order.id]

    # --- changing --------------------------------------------------------------------------------
    def add_order(self, order: Order) -> None:
        """Take in an order that was just recorded."""
        self.orders[order.id] = order
        self.learn(order)

    def fetch(self, order_ref: str) -> Order | None:
        """Lock one more order, by its reference; None when it is not stored."""
        self._take_in(Q(order_ref=order_ref))
        return next((order for order in self.orders.values() if order.order_ref == order_ref), None)

    def learn(self, order: Order) -> None:
        """Remember the identities of an order, so that later items of the batch find it by them."""
        if order.perm_id:
            self._by_perm[order.perm_id] = order
        if order.broker_order_id is not None and order.broker_client_id is not None:
            self._by_broker_id[(order.broker_client_id, order.broker_order_id)] = order

    def add_execution(self, order: Order, execution: Execution) -> None:
        """Book an execution on its order."""
        self._executions[order.id].append(execution)
        self._order_of_exec[execution.exec_id] = order.id
        self._changed.append(execution)

    def touch_execution(self, execution: Execution) -> None:
        """An execution that was stored before has changed."""
        if execution not in self._changed:
            self._changed.append(execution)

    def touch_request(self, request: OrderRequest) -> None:
        """A request has changed."""
        if request not in self._changed_requests:
            self._changed_requests.append(request)

    def store(self) -> None:
        """Write everything that changed; the caller's transaction holds the locks."""
        book.store(self.orders.values())
        new = [row for row in self._changed if row.pk is None]
        old = [row for row in self._changed if row.pk is not None]
        if new:
            Execution.objects.bulk_create(new)
        for row in old:
            row.save(update_fields=CHANGING)
        for request in self._changed_requests:
            _store_request(request)

    # --- locking ---------------------------------------------------------------------------------
    def _lock(self, items: Sequence[Item]) -> None:
        wanted = self._wanted(items)
        if wanted is not None:
            self._take_in(wanted)

    def _take_in(self, wanted: Q) -> None:
        locked = Order.objects.select_for_update(of=("self",)).filter(wanted).order_by("id")
        locked = locked.exclude(pk__in=self.orders).annotate(sec_type=F("instrument__sec_type"))
        new = {order.id: order for order in locked}
        for order in new.values():
            self.add_order(order)
        for execution in Execution.objects.filter(order__in=new).order_by("id"):
            self._executions[execution.order_id].append(execution)
            self._order_of_exec[execution.exec_id] = execution.order_id
        wanted_ones = Q(state__in=OPEN_REQUESTS) | Q(kind=RequestKind.REPLACE, state=RequestState.ACCEPTED)
        for request in OrderRequest.objects.filter(wanted_ones, order__in=new).order_by("id"):
            self._requests[request.order_id].append(request)

    def _wanted(self, items: Sequence[Item]) -> Q | None:
        identities = [item.identity for item in items if hasattr(item, "identity")]
        ids = _ids(items, identities) | self._ids_of_executions(items)
        perm_ids = {identity.perm_id for identity in identities if identity.perm_id}
        broker_ids = {(i.client_id, i.broker_order_id) for i in identities if i.broker_order_id}
        wanted = Q()
        if ids:
            wanted |= Q(pk__in=ids)
        if perm_ids:
            wanted |= Q(perm_id__in=perm_ids)
        if broker_ids:
            wanted |= Q(
                session_id=self.session,
                broker_order_id__in={number for _, number in broker_ids},
                broker_client_id__in={client for client, _ in broker_ids},
            )
        return wanted or None

    def _ids_of_executions(self, items: Sequence[Item]) -> set[UUID]:
        exec_ids = [item.exec_id for item in items if isinstance(item, CommissionReport)]
        if not exec_ids:
            return set()
        rows = Execution.objects.filter(exec_id__in=exec_ids).values_list(
            "exec_id", "order_id", "order__session_id"
        )
        self.elsewhere = {exec_id for exec_id, _, session in rows if session != self.session}
        return {order_id for _, order_id, session in rows if session == self.session}


def _store_request(request: OrderRequest) -> None:
    """Write a request; the command of one that is answered, when the answer outran it, must not wait."""
    request.save()
    if not request.is_open:
        waiting = OutboxCommand.objects.filter(request=request, done_at=None)
        waiting.update(done_at=request.answered_at, error="answered before it was sent")


def _ids(items: Iterable[Item], identities: Iterable[OrderIdentity]) -> set[UUID]:
    named = {
        UUID(item.order_id)
        for item in items
        if isinstance(item, HandedOver | OrderAbsent | ExecutionsMissing)
    }
    return named | {own for i in identities if (own := order_id_of(i.order_ref))}
