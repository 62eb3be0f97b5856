"""The gateway's records in the words of the protocol, with the constant values that real gateways send.

Where a value looks odd, it is: tws-wire 6.1 lists what recorded frames have there.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from operator import attrgetter

import msgspec

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.accounts.exposure import Exposure
from brokers.simulator.gateway.accounts.margin import margin_change
from brokers.simulator.gateway.accounts.valuation import Valuation
from brokers.simulator.gateway.memory.facts import Executed, OrderRecord, Status
from brokers.simulator.gateway.orders.terms import LIMITED, PEGGED, STOPS, TOUCHED, TRAILING
from brokers.simulator.gateway.reference.contracts import execution_contract, order_contract
from brokers.simulator.gateway.texts.numbers import java, plain
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.records import Contract, Execution, Order, OrderState
from brokers.simulator.wire.server import CommissionReport, ExecutionData, OrderStatus
from brokers.simulator.wire.values import UNSET_DOUBLE, UNSET_INT

ZERO = Decimal(0)
NO_PARENT = 9223372036854775807
_WITH_LIMIT = LIMITED | PEGGED | {"TRAIL LIMIT"}
_WITH_AUX_PRICE = STOPS | TOUCHED | TRAILING | PEGGED
#: What openOrder has where the client said nothing.
_WHERE_NOTHING_WAS_SAID: dict[str, object] = {
    **dict.fromkeys(("discretionary_amt", "cash_qty"), ZERO),
    **dict.fromkeys(("auction_strategy", "volatility_type", "reference_price_type"), 0),
    **dict.fromkeys(("delta_neutral_con_id", "delta_neutral_short_sale_slot", "adjustable_trailing_unit"), 0),
    **dict.fromkeys(("display_size", "scale_init_level_size", "scale_subs_level_size"), UNSET_INT),
    **dict.fromkeys(("delta_neutral_order_type", "adjusted_order_type"), "None"),
    **dict.fromkeys(("trigger_price", "lmt_price_offset", "adjusted_trailing_amount"), UNSET_DOUBLE),
    **dict.fromkeys(("adjusted_stop_price", "adjusted_stop_limit_price"), UNSET_DOUBLE),
    "oca_type": 3,
    "delta_neutral_open_close": "?",
    "clearing_intent": "IB",
}
#: Numbers that are repeated as doubles are written: at least one decimal.
_DOUBLES = (
    *("trailing_percent", "percent_offset", "nbbo_price_cap", "starting_price", "stock_ref_price", "delta"),
    *("stock_range_lower", "stock_range_upper", "volatility", "delta_neutral_aux_price"),
    *("scale_price_increment", "scale_price_adjust_value", "scale_profit_offset"),
    *("pegged_change_amount", "reference_change_amount", "mid_offset_at_whole", "mid_offset_at_half"),
)
_SILENT_VALUES, _SILENCES = attrgetter(*_WHERE_NOTHING_WAS_SAID), tuple(_WHERE_NOTHING_WAS_SAID.values())
_DOUBLE_VALUES = attrgetter(*_DOUBLES)


class _Echoes:
    """Remembers the last echo: a fill sends the same terms three times in a row."""

    def __init__(self) -> None:
        self._terms: tuple[object, ...] = ()
        self._echo = Order()
        self._place: tuple[object, ...] = (None, "", ())
        self._contract = Contract()

    def contract(self, record: OrderRecord, instrument: Instrument) -> Contract:
        """Return the order's contract as openOrder has it; nobody may change what is returned."""
        known, exchange, legs = self._place
        if known is not instrument or exchange != record.exchange or legs is not record.combo_legs:
            self._place = (instrument, record.exchange, record.combo_legs)
            self._contract = order_contract(instrument, record.exchange)
            self._contract.combo_legs = record.combo_legs
        return self._contract

    def of(self, record: OrderRecord, instrument: Instrument) -> Order:
        """Return the order's terms as openOrder repeats them; nobody may change what is returned."""
        # The order itself may be changed in two ways after it was placed: see `Reduced` and `Bound`.
        order = record.order
        terms = (order.total_quantity, record.order_id, record.limit, record.trigger, record.modifications)
        if not self._terms or self._terms[0] is not order or self._terms[1:] != terms:
            self._terms, self._echo = (order, *terms), echoed_order(record, instrument)
        return self._echo


_echoes = _Echoes()


def echoed_order(record: OrderRecord, instrument: Instrument) -> Order:
    """Return the order's terms as openOrder repeats them."""
    order = record.order
    competes = record.exchange == "SMART" and instrument.sec_type == "STK"
    silent = zip(_WHERE_NOTHING_WAS_SAID, _SILENT_VALUES(order), _SILENCES, strict=True)
    doubles = zip(_DOUBLES, _DOUBLE_VALUES(order), strict=True)
    return msgspec.structs.replace(
        order,
        **{name: value or silence for name, value, silence in silent},
        **{name: _double(value) for name, value in doubles if value is not None},
        total_quantity=plain(record.quantity),
        lmt_price=java(_limit(record)),
        aux_price=java(order.aux_price if order.order_type in _WITH_AUX_PRICE else None),
        trail_stop_price=_double(record.trigger if record.trigger is not None else order.trail_stop_price),
        account=record.account,
        open_close="",
        client_id=record.told_ids[0],
        perm_id=record.perm_id,
        shares_allocation=f"{record.perm_id}.{record.modifications}/{record.account}/100",
        second_trail_stop_price=_second_trail_stop(record),
        dont_use_auto_price_for_hedge=True,
        use_price_mgmt_algo=bool(order.use_price_mgmt_algo),
        min_compete_size=order.min_compete_size or (100 if competes else None),
        compete_against_best_offset=order.compete_against_best_offset or ("0.02" if competes else ""),
    )


