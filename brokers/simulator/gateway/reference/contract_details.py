"""Answers about instruments: contract details, symbol search, option chains, market rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from brokers.simulator.exchange.hours import TradingHours
from brokers.simulator.exchange.instruments import Instrument, Universe
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.reference.contracts import front_month, query_of
from brokers.simulator.gateway.texts.refusals import NO_SUCH_CONTRACT, Refused, validation
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import client_reference as reference_requests
from brokers.simulator.wire import server_reference as responses
from brokers.simulator.wire.records import Contract, Record, TagValue
from brokers.simulator.wire.server import ContractData, ContractDataEnd, Fund
from brokers.simulator.wire.values import UNSET_INT

_SECURITY_TYPES = frozenset(
    (
        *("STK", "FUT", "OPT", "FOP", "IND", "CASH", "BOND", "BAG", "CFD", "CMDTY", "CRYPTO", "FUND"),
        *("CONTFUT", "WAR", "IOPT"),
    )
)
#: The group of venues whose prices belong together, as recorded details number them.
_AGGREGATION_GROUPS = {"STK": 1, "OPT": 2, "CASH": 4}
_SEARCHED_TYPES = frozenset(("STK", "IND", "CFD", "BOND"))
_MAX_SAMPLES = 16
_DAYS_SHOWN = 6


class ContractService:
    """Describes instruments."""

    def __init__(self, universe: Universe, hours: TradingHours | None, clock: Callable[[], datetime]) -> None:
        self._universe = universe
        self._trading_hours = hours
        self._clock = clock

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqContractData: self.details,
            reference_requests.ReqMatchingSymbols: self.matching_symbols,
            reference_requests.ReqSecDefOptParams: self.option_parameters,
            reference_requests.ReqMarketRule: self.market_rule,
        }

    # -- details ----------------------------------------------------------------------------------

    def details(self, link: Link, message: requests.ReqContractData) -> None:
        """Send every instrument that the contract may mean; 200 if none."""
        contract = message.contract
        if contract.sec_type not in _SECURITY_TYPES and not (contract.con_id or contract.sec_id):
            link.error(message.req_id, *validation("Please enter a valid security type"))
            return
        try:
            found = self._found(message)
        except Refused as refused:
            link.error(message.req_id, *refused.refusal)
            return
        for instrument in found:
            link.send(self._describe(message.req_id, instrument, contract.exchange))
        link.send(ContractDataEnd(req_id=message.req_id))

    def _found(self, message: requests.ReqContractData) -> list[Instrument]:
        if message.contract.sec_type == "CONTFUT":
            front = front_month(self._universe, message.contract)
            return [msgspec.structs.replace(front, sec_type="CONTFUT")]
        query = query_of(message.contract, includes_expired=message.include_expired)
        found = self._universe.find(query)
        if not found:
            raise Refused(NO_SUCH_CONTRACT)
        return found

    def _describe(self, req_id: int, instrument: Instrument, exchange: str) -> Record:
        if instrument.bond:
            return _describe_bond(req_id, instrument, exchange)
        under = self._universe.instruments.get(instrument.under_con_id)
        is_derivative = instrument.is_option or instrument.sec_type == "FUT" or bool(instrument.under_con_id)
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
            trading_hours=self._hours(instrument, extended=True),
            liquid_hours=self._hours(instrument, extended=False),
            sec_ids=_isin(instrument),
            agg_group=_AGGREGATION_GROUPS.get(instrument.sec_type, UNSET_INT),
            under_symbol=instrument.symbol if is_derivative else "",
            under_sec_type=(under.sec_type if under else "IND") if is_derivative else "",
            market_rule_ids=_rule_ids(instrument),
            real_expiration_date=instrument.expiry,
            stock_type=instrument.stock_type,
            fund=_fund(instrument),
            min_size=instrument.lot,
            size_increment=instrument.lot,
            suggested_size_increment=Decimal(100) if instrument.sec_type == "STK" else instrument.lot,
        )

    def _hours(self, instrument: Instrument, *, extended: bool) -> str:
        """The sessions of the next days; without a calendar the market is open at any hour."""
        today = self._clock().astimezone(ZoneInfo(instrument.time_zone)).date()  # its day, not UTC's
        days = [today + timedelta(days=offset) for offset in range(_DAYS_SHOWN)]
        if self._trading_hours is None:
            start, end = instrument.open_hours
            return ";".join(f"{day:%Y%m%d}:{start}-{day:%Y%m%d}:{end}" for day in days)
        spans = ((day, self._trading_hours.span(instrument, day, extended=extended)) for day in days)
        return ";".join(_span(day, span) for day, span in spans)

    # -- search, chains, rules --------------------------------------------------------------------

    def matching_symbols(self, link: Link, message: reference_requests.ReqMatchingSymbols) -> None:
        """Send up to 16 instruments whose symbol begins with the pattern, or whose name has it."""
        pattern = message.pattern.strip().upper()
        listed = [
            found
            for found in self._universe.instruments.values()
            # A CFD on a share is found as what can be had on the share.
            if found.sec_type in _SEARCHED_TYPES and not self._is_on_share(found)
        ]
        exact = [found for found in listed if found.symbol == pattern]
        begin = [found for found in listed if found.symbol.startswith(pattern) and found not in exact]
        named = [found for found in listed if pattern in found.long_name and found not in (*exact, *begin)]
        samples = (self._sample(found) for found in [*exact, *begin, *named][:_MAX_SAMPLES] if pattern)
        link.send(responses.SymbolSamples(req_id=message.req_id, samples=tuple(samples)))

    def _is_on_share(self, instrument: Instrument) -> bool:
        under = self._universe.instruments.get(instrument.under_con_id)
        return instrument.sec_type == "CFD" and under is not None and under.sec_type == "STK"

    def _sample(self, instrument: Instrument) -> responses.SymbolSample:
        derivatives = [] if not self._universe.options(instrument.con_id) else ["OPT", "BAG"]
        known = self._universe.instruments.values()
        derivatives += sorted(
            {
                found.sec_type
                for found in known
                if found.under_con_id == instrument.con_id
                and (found.sec_type == "FUT" or self._is_on_share(found))
            }
        )
        return responses.SymbolSample(
            con_id=instrument.con_id,
            symbol=instrument.symbol,
            sec_type=instrument.sec_type,
            primary_exchange=instrument.primary_exchange or instrument.exchange,
            currency=instrument.currency,
            derivatives=tuple(responses.Word(text=text) for text in derivatives),
            description=instrument.long_name,
        )

    def option_parameters(self, link: Link, message: reference_requests.ReqSecDefOptParams) -> None:
        """Send expiries and strikes per venue and trading class; 200 if the underlying is unknown."""
        underlying = self._universe.instruments.get(message.con_id)
        if underlying is None or underlying.symbol != message.symbol:
            link.error(message.req_id, *NO_SUCH_CONTRACT)
            return
        chains: defaultdict[tuple[str, str, str], list[Instrument]] = defaultdict(list)
        for option in self._universe.options(message.con_id):
            for venue in option.venues:
                chains[venue, option.trading_class, option.multiplier_text].append(option)
        for (venue, trading_class, multiplier), options in chains.items():
            if message.fut_fop_exchange in ("", venue):
                row = _chain(message, venue, trading_class, multiplier, options)
                link.send(row)
        link.send(responses.SecDefOptParamsEnd(req_id=message.req_id))

    def market_rule(self, link: Link, message: reference_requests.ReqMarketRule) -> None:
        """Send the price steps of a rule; 321 if there is no such rule."""
        steps = self._universe.market_rules.get(message.rule_id)
        if steps is None:
            link.error(-1, *validation(f"Market rule {message.rule_id} is not found"))
            return
        rows = tuple(
            responses.PriceIncrement(low_edge=step.low_edge, increment=step.increment) for step in steps
        )
        link.send(responses.MarketRule(rule_id=message.rule_id, increments=rows))


def _chain(
    message: reference_requests.ReqSecDefOptParams,
    venue: str,
    trading_class: str,
    multiplier: str,
    options: list[Instrument],
) -> responses.SecDefOptParams:
    expiries = sorted({option.expiry for option in options})
    strikes = sorted({option.strike for option in options})
    return responses.SecDefOptParams(
        req_id=message.req_id,
        exchange=venue,
        under_con_id=message.con_id,
        trading_class=trading_class,
        multiplier=multiplier,
        expirations=tuple(responses.Word(text=expiry) for expiry in expiries),
        strikes=tuple(responses.StrikePrice(price=strike) for strike in strikes),
    )


def _contract(instrument: Instrument, exchange: str) -> Contract:
    last_trade = (instrument.expiry, instrument.last_trade_time, instrument.time_zone)
    return Contract(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        last_trade_date=" ".join(last_trade) if instrument.last_trade_time else instrument.expiry,
        last_trade_day=instrument.expiry,
        strike=instrument.strike,
        right=instrument.right,
        multiplier=instrument.multiplier_text,
        exchange=exchange or instrument.exchange,
        primary_exchange=instrument.primary_exchange,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
    )


def _fund(instrument: Instrument) -> Fund:
    """What details say of a mutual fund from server version 179 on."""
    if instrument.sec_type != "FUND":
        return Fund()
    return Fund(
        name=instrument.long_name,
        family=instrument.industry,
        fund_type=instrument.category,
        minimum_initial_purchase="3000",
        distribution_policy="N",
        asset_type="003",
    )


def _describe_bond(req_id: int, instrument: Instrument, exchange: str) -> responses.BondContractData:
    bond = instrument.bond
    assert bond is not None  # noqa: S101 - asked for bonds only
    contract = _contract(instrument, exchange)
    contract.last_trade_date = bond.maturity
    return responses.BondContractData(
        req_id=req_id,
        contract=contract,
        cusip=bond.cusip,
        coupon=bond.coupon,
        issue_date=bond.issue_date,
        ratings=bond.ratings,
        bond_type=bond.bond_type,
        coupon_type=bond.coupon_type,
        description=f"{instrument.symbol} {bond.coupon} {bond.maturity}",
        market_name=instrument.market_name,
        min_tick=instrument.min_tick,
        order_types=instrument.order_types,
        valid_exchanges=",".join(instrument.venues),
        long_name=instrument.long_name,
        sec_ids=(TagValue(tag="CUSIP", value=bond.cusip), *_isin(instrument)),
        agg_group=UNSET_INT,
        market_rule_ids=_rule_ids(instrument),
        min_size=instrument.lot,
        size_increment=instrument.lot,
        suggested_size_increment=instrument.lot,
    )


def _span(day: date, span: tuple[datetime, datetime] | None) -> str:
    if span is None:
        return f"{day:%Y%m%d}:CLOSED"
    return f"{span[0]:%Y%m%d:%H%M}-{span[1]:%Y%m%d:%H%M}"


def _isin(instrument: Instrument) -> tuple[TagValue, ...]:
    return (TagValue(tag="ISIN", value=instrument.isin),) if instrument.isin else ()


def _rule_ids(instrument: Instrument) -> str:
    """One id per venue, as details have it; none for what has no rule."""
    return ",".join(str(instrument.market_rule) for _ in instrument.venues) if instrument.market_rule else ""
