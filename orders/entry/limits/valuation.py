"""What positions are worth and what accounts earned today: the facts that rules on money need.

Of each only what one of the limits asks for is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from brokers.fix import SecType
from brokers.models import AccountValue, Instrument, Profit
from brokers.postgres import clock
from orders.instruments.prices import last_prices, max_price_age
from orders.instruments.rates import exchange_rates
from orders.risk.catalogue import LimitSet
from orders.risk.exposure import IN_MONEY, ON_CONTRACTS, ContractFacts, DayProfit, Valuation
from orders.risk.money import Rates
from orders.risk.use import asks

#: The account value whose currency is the account's base currency, in which profits are told.
NET_LIQUIDATION = "NetLiquidation"


def valuation_for(
    accounts: Sequence[str], firm: Collection[str], contracts: Iterable[int], limits: Collection[LimitSet]
) -> Valuation:
    """Contracts, rates (those of the first account) and profits as these limits need them."""
    return Valuation(
        now=clock.now(),
        max_age=max_price_age(),
        contracts=read_contracts(set(contracts)) if asks(limits, *ON_CONTRACTS) else {},
        rates=exchange_rates.of(accounts[0]) if asks(limits, *IN_MONEY) else Rates(),
        profits=read_profits({*accounts, *firm}) if asks(limits, "max_daily_loss") else {},
        firm=firm,
    )


def valued_again(known: Valuation, accounts: Sequence[str], limits: Collection[LimitSet]) -> Valuation:
    """The same contracts with markets, rates and profits as they are now."""
    again = valuation_for(accounts, known.firm, (), limits)
    markets = last_prices.markets(known.contracts)
    contracts = {con_id: replace(facts, market=markets[con_id]) for con_id, facts in known.contracts.items()}
    return replace(again, contracts=contracts)


def read_contracts(contracts: Collection[int]) -> dict[int, ContractFacts]:
    """What these contracts are, each with its market as it is now."""
    if not contracts:
        return {}
    rows = Instrument.objects.filter(con_id__in=contracts).order_by("pk")
    named = list(rows.values_list("con_id", "multiplier", "price_magnifier", "currency", "sec_type"))
    markets = last_prices.markets([con_id for con_id, *_ in named if con_id is not None])
    return {
        con_id: ContractFacts(
            market=markets[con_id],
            unit=multiplier / magnifier,
            currency=currency,
            is_share=sec_type == SecType.STK,
        )
        for con_id, multiplier, magnifier, currency, sec_type in named
        if con_id is not None
    }


def read_profits(accounts: Collection[str]) -> dict[str, DayProfit]:
    """What each account earned today by the broker's figures: the day's, else realised and unrealised."""
    bases = dict(
        AccountValue.objects.filter(account__in=accounts, key=NET_LIQUIDATION)
        .exclude(currency="")
        .values_list("account_id", "currency")
    )
    found = {}
    for row in Profit.objects.filter(account__in=accounts, con_id=0):
        amount = row.daily
        if amount is None and row.realized is not None and row.unrealized is not None:
            amount = row.realized + row.unrealized
        found[row.account_id] = DayProfit(amount, bases.get(row.account_id, ""), row.reported_at)
    return found
