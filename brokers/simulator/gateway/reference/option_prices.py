"""Option calculations: the model behind an option's quotes, and what clients ask to be computed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.options import Greeks, greeks, implied_volatility, years_until
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.reference.contracts import resolve
from brokers.simulator.gateway.texts.refusals import Refused, validation
from brokers.simulator.wire import client_data as requests
from brokers.simulator.wire.records import Contract, Number, Record
from brokers.simulator.wire.server_data import TickOptionComputation

MODEL, CUSTOM = 13, 53
NOT_COMPUTED, NO_SENSITIVITY = Decimal(-1), Decimal(-2)


class OptionService:
    """Computes by Black and Scholes on the underlying's last price."""

    def __init__(self, exchange: Exchange, clock: Callable[[], datetime]) -> None:
        self._exchange = exchange
        self._clock = clock

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.CalculateImpliedVolatility: self.implied_volatility,
            requests.CalculateOptionPrice: self.option_price,
            requests.CancelCalculateImpliedVolatility: lambda link, message: None,
            requests.CancelCalculateOptionPrice: lambda link, message: None,
        }

    def model(self, req_id: int, option: Instrument) -> TickOptionComputation:
        """Return an option's model tick at the present prices."""
        price = float(self._exchange.market(option.con_id).day.last)
        under = float(self._exchange.market(option.under_con_id).day.last)
        return self._tick(req_id, MODEL, option, under, self._volatility(option, price, under))

    def implied_volatility(self, link: Link, message: requests.CalculateImpliedVolatility) -> None:
        """Send the volatility that a price implies."""
        option = self._option(link, message.req_id, message.contract)
        prices = self._positive(link, message.req_id, message.option_price, message.under_price)
        if option and prices:
            volatility = self._volatility(option, prices[0], prices[1])
            link.send(self._tick(message.req_id, CUSTOM, option, prices[1], volatility))

    def option_price(self, link: Link, message: requests.CalculateOptionPrice) -> None:
        """Send the price at a volatility."""
        option = self._option(link, message.req_id, message.contract)
        values = self._positive(link, message.req_id, message.volatility, message.under_price)
        if option and values:
            link.send(self._tick(message.req_id, CUSTOM, option, values[1], values[0]))

    def _option(self, link: Link, req_id: int, contract: Contract) -> Instrument | None:
        try:
            option = resolve(self._exchange.universe, contract)
            if not option.is_option:
                raise Refused(validation("The contract is not an option"))
        except Refused as refused:
            link.error(req_id, *refused.refusal)
            return None
        return option

    @staticmethod
    def _positive(link: Link, req_id: int, *values: Number) -> tuple[float, ...] | None:
        if all(value is not None and 0 < value < Decimal(10) ** 9 for value in values):
            return tuple(float(value or 0) for value in values)
        link.error(req_id, *validation("Prices and volatilities must be above zero"))
        return None

    def _years(self, option: Instrument) -> float:
        return years_until(option.expiry, self._clock())

    def _volatility(self, option: Instrument, price: float, under: float) -> float | None:
        return implied_volatility(option.right, price, under, float(option.strike), self._years(option))

    def _tick(
        self, req_id: int, tick_type: int, option: Instrument, under: float, volatility: float | None
    ) -> TickOptionComputation:
        computed: Greeks | None = None
        if volatility is not None:
            computed = greeks(option.right, under, float(option.strike), self._years(option), volatility)
        return TickOptionComputation(
            req_id=req_id,
            tick_type=tick_type,
            implied_volatility=NOT_COMPUTED if volatility is None else _shown(volatility),
            delta=_shown(computed.delta) if computed else NO_SENSITIVITY,
            option_price=_shown(computed.price) if computed else NOT_COMPUTED,
            pv_dividend=Decimal("0.0"),
            gamma=_shown(computed.gamma) if computed else NO_SENSITIVITY,
            vega=_shown(computed.vega) if computed else NO_SENSITIVITY,
            theta=_shown(computed.theta) if computed else NO_SENSITIVITY,
            under_price=_shown(under),
        )


def _shown(value: float) -> Decimal:
    return round(Decimal(repr(value)), 10)
