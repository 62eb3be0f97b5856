"""Exchange rates as the broker tells them: with an account's values, else as the last price of the pair."""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation

from brokers.fix import SecType
from brokers.models import AccountValue, Instrument
from orders.risk.market import Price
from orders.risk.money import Rates

RATE = "ExchangeRate"
#: The account's base currency under a name of its own; its rate is one.
BASE = "BASE"
KEPT_FOR = 5.0  # seconds; the broker tells them every three minutes


class ExchangeRates:
    """The rates of each account, kept for some seconds."""

    def __init__(self) -> None:
        self._rates: dict[str, tuple[float, Rates]] = {}

    def of(self, account: str) -> Rates:
        """What this account's currencies are worth in its base currency, and all pairs that have a price."""
        read_at, rates = self._rates.get(account, (float("-inf"), Rates()))
        if time.monotonic() - read_at > KEPT_FOR:
            rates = read_rates(account)
            self._rates[account] = time.monotonic(), rates
        return rates

    def forget(self) -> None:
        """Read them anew when they are next asked for."""
        self._rates.clear()


def read_rates(account: str) -> Rates:
    """The rates as they are stored now; what is no number is left out."""
    values = AccountValue.objects.filter(account=account, key=RATE).exclude(currency=BASE)
    to_base = {}
    for currency, text, at in values.values_list("currency", "value", "reported_at"):
        try:
            rate = Decimal(text)
        except InvalidOperation:
            continue
        if rate.is_finite() and rate > 0:
            to_base[currency] = Price(rate, at)
    quoted = Instrument.objects.filter(sec_type=SecType.CASH, last_px__gt=0)
    rows = quoted.values_list("symbol", "currency", "last_px", "last_px_at")
    pairs = {(symbol, currency): Price(px, at) for symbol, currency, px, at in rows if px is not None}
    return Rates(to_base=to_base, pairs=pairs)


exchange_rates = ExchangeRates()


def in_base(amount: Decimal, currency: str, account: str) -> Decimal | None:
    """What it is worth in the account's base currency, at the last rate of any age.

    None where the account has rates and none for this currency: nobody can tell. An account without any rate
    yet is taken to have one currency.
    """
    if not amount or not currency:  # nothing, or evidence that names no currency
        return amount
    rates = exchange_rates.of(account)
    if rate := rates.to_base.get(currency):
        return amount * rate.px
    for base in (name for name, rate in rates.to_base.items() if rate.px == 1):
        if pair := rates.pairs.get((currency, base)):
            return amount * pair.px
        if inverse := rates.pairs.get((base, currency)):
            return amount / inverse.px
    return None if rates.to_base else amount
