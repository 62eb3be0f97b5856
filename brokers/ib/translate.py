"""Between IB's words and ours; pure functions. IB's camelCase, floats and sentinels stop here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC
from decimal import Decimal
from sys import intern

from ib_async import CommissionReport as IBCommission
from ib_async import Contract, Execution, OrderState
from ib_async import Order as IBOrder

from brokers.errors import BrokerRefused
from brokers.fix import OrdType, SecType, Side
from brokers.ib.contracts import ZERO, amount, decimal, instrument_of, known_id, plain
from brokers.ib.order_attributes import add_special, number_text
from brokers.messages import (
    CommissionReport,
    ExecutionReport,
    NewOrder,
    OrderIdentity,
    OrderReport,
    Preview,
    ReportedTerms,
    WorkingStatus,
    is_order_id,
)

ORDER_TYPES = {
    OrdType.MARKET: "MKT",
    OrdType.LIMIT: "LMT",
    OrdType.STOP: "STP",
    OrdType.STOP_LIMIT: "STP LMT",
    OrdType.TRAIL: "TRAIL",
    OrdType.TRAIL_LIMIT: "TRAIL LIMIT",
    OrdType.MIT: "MIT",
    OrdType.LIT: "LIT",
    OrdType.MOC: "MOC",
    OrdType.LOC: "LOC",
    OrdType.RELATIVE: "REL",
    OrdType.MIDPRICE: "MIDPRICE",
    OrdType.MARKET_TO_LIMIT: "MTL",
}
#: Orders by others carry these only where they mean something.
LIMITED = frozenset({"LMT", "STP LMT", "LIT", "LOC", "REL", "MIDPRICE"})
STOPPED = frozenset({"STP", "STP LMT", "MIT", "LIT"})
OUR_ORDER_TYPES = {theirs: ours.value for ours, theirs in ORDER_TYPES.items()}
#: Of executions; beside IB's own words those of its orders.
SIDES = {
    **dict.fromkeys(("BOT", "BUY"), Side.BUY),
    **dict.fromkeys(("SLD", "SELL", "SSHORT", "SLONG"), Side.SELL),
}
OUR_ACTIONS = {"SSHORT": Side.SELL_SHORT, "SLONG": Side.SELL}  # institutional words for what others just sell
LARGEST_PERM_ID = 2**63 - 1
STATUSES = {
    "ApiPending": WorkingStatus.IN_TRANSIT,
    "PendingSubmit": WorkingStatus.IN_TRANSIT,
    "PreSubmitted": WorkingStatus.HELD,
    "Submitted": WorkingStatus.WORKING,
    "PendingCancel": WorkingStatus.PENDING_CANCEL,
    "PreCancelled": WorkingStatus.PENDING_CANCEL,
    "ApiCancelled": WorkingStatus.CANCELED,
    "Cancelled": WorkingStatus.CANCELED,
    "Filled": WorkingStatus.FILLED,
    "Inactive": WorkingStatus.INACTIVE,
}
_BY_WORD = {word.casefold(): status for word, status in STATUSES.items()}


def to_order(order: NewOrder) -> IBOrder:
    """The order as it goes on the wire; raises BrokerRefused for what IB has no words for.

    Prices and quantity are given as text: the client library would print a float with `str`, which
    can be 0.30000000000000004 or 1e-05. Everything that a preset of the gateway could alter is set.
    """
    if order.ord_type not in ORDER_TYPES:
        raise BrokerRefused(f"IB has no order type {order.ord_type}.", code="NO_SUCH_ADAPTER_ORDER")
    wire = IBOrder(
        action="BUY" if order.side is Side.BUY else "SELL",  # short or not, the broker sees by itself
        orderType=ORDER_TYPES[order.ord_type],
        tif=order.time_in_force.value,
        account=order.account,
        orderRef=order.order_ref,
        transmit=not order.wait_for_rest,
        parentId=order.parent_broker_order_id,
        ocaGroup=order.oca_group,
        ocaType=order.oca_type,
    )
    wire.totalQuantity = number_text(order.order_qty)  # type: ignore[assignment]
    if order.price is not None:
        wire.lmtPrice = number_text(order.price)  # type: ignore[assignment]
    if order.allocation:
        # IB refuses an order that names an account and a group: the group is the master's by itself.
        wire.account = ""
        wire.faGroup = order.allocation.group
        wire.faMethod = order.allocation.method or ""
    add_special(wire, order)
    return wire


def price_or_none(value: float | Decimal | None) -> Decimal | None:
    """A price; None for IB's "not set" and for the 0.0 it sends where a price does not apply."""
    return amount(value) or None


def status_of(status: str, why_held: str = "") -> WorkingStatus:
    """Our reading of an IB status. Inactive is not reliably the end; a locate hold is a hold.

    A word that nobody knows says nothing of what the order is doing.
    """
    if status.strip().casefold() == "inactive" and "locate" in why_held.lower():
        return WorkingStatus.HELD
    return _BY_WORD.get(status.strip().casefold(), WorkingStatus.UNKNOWN)


