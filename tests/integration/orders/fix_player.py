"""Playing a FIX scenario through the real services: we ask, the broker answers in FIX messages.

Each row of the broker becomes a tag=value message; what the FIX adapter reads in it goes into the inbox.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.fix import OrdStatus, OrdType, Side, TimeInForce
from brokers.fix44 import translate, wire
from brokers.fix44.translate import OUR_CONTRACTS, ExecType, Translator
from brokers.fix44.wire import Tag
from brokers.gate.lease import Lease
from brokers.messages import BrokerEvent, ExecutionReport
from brokers.models import GatewaySession
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.entry.cancel import cancel_order
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.entry.replace import Change, replace_order
from orders.errors import OrderError
from orders.models import Order, OrderRequest, OutboxCommand, RequestKind, Source, ord_status
from orders.sending import answers, replaces
from orders.sending.claim import claim_cancels, claim_orders, claim_replaces
from orders.session.runtime import take_lease
from tests.integration.orders.fix_tables import Row

ACCOUNT = "DU1234567"
PX = Decimal(50)
EXEC_TYPES = {
    "PartialFill": ExecType.TRADE,  # the two of FIX 4.2
    "Fill": ExecType.TRADE,
    **{kind.name.title().replace("_", ""): kind for kind in ExecType},
}
TRADES = [word for word, kind in EXEC_TYPES.items() if kind in translate.TRADES]
ORD_STATUS = {status: char for char, status in translate.ORD_STATUSES.items()}
TIME_IN_FORCE = {word.value: char for char, word in translate.TIMES_IN_FORCE.items()}


class Player:
    """One run of a scenario; `repeat`: the broker says everything twice, `restart`: after every row."""

    def __init__(self, client: User, *, repeat: bool = False, restart: bool = False) -> None:
        self.client = client
        self.repeat = repeat
        self.restarts = restart
        self.run = uuid4().hex[:8]
        self.perm_id = uuid4().int % 2**40
        self.flags = SessionFlags()
        self.lease = self._take_lease()
        self.names: dict[str, Order] = {}
        self.seen: set[str] = set()
        self.refused_here: set[str] = set()
        self.duplicates: set[str] = set()
        self.exec_ids: dict[str, str] = {}
        self.said = 0
        self.counting: dict[str, tuple[Decimal, Decimal]] = {}
        self.days = 1
        self.at = timezone.now()

    def assert_plays(self, rows: Sequence[Row], *, restart_in: Collection[int] = ()) -> None:
        """Every row, and after each row of the broker the facts that it names.

        From each of these gaps (after so many rows) also to the end after a restart there.
        """
        self.days = max(row.day for row in rows)
        for number, row in enumerate(rows, start=1):
            self._step(row)
            if self.restarts:
                self.restart()
            if number in restart_in:
                self._play_restarted(rows[number:])
        self._compare_average()

    def _play_restarted(self, rows: Sequence[Row]) -> None:
        with transaction.atomic():
            other = self._fork()
            other.restart()
            other.assert_plays(rows)
            transaction.set_rollback(True)

    def _step(self, row: Row) -> None:
        self.at = timezone.now() - timedelta(days=self.days - row.day)
        if row.ours:
            self._ask(row)
        elif row.dir == "B>C":
            self._hear(row)
            self._compare(row)

    def _fork(self) -> Player:
        other = copy(self)
        other.names, other.exec_ids = dict(self.names), dict(self.exec_ids)
        other.seen, other.refused_here = set(self.seen), set(self.refused_here)
        other.duplicates, other.counting = set(self.duplicates), dict(self.counting)
        return other

    def restart(self) -> None:
        """The process is gone with all it had in memory; the next one begins as a session does."""
        self.flags = SessionFlags()
        now = timezone.now()
        GatewaySession.objects.update(lease_until=now - timedelta(seconds=60))
        self.lease = self._take_lease()
        answers.mark_unanswered("main", before=now, why="restart")
        replaces.mark_unanswered("main", before=now, why="restart")

    @staticmethod
    def _take_lease() -> Lease:
        GatewaySession.objects.update(lease_until=timezone.now() - timedelta(seconds=60))
        lease = take_lease("main", 1)
        assert lease
        return lease

    # --- we ask ------------------------------------------------------------------------------------
    def _ask(self, row: Row) -> None:
        asking = {"NEW": self._new, "CANCEL": self._cancel, "REPLACE": self._replace}
        try:
            if row.msg in asking:
                asking[row.msg](row)
        except OrderError:
            # The order that holds a ClOrdID goes on when another one is refused for it.
            (self.duplicates if row.msg == "NEW" else self.refused_here).add(row.name)
        self._send()

    def _send(self) -> None:
        """What the submitter would claim and hand over now; in one transaction the clock stands still."""
        OutboxCommand.objects.filter(done_at=None).update(not_before=timezone.now() - timedelta(days=1))
        claim_cancels(self.lease, limit=10)
        claim_replaces(self.lease, limit=10)
        claim_orders(self.lease, limit=10)

    def _new(self, row: Row) -> None:
        assert row.order_qty
        ticket = Ticket(
            cl_ord_id=self._id(row.name),
            account=ACCOUNT,
            instrument=InstrumentKey(symbol="AAPL"),
            side=Side.BUY,
            order_qty=row.order_qty,
            ord_type=OrdType.LIMIT,
            price=PX,
            time_in_force=TimeInForce(row.more.get("tif", "DAY")),
            max_age=Decimal(3600),
        )
        placed = place_order(ticket, client=self.client, source=Source.API, received_at=timezone.now())
        if not placed.created and "poss_resend" not in row.more:
            self.duplicates.add(row.name)
        self.names.setdefault(row.name, placed.order)

    def _cancel(self, row: Row) -> None:
        order = self._order(row.orig)
        if order is None:
            self.refused_here.add(row.name)
            return
        self.names[row.name] = order
        cancel_order(order.id, actor="client:algo", at=timezone.now(), cl_ord_id=self._id(row.name))

    def _replace(self, row: Row) -> None:
        order = self._order(row.orig)
        if order is None:
            self.refused_here.add(row.name)
            return
        assert order.price is not None
        self.names[row.name] = order
        # The tables carry no prices: one that leaves the quantity means another price.
        px = None if row.order_qty != order.order_qty else order.price + Decimal("0.01")
        change = Change(cl_ord_id=self._id(row.name), order_qty=row.order_qty, price=px)
        replace_order(order.id, change, actor="client:algo", at=timezone.now())

    # --- the broker speaks -------------------------------------------------------------------------
    def _hear(self, row: Row) -> None:
        event = self._event(row)
        for _ in range(2 if self.repeat else 1):
            if event:
                note = InboundMessage(event=event, dedup_key=uuid4().hex, raw={}, received_at=self.at)
                apply_items("main", [note], self.flags)
        if row.exec_type in ("PendingCancel", "PendingReplace"):
            self.seen.add(row.name)
        self._send()

    def _event(self, row: Row) -> BrokerEvent | None:
        """What the adapter reads in the message of this row; None when there is none, or it says nothing."""
        duplicate = row.exec_type == "Rejected" and row.name in self.duplicates
        if row.exec_type == "OrderStatus" or row.name in self.refused_here or duplicate:
            return None  # our own answer to a question, or to what was refused here
        fields = self._cancel_reject(row) if row.msg == "CXLREJ" else self._execution_report(row)
        if fields is None:
            return None
        event = Translator(self.exec_ids).event(wire.decode(wire.encode(fields)))
        if isinstance(event, ExecutionReport):
            self.counting[event.exec_root] = (event.last_qty, event.last_px)
        return event

    def _cancel_reject(self, row: Row) -> dict[int, str] | None:
        request = self._request(row.name)
        if request is None:
            return None
        to = "1" if request.kind == RequestKind.CANCEL else "2"
        return {
            Tag.MSG_TYPE: "9",
            **self._names_of(row),
            Tag.CXL_REJ_RESPONSE_TO: to,
            Tag.CXL_REJ_REASON: "99",
        }

    def _execution_report(self, row: Row) -> dict[int, str]:
        order = self._order(row.name)
        trade = row.exec_type in TRADES
        said = {
            Tag.ORD_STATUS: ORD_STATUS.get(row.ord_status),
            Tag.ORDER_QTY: row.order_qty,
            Tag.CUM_QTY: row.cum_qty or (0 if trade else row.cum_qty),
            Tag.LEAVES_QTY: row.leaves_qty,
            Tag.PRICE: self._shown_price(row, order),
            Tag.LAST_QTY: row.last_qty if trade else None,
            Tag.LAST_PX: row.more.get("px", PX) if trade else None,
            Tag.EXEC_REF_ID: f"{self.run}.{row.more['refs']}" if trade and "refs" in row.more else None,
            Tag.WORKING_INDICATOR: "N" if "held" in row.more else None,
            Tag.EXEC_RESTATEMENT_REASON: "0" if "corporate_action" in row.more else None,
        }
        self.said += 1
        return {
            Tag.MSG_TYPE: "8",
            **self._names_of(row),
            Tag.EXEC_ID: f"{self.run}.{row.more.get('exec', f'T{self.said}')}",
            Tag.EXEC_TYPE: EXEC_TYPES[row.exec_type],
            Tag.ACCOUNT: ACCOUNT,
            Tag.SYMBOL: "AAPL",
            Tag.SECURITY_ID_SOURCE: OUR_CONTRACTS,
            Tag.SECURITY_ID: "265598",
            Tag.SIDE: "1",
            Tag.ORD_TYPE: "2",
            Tag.TIME_IN_FORCE: TIME_IN_FORCE[order.time_in_force if order else "DAY"],
            Tag.TRANSACT_TIME: self.at.strftime("%Y%m%d-%H:%M:%S.%f"),
            **{tag: str(value) for tag, value in said.items() if value is not None},
        }

    def _names_of(self, row: Row) -> dict[int, str]:
        """OrderID and ClOrdID, as we would have sent it; an order that is not ours has only the first."""
        order = self._order(row.name)
        if order is None or not row.name:
            return {Tag.ORDER_ID: str(self.perm_id)}
        request = self._request(row.name)
        cl_ord_id = f"{order.order_ref}/{request.cl_ord_id}" if request else order.order_ref
        return {Tag.ORDER_ID: str(order.id.int % 2**40), Tag.CL_ORD_ID: cl_ord_id}

    def _shown_price(self, row: Row, order: Order | None) -> Decimal | None:
        if row.exec_type == "Replaced" and (request := self._request(row.name)):
            return request.price
        if order and order.price and "corporate_action" in row.more and row.order_qty:
            return order.price * order.order_qty / row.order_qty
        return order.price if order else PX

    # --- what must be true -------------------------------------------------------------------------
    def _compare(self, row: Row) -> None:
        order = self._order(row.name)
        if order is None:
            assert row.ord_status == OrdStatus.REJECTED, "an order that nobody knows is refused"
            return
        pending = [r.kind for r in order.requests.all() if r.is_open and self._is_seen(r)]
        status = ord_status(order.state, order.cum_qty, pending, order.standing)
        found = (status, order.reported_qty, order.cum_qty, order.leaves_qty)
        wanted = (row.ord_status, row.order_qty, row.cum_qty, row.leaves_qty)
        said = tuple(was if must is None else must for must, was in zip(wanted, found, strict=True))
        step = f"step {row.t}: {row.msg} {row.exec_type} of {row.name}"
        assert found == said, f"{step}: {[*map(str, found)]}, not {[*map(str, said)]}"
        day = order.day_quantities(self.at)
        for word, quantity in (("day_order", day.order_qty), ("day_cum", day.cum_qty)):
            assert Decimal(row.more.get(word, quantity)) == quantity, f"{step}: {word} is {quantity}"

    def _is_seen(self, request: OrderRequest) -> bool:
        return request.cl_ord_id.removeprefix(f"{self.run}-") in self.seen

    def _compare_average(self) -> None:
        order = self._order(next(iter(self.names), ""))
        quantity = sum((qty for qty, _ in self.counting.values()), Decimal(0))
        if order and quantity and order.cum_qty == quantity:
            value = sum((qty * px for qty, px in self.counting.values()), Decimal(0))
            assert abs(order.avg_px - value / quantity) < Decimal("1e-9")

    # --- names -------------------------------------------------------------------------------------
    def _id(self, name: str) -> str:
        return f"{self.run}-{name}"

    def _order(self, name: str) -> Order | None:
        if not name:
            return Order.objects.filter(perm_id=self.perm_id).first()
        known = self.names.get(name)
        return Order.objects.get(pk=known.pk) if known else None

    def _request(self, name: str) -> OrderRequest | None:
        if name in self.refused_here:
            return None
        return OrderRequest.objects.filter(client=self.client, cl_ord_id=self._id(name)).first()
