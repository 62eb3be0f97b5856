"""What a snapshot shows of an order that is not in it: account, day, clocks, and whether positions moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property

from django.conf import settings
from django.db.models import Q

from brokers import time_zones
from brokers.fix import Side
from brokers.messages import Snapshot
from brokers.models import BrokerAccount, Position
from orders.models import AT_BROKER, Break, BreakKind, Order, Source
from orders.reconciliation import positions
from orders.sending.absence import AbsenceEvidence, Doubt, doubts

ZERO = Decimal(0)


class SnapshotEvidence:
    """Examines the orders that one snapshot misses; reads of our books what it needs, once."""

    def __init__(self, session: str, snapshot: Snapshot, skew: float = 0.0) -> None:
        self.session = session
        self.snapshot = snapshot
        self.skew = skew
        self.zone = gateway_zone(session, snapshot.time_zone)

    def doubts(self, order: Order) -> list[Doubt]:
        """Why the order may be at the broker all the same."""
        snapshot = self.snapshot
        return doubts(
            AbsenceEvidence(
                account=str(order.account_id),
                side=Side(order.side),
                sent_at=None if order.source == Source.EXTERNAL else order.claimed_at,
                accounts=frozenset(snapshot.accounts),
                connected_at=snapshot.connection_started_at,
                began_at=snapshot.started_at,
                finished_at=snapshot.finished_at,
                zone=self.zone,
                settling=timedelta(seconds=settings.SETTLING_TIME),
                skew=self.skew,
                max_skew=settings.MAX_CLOCK_SKEW,
                others_move=self._others_move(order),
                unexplained_qty=self._unexplained(order),
                doubted_at=order.unconfirmed_at,
            )
        )

    # --- positions -------------------------------------------------------------------------------
    def _others_move(self, order: Order) -> bool:
        """Whether other orders may have moved its contracts; asked before our books are read."""
        legs = order.instrument.legs or [{"con_id": order.instrument.con_id}]
        contracts = Q(instrument__con_id__in=[leg["con_id"] for leg in legs]) | ~Q(instrument__legs=[])
        others = Order.objects.filter(contracts, account_id=order.account_id).exclude(pk=order.pk)
        since = Q(executions__received_at__gte=self.snapshot.started_at)
        return others.filter(Q(state__in=AT_BROKER) | since).exists()

    def _unexplained(self, order: Order) -> Decimal:
        """How far the order's contracts moved its way, beyond what is known and what was open before it."""
        if order.source == Source.EXTERNAL or order.claimed_at is None:
            return ZERO
        sign = 1 if order.side == Side.BUY else -1
        legs = order.instrument.legs or [{"con_id": order.instrument.con_id, "side": Side.BUY}]
        moved = [
            sign * (1 if leg["side"] == Side.BUY else -1) * self._moved(order, leg["con_id"]) for leg in legs
        ]
        return max(moved, default=ZERO)

    def _moved(self, order: Order, con_id: int) -> Decimal:
        contract = (str(order.account_id), con_id)
        if order.account_id not in self._with_baseline:
            return ZERO  # the first snapshot of an account: what it shows is where comparisons begin
        shown = self._shown.get(contract, ZERO)
        if shown is None:
            return order.order_qty  # the broker does not tell it: it may have moved by all of the order
        expected = self._baselines.get(contract, ZERO) + self._executed.get(contract, ZERO)
        return shown - expected - self._open_before(contract, order.claimed_at)

    def _open_before(self, contract: tuple[str, int], sent_at: datetime | None) -> Decimal:
        """A difference that a person was told of before the order was sent."""
        row = Break.objects.filter(
            session_id=self.session,
            kind=BreakKind.POSITION,
            key=Break.position_key(*contract),
            closed_at=None,
            first_seen__lt=sent_at,
        ).first()
        return Decimal(row.broker["reported"]) - Decimal(row.ours["expected"]) if row else ZERO

    @cached_property
    def _shown(self) -> dict[tuple[str, int], Decimal | None]:
        return {(row.account, row.instrument.con_id): row.position_qty for row in self.snapshot.positions}

    @cached_property
    def _executed(self) -> dict[tuple[str, int], Decimal]:
        return positions.executed_quantities(self.session)

    @cached_property
    def _baselines(self) -> dict[tuple[str, int], Decimal]:
        rows = Position.objects.filter(account__session_id=self.session)
        return {(row.account_id, row.con_id): row.baseline_qty for row in rows}

    @cached_property
    def _with_baseline(self) -> set[str]:
        known = BrokerAccount.objects.filter(session_id=self.session).exclude(baseline_at=None)
        return set(known.values_list("code", flat=True))


def gateway_zone(session: str, told: str) -> tzinfo | None:
    """Where the session's gateway stands, by the settings or as it says; None when nobody can tell.

    Its day is what it lists.
    """
    config = settings.BROKER_SESSIONS.get(session)
    configured = time_zones.find(config.time_zone) if config and config.time_zone else None
    return configured or (time_zones.find(told) if told else UTC)
