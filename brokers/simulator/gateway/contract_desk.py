"""Answers to reqContractDetails: one row per instrument that the question may mean, or error 200."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.gateway.checks import query_of
from brokers.simulator.gateway.link import Link
from brokers.simulator.gateway.texts import NO_SUCH_CONTRACT, validation
from brokers.simulator.wire import client as asked
from brokers.simulator.wire.records import Contract, TagValue
from brokers.simulator.wire.server import ContractData, ContractDataEnd
from brokers.simulator.wire.values import UNSET_INT

#: The market rule of instruments priced in this tick (26: US stocks).
_MARKET_RULES = {
    Decimal("0.01"): "26",
    Decimal("0.25"): "67",
    Decimal("0.00005"): "239",
    Decimal("0.05"): "242",
}
_SECURITY_TYPES = frozenset(
    ("STK", "FUT", "OPT", "FOP", "IND", "CASH", "BOND", "BAG", "CFD", "CMDTY", "CRYPTO", "FUND", "CONTFUT")
)
_DAYS_SHOWN = 6


class ContractDesk:
    """Describes instruments."""

    def __init__(self, universe: Universe, clock: Callable[[], datetime]) -> None:
        self._universe = universe
        self._clock = clock

    def details(self, link: Link, message: asked.ReqContractData) -> None:
        """Send every instrument that the contract may mean; 200 if none."""
        contract = message.contract
        if contract.sec_type not in _SECURITY_TYPES and not contract.con_id:
            link.error(message.req_id, *validation("Please enter a valid security type"))
            return
        found = self._universe.find(query_of(contract))
        if not found:
            link.error(message.req_id, *NO_SUCH_CONTRACT)
            return
        for instrument in found:
            link.send(self._describe(message.req_id, instrument, contract.exchange))
        link.send(ContractDataEnd(req_id=message.req_id))

    def _describe(self, req_id: int, instrument: Instrument, exchange: str) -> ContractData:
        is_future = instrument.sec_type == "FUT"
        rule = _MARKET_RULES.get(instrument.min_tick, "26")
        return ContractData(
            req_id=req_id,
            contract=_contract(instrument, exchange),
            market_name=instrument.market_name,
            min_tick=instrument.min_tick,
            order_types=instrument.order_types,
            valid_exchanges=",".join(instrument.venues),
            under_con_id=instrument.under_con_id,
            long_name=instrument.long_name,
            contract_month=instrument.expiry[:6],
            industry=instrument.industry,
            category=instrument.category,
            subcategory=instrument.subcategory,
            time_zone_id=instrument.time_zone,
            trading_hours=self._hours(instrument),
            liquid_hours=self._hours(instrument),
            sec_ids=(TagValue(tag="ISIN", value=instrument.isin),) if instrument.isin else (),
            agg_group=UNSET_INT if is_future else 1,
            under_symbol=instrument.symbol if is_future else "",
            under_sec_type="IND" if is_future else "",
            market_rule_ids=",".join(rule for _ in instrument.venues),
            real_expiration_date=instrument.expiry,
            stock_type=instrument.stock_type,
            min_size=instrument.lot,
            size_increment=instrument.lot,
            suggested_size_increment=Decimal(100) if instrument.sec_type == "STK" else instrument.lot,
        )

    def _hours(self, instrument: Instrument) -> str:
        """The simulated market is open at any hour; each day is a session of its own."""
        start, end = instrument.open_hours
        today = self._clock()
        days = (f"{today + timedelta(days=offset):%Y%m%d}" for offset in range(_DAYS_SHOWN))
        return ";".join(f"{day}:{start}-{day}:{end}" for day in days)


def _contract(instrument: Instrument, exchange: str) -> Contract:
    return Contract(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        last_trade_date=instrument.expiry,
        strike=Decimal(0),
        multiplier=instrument.multiplier_text,
        exchange=exchange or instrument.exchange,
        primary_exchange=instrument.primary_exchange,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
    )
