"""The gateway's records in the words of the protocol, with the constant values that real gateways send.

Where a value looks odd, it is: tws-wire 6.1 lists what recorded frames have there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.state import Executed, OrderRecord, Status
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Contract, Execution, Order, OrderState
from brokers.simulator.wire.server import CommissionReport, ExecutionData, OrderStatus
from brokers.simulator.wire.values import UNSET_DOUBLE, UNSET_INT

ZERO = Decimal(0)
NO_PARENT = 9223372036854775807
#: From here on times carry their zone (server version 174).
_ZONED_TIMES = 174


def java(value: Decimal | None) -> Decimal:
    """Return the number as Java prints a double: at least one decimal."""
    value = (value or ZERO).normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent >= 0 else value


def plain(value: Decimal) -> Decimal:
    """Return the number without trailing zeros."""
    return value.normalize()


def money(value: Decimal) -> str:
    """Return an amount with two decimals, as account values have it."""
    return f"{value:.2f}"


def execution_time(moment: datetime, version: int) -> str:
    """Return an execution's time; the gateway's own zone is UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y%m%d %H:%M:%S} UTC" if version >= _ZONED_TIMES else f"{moment:%Y%m%d  %H:%M:%S}"


def order_contract(instrument: Instrument, exchange: str) -> Contract:
    """The contract in openOrder and completedOrder: strike `0` and right `?` on everything without them."""
    contract = _identity(instrument)
    contract.strike, contract.right, contract.exchange = ZERO, "?", exchange
    return contract


def execution_contract(instrument: Instrument, venue: str) -> Contract:
    """The contract of a fill names the venue that executed it."""
    contract = _identity(instrument)
    contract.exchange = venue
    return contract


def position_contract(instrument: Instrument) -> Contract:
    """The contract of a position: the primary exchange for stocks, none for the rest."""
    contract = _identity(instrument)
    contract.exchange = instrument.primary_exchange if instrument.sec_type == "STK" else ""
    return contract


def portfolio_contract(instrument: Instrument) -> Contract:
    """The contract of a portfolio row: strike and right are both `0`."""
    contract = _identity(instrument)
    contract.strike, contract.right = ZERO, "0"
    contract.primary_exchange = instrument.primary_exchange or instrument.exchange
    return contract


def _identity(instrument: Instrument) -> Contract:
    return Contract(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        last_trade_date=instrument.expiry,
        multiplier=instrument.multiplier_text,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
    )


def echoed_order(record: OrderRecord, instrument: Instrument) -> Order:
    """Return the order's terms as openOrder repeats them."""
    order = record.order
    competes = record.exchange == "SMART" and instrument.sec_type == "STK"
    return msgspec.structs.replace(
        order,
        total_quantity=plain(record.quantity),
        lmt_price=java(order.lmt_price if "LMT" in order.order_type else None),
        aux_price=java(order.aux_price if "STP" in order.order_type else None),
        account=record.account,
        open_close="",
        client_id=record.client_id,
        perm_id=record.perm_id,
        discretionary_amt=ZERO,
        shares_allocation=f"{record.perm_id}.{record.modifications}/{record.account}/100",
        auction_strategy=0,
        display_size=UNSET_INT,
        oca_type=3,
        volatility_type=0,
        delta_neutral_order_type="None",
        delta_neutral_con_id=0,
        delta_neutral_open_close="?",
        delta_neutral_short_sale_slot=0,
        reference_price_type=0,
        scale_init_level_size=UNSET_INT,
        scale_subs_level_size=UNSET_INT,
        clearing_intent="IB",
        adjusted_order_type="None",
        trigger_price=UNSET_DOUBLE,
        second_trail_stop_price=_second_trail_stop(record),
        lmt_price_offset=UNSET_DOUBLE,
        adjusted_stop_price=UNSET_DOUBLE,
        adjusted_stop_limit_price=UNSET_DOUBLE,
        adjusted_trailing_amount=UNSET_DOUBLE,
        adjustable_trailing_unit=0,
        cash_qty=ZERO,
        dont_use_auto_price_for_hedge=True,
        use_price_mgmt_algo=bool(order.use_price_mgmt_algo),
        min_compete_size=100 if competes else None,
        compete_against_best_offset="0.02" if competes else "",
    )