def told_with(status: WorkingStatus, word: str, text: str) -> str:
    """What is told beside a status; of one that cannot be read its word first."""
    return f"{word!r} {text}".strip() if status is WorkingStatus.UNKNOWN else text


def terms_of(contract: Contract, order: IBOrder, more: Collection[str] = ()) -> ReportedTerms:
    """The order as the broker describes it. A filled one shows quantity 0; what was filled is then it."""
    quantity = amount(order.totalQuantity) or amount(order.filledQuantity)
    return ReportedTerms(
        account=intern(order.account),
        instrument=instrument_of(contract),
        side=OUR_ACTIONS.get(order.action, order.action),
        order_qty=quantity or ZERO,
        ord_type=OUR_ORDER_TYPES.get(order.orderType, order.orderType),
        time_in_force=intern(order.tif),
        price=_limit_price(contract, order) if order.orderType in LIMITED else None,
        stop_px=price_or_none(order.auxPrice) if order.orderType in STOPPED else None,
        more=tuple(sorted(more)),
    )


def _limit_price(contract: Contract, order: IBOrder) -> Decimal | None:
    """A combination may trade at nothing; anywhere else 0.0 says that there is no limit."""
    return amount(order.lmtPrice) if contract.secType == SecType.BAG else price_or_none(order.lmtPrice)


def identity(perm_id: int, client_id: int = 0, order_id: int = 0, order_ref: str = "") -> OrderIdentity:
    """Whose order a message is about: 0 for an order id that names none, and for a permId that is none.

    What is not above zero, or larger than any, would be the name of many orders.
    """
    return OrderIdentity(
        order_ref=order_ref,
        perm_id=known_id(perm_id) if 0 < perm_id <= LARGEST_PERM_ID else 0,
        client_id=client_id,
        broker_order_id=order_id if is_order_id(order_id) else 0,
    )


def open_order_report(
    contract: Contract, order: IBOrder, state: OrderState, more: Collection[str] = ()
) -> OrderReport:
    """openOrder: terms and status, no quantities executed. `more`: fields of terms that are told by name."""
    return OrderReport(
        identity=identity(order.permId, order.clientId, order.orderId, order.orderRef),
        status=(status := status_of(state.status)),
        source="openOrder",
        text=told_with(status, state.status, state.warningText or ""),
        terms=terms_of(contract, order, more),
    )


def completed_order_report(contract: Contract, order: IBOrder, state: OrderState) -> OrderReport:
    """completedOrder: cannot change any more today. Carries neither order id nor client id."""
    return OrderReport(
        identity=identity(order.permId, order_ref=order.orderRef),
        status=_completed_status(state),
        source="completedOrder",
        cum_qty=amount(order.filledQuantity) or ZERO,
        text=state.completedStatus.strip(),
        terms=terms_of(contract, order),
    )


def _completed_status(state: OrderState) -> WorkingStatus:
    words = state.completedStatus.strip().casefold()
    if words.startswith("rejected"):
        return WorkingStatus.REJECTED
    if words.startswith("expired"):
        return WorkingStatus.EXPIRED
    is_filled = status_of(state.status) is WorkingStatus.FILLED
    return WorkingStatus.FILLED if is_filled else WorkingStatus.CANCELED


def execution_report(contract: Contract, execution: Execution) -> ExecutionReport:
    """execDetails: one execution, or a corrected version of one."""
    return ExecutionReport(
        identity=identity(execution.permId, execution.clientId, execution.orderId, execution.orderRef),
        exec_id=execution.execId,
        account=intern(execution.acctNumber),
        instrument=instrument_of(contract),
        side=SIDES.get(word := execution.side.strip().upper(), word),
        last_qty=plain(decimal(execution.shares)),
        last_px=plain(decimal(execution.price)),
        cum_qty=amount(execution.cumQty) or ZERO,
        transact_time=execution.time.astimezone(UTC),
        venue=intern(execution.exchange),
        liquidity={1: "ADDED", 2: "REMOVED"}.get(execution.lastLiquidity, ""),
        sec_type=intern(contract.secType),
        multiplier=amount(contract.multiplier) or Decimal(1),
    )


def commission_report(report: IBCommission) -> CommissionReport:
    """commissionReport; an unset amount means not known, never zero."""
    return CommissionReport(
        exec_id=report.execId,
        commission=amount(report.commission),
        currency=report.currency,
        realized_pnl=amount(report.realizedPNL),
    )


def preview(state: OrderState) -> Preview:
    """The answer to a what-if order."""
    return Preview(
        init_margin_before=amount(state.initMarginBefore),
        init_margin_change=amount(state.initMarginChange),
        init_margin_after=amount(state.initMarginAfter),
        maint_margin_before=amount(state.maintMarginBefore),
        maint_margin_change=amount(state.maintMarginChange),
        maint_margin_after=amount(state.maintMarginAfter),
        equity_before=amount(state.equityWithLoanBefore),
        equity_change=amount(state.equityWithLoanChange),
        equity_after=amount(state.equityWithLoanAfter),
        commission=amount(state.commission),
        min_commission=amount(state.minCommission),
        max_commission=amount(state.maxCommission),
        commission_currency=state.commissionCurrency,
        warning=state.warningText or "",
    )
