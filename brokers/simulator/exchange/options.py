"""Option arithmetic after Black and Scholes, without interest and dividends. Times are in years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp, log, pi, sqrt
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()
_DAYS = 365
_STEPS = 60
_LARGEST_VOLATILITY = 5.0


class Greeks(NamedTuple):
    """An option's price and how it moves: theta by the day, vega by one point of volatility."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def greeks(right: str, underlying: float, strike: float, years: float, volatility: float) -> Greeks:
    """Return price and sensitivities of a call (`C`) or put (`P`); at expiry only what it is worth then."""
    sign = 1 if right == "C" else -1
    if years <= 0 or volatility <= 0:
        inside = sign * (underlying - strike)
        return Greeks(max(inside, 0.0), float(sign) if inside > 0 else 0.0, 0.0, 0.0, 0.0)
    spread = volatility * sqrt(years)
    d1 = log(underlying / strike) / spread + spread / 2
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    price = sign * (underlying * _NORMAL.cdf(sign * d1) - strike * _NORMAL.cdf(sign * (d1 - spread)))
    return Greeks(
        price=price,
        delta=sign * _NORMAL.cdf(sign * d1),
        gamma=density / (underlying * spread),
        vega=underlying * density * sqrt(years) / 100,
        theta=-underlying * density * volatility / (2 * sqrt(years)) / _DAYS,
    )


def years_until(expiry: str, now: datetime) -> float:
    """Return the time to the end of a day `yyyymmdd`, in years, at least 0."""
    end = datetime.strptime(expiry, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
    return max((end - now) / timedelta(days=_DAYS), 0.0)


def option_price(right: str, underlying: float, strike: float, years: float, volatility: float) -> float:
    """Return the price alone."""
    return greeks(right, underlying, strike, years, volatility).price


def implied_volatility(
    right: str, price: float, underlying: float, strike: float, years: float
) -> float | None:
    """Return the volatility at which the option is worth `price`; None if there is none up to 500 %."""
    low, high = 0.0, _LARGEST_VOLATILITY
    if years <= 0 or not (
        option_price(right, underlying, strike, years, low)
        <= price
        <= option_price(right, underlying, strike, years, high)
    ):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if option_price(right, underlying, strike, years, middle) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2
