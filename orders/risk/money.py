"""Money of one currency in another, at the broker's own rates. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from orders.risk.market import Ages, Price

ONE = Decimal(1)


@dataclass(frozen=True)
class Converted:
    """An amount in a limit's currency, and the age of the rate if one was needed."""

    amount: Decimal
    age: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What the broker says a unit of each currency is worth in the account's base currency.

    `pairs`: last prices of currency pairs, (symbol, currency), for what the account does not hold.
    """

    to_base: Mapping[str, Price] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], Price] = field(default_factory=dict)

    def convert(self, amount: Decimal, currency: str, wanted: str, ages: Ages) -> Converted | None:
        """The amount in the wanted currency; None without rates that are young enough."""
        if currency == wanted:
            return Converted(amount)
        own, other = self.to_base.get(currency), self.to_base.get(wanted)
        of_own, of_other = (ages.of_young(rate, close=True) for rate in (own, other))
        if own and other and of_own is not None and of_other is not None:
            return Converted(amount * own.px / other.px, max(of_own, of_other))
        pair, inverse = self.pairs.get((currency, wanted)), self.pairs.get((wanted, currency))
        if pair and (age := ages.of_young(pair, close=True)) is not None:
            return Converted(amount * pair.px, age)
        if inverse and (age := ages.of_young(inverse, close=True)) is not None:
            return Converted(amount / inverse.px, age)
        return None


def why_no_rate(currency: str, wanted: str) -> str:
    """The words for a limit that cannot be checked."""
    if not wanted:
        return f"the limit has no currency, and the value is in {currency}"
    return f"no rate from {currency} to {wanted} that is young enough"