def _double(value: Decimal | None) -> Decimal | None:
    return value if value is None or value == UNSET_DOUBLE else java(value)


def _limit(record: OrderRecord) -> Decimal | None:
    """The limit that the client said, or that the market made of what it said."""
    if record.limit is not None:
        return record.limit
    return record.order.lmt_price if record.order.order_type in _WITH_LIMIT else None


def _second_trail_stop(record: OrderRecord) -> Decimal:
    """Real gateways put limit + 1 here until the first modification, and the stop price for stops."""
    order = record.order
    if order.order_type == "STP":
        return java(order.aux_price)
    if order.lmt_price is None or order.order_type == "MKT" or record.modifications:
        return UNSET_DOUBLE
    return java(order.lmt_price + 1)


#: An order's state before its margin and commission are known.
_NO_FIGURES = OrderState(
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
    state = copy(_NO_FIGURES)
    state.status = record.status
    if with_commission:
        state.commission = java(record.commission)
        state.commission_currency = instrument.currency
    return OpenOrder(
        order_id=record.told_ids[1],
        contract=_echoes.contract(record, instrument),
        order=_echoes.of(record, instrument),
        state=state,
    )


def order_status(record: OrderRecord, status: Status | None = None) -> OrderStatus:
    """The order's status message, for its present status or one that it passes through."""
    return OrderStatus(
        order_id=record.told_ids[1],
        status=status or record.status,
        filled=plain(record.filled),
        remaining=plain(record.remaining),
        avg_fill_price=record.average_price,
        perm_id=record.perm_id,
        parent_id=record.order.parent_id or 0,
        last_fill_price=plain(record.last_price),
        client_id=record.told_ids[0],
        why_held=record.why_held,
        mkt_cap_price=ZERO,
    )


def completed_order(record: OrderRecord, instrument: Instrument, time: str) -> CompletedOrder:
    """An order done at `time` as it is listed later: without order id, total quantity 0 when filled whole."""
    order = echoed_order(record, instrument)
    filled = record.status is Status.FILLED
    order.total_quantity = ZERO if filled else plain(record.quantity)
    order.filled_quantity = plain(record.filled)
    order.ref_futures_con_id = UNSET_INT
    order.shareholder = "Not an insider or substantial shareholder"
    order.parent_perm_id = NO_PARENT
    order.min_compete_size, order.compete_against_best_offset = None, ""
    state = OrderState(
        status=Status.FILLED if filled else Status.CANCELLED,
        completed_time=time,
        completed_status=record.completed_status,
    )
    return CompletedOrder(contract=_echoes.contract(record, instrument), order=order, state=state)


def execution_data(
    fact: Executed, record: OrderRecord, instrument: Instrument, req_id: int, time: str
) -> ExecutionData:
    """A fill at `time`; `req_id` is -1 when nobody asked for it."""
    return ExecutionData(
        req_id=req_id,
        order_id=record.told_ids[1],
        contract=execution_contract(instrument, fact.venue),
        execution=Execution(
            exec_id=fact.exec_id,
            time=time,
            account=fact.account,
            exchange=fact.venue,
            side="BOT" if fact.side == "BUY" else "SLD",
            shares=plain(fact.shares),
            price=fact.price,
            perm_id=record.perm_id,
            client_id=record.told_ids[0],
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


def what_if(record: OrderRecord, account: Account, valuation: Valuation, exposure: Exposure) -> OpenOrder:
    """Return the one openOrder that answers a what-if order; no orderStatus follows it."""
    instrument = valuation.universe[record.con_id]
    answer = open_order(record, instrument)
    totals = valuation.totals(account)
    price = record.order.lmt_price or valuation.last_price(instrument)
    value = record.quantity * abs(price) * instrument.multiplier
    change = margin_change(record, account, valuation, exposure)
    commission = java(instrument.commission.total(record.quantity, value))
    net = totals.net_liquidation
    state = answer.state
    state.init_margin_before = state.maint_margin_before = java(round(totals.margin, 2))
    state.init_margin_change = state.maint_margin_change = java(round(change, 2))
    state.init_margin_after = state.maint_margin_after = java(round(totals.margin + change, 2))
    state.equity_with_loan_before = state.equity_with_loan_after = java(round(net, 2))
    state.equity_with_loan_change = java(ZERO)
    state.min_commission = state.max_commission = commission
    state.commission_currency = instrument.currency
    return answer