def _second_trail_stop(record: OrderRecord) -> Decimal:
    """Real gateways put limit + 1 here until the first modification, and the stop price for stops."""
    order = record.order
    if order.order_type == "STP":
        return java(order.aux_price)
    if order.lmt_price is None or order.order_type == "MKT" or record.modifications:
        return UNSET_DOUBLE
    return java(order.lmt_price + 1)


def _state(status: str) -> OrderState:
    return OrderState(
        status=status,
        init_margin_before=UNSET_DOUBLE,
        maint_margin_before=UNSET_DOUBLE,
        equity_with_loan_before=UNSET_DOUBLE,
        init_margin_change=UNSET_DOUBLE,
        maint_margin_change=UNSET_DOUBLE,
        equity_with_loan_change=UNSET_DOUBLE,
        init_margin_after=UNSET_DOUBLE,
        maint_margin_after=UNSET_DOUBLE,
        equity_with_loan_after=UNSET_DOUBLE,
    )


def open_order(record: OrderRecord, instrument: Instrument, *, with_commission: bool = False) -> OpenOrder:
    """The order as it stands; the commission comes only once, after the order is filled."""
    state = _state(record.status)
    if with_commission:
        state.commission = java(record.commission)
        state.commission_currency = instrument.currency
    return OpenOrder(
        order_id=record.order_id,
        contract=order_contract(instrument, record.exchange),
        order=echoed_order(record, instrument),
        state=state,
    )


def order_status(record: OrderRecord, status: Status | None = None) -> OrderStatus:
    """The order's status message, for its present status or one that it passes through."""
    return OrderStatus(
        order_id=record.order_id,
        status=status or record.status,
        filled=plain(record.filled),
        remaining=plain(record.remaining),
        avg_fill_price=record.average_price,
        perm_id=record.perm_id,
        last_fill_price=plain(record.last_price),
        client_id=record.client_id,
        why_held=record.why_held,
        mkt_cap_price=ZERO,
    )


def completed_order(record: OrderRecord, instrument: Instrument) -> CompletedOrder:
    """The order as reqCompletedOrders lists it: without order id, total quantity 0 when filled whole."""
    order = echoed_order(record, instrument)
    filled = record.status is Status.FILLED
    order.total_quantity = ZERO if filled else plain(record.quantity)
    order.filled_quantity = plain(record.filled)
    order.ref_futures_con_id = UNSET_INT
    order.shareholder = "Not an insider or substantial shareholder"
    order.parent_perm_id = NO_PARENT
    order.min_compete_size, order.compete_against_best_offset = None, ""
    done_at = (record.done_at or record.received_at).astimezone(UTC)
    state = OrderState(
        status=Status.FILLED if filled else Status.CANCELLED,
        completed_time=f"{done_at:%Y%m%d %H:%M:%S} UTC",
        completed_status=record.completed_status,
    )
    return CompletedOrder(contract=order_contract(instrument, record.exchange), order=order, state=state)


def execution_data(
    fact: Executed, record: OrderRecord, instrument: Instrument, req_id: int, version: int
) -> ExecutionData:
    """A fill; `req_id` is -1 when it is told unasked."""
    return ExecutionData(
        req_id=req_id,
        order_id=record.order_id,
        contract=execution_contract(instrument, fact.venue),
        execution=Execution(
            exec_id=fact.exec_id,
            time=execution_time(fact.at, version),
            account=fact.account,
            exchange=fact.venue,
            side="BOT" if fact.side == "BUY" else "SLD",
            shares=plain(fact.shares),
            price=fact.price,
            perm_id=record.perm_id,
            client_id=record.client_id,
            cum_qty=plain(fact.cum_qty),
            avg_price=fact.avg_price,
            order_ref=record.order.order_ref,
            last_liquidity=fact.liquidity,
        ),
    )


def commission_report(fact: Executed) -> CommissionReport:
    """A fill's commission, with the realized profit of a closing trade."""
    return CommissionReport(
        exec_id=fact.exec_id,
        commission=java(fact.commission),
        currency=fact.currency,
        realized_pnl=UNSET_DOUBLE if fact.realized is None else java(fact.realized),
        yield_=UNSET_DOUBLE,
    )
