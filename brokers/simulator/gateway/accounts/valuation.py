"""What an account is worth: the amounts behind account summary, account updates and P&L."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from brokers.simulator.exchange.accounts import Account, Position
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.texts.numbers import money

ZERO = Decimal(0)
BASE_CURRENCY = "USD"
#: Overnight buying power of a margin account: four times the excess liquidity.
_LEVERAGE = 4


class Holding(NamedTuple):
    """A position with its market: amounts in the instrument's currency."""

    instrument: Instrument
    position: Position
    price: Decimal
    value: Decimal
    unrealized: Decimal


class Totals(NamedTuple):
    """An account's sums in base currency."""

    cash: Decimal
    stock_value: Decimal
    gross_value: Decimal
    margin: Decimal
    unrealized: Decimal
    realized: Decimal

    @property
    def net_liquidation(self) -> Decimal:
        """What would be left if everything were sold at the last price."""
        return self.cash + self.stock_value


class Valuation:
    """Values accounts at the last prices of the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._universe = self.universe = exchange.universe

    def holdings(self, account: Account) -> list[Holding]:
        """Return the account's positions, those closed today included."""
        return [
            self.holding(self._universe[con_id], position) for con_id, position in account.positions.items()
        ]

    def holding(self, instrument: Instrument, position: Position) -> Holding:
        """Return a position at its market."""
        price = self.last_price(instrument)
        value = position.market_value(instrument, price)
        return Holding(instrument, position, price, value, position.unrealized(instrument, price))

    def last_price(self, instrument: Instrument) -> Decimal:
        """Return the price of the last trade."""
        return self._exchange.last_price(instrument.con_id)

    def rate(self, instrument: Instrument) -> Decimal:
        """Return what one unit of the instrument's currency is worth in base currency."""
        return self._universe.rate(instrument.currency)

    def totals(self, account: Account) -> Totals:
        """Return the account's sums; currency pairs count as cash only, futures by their profit."""
        cash = sum(
            (amount * self._universe.rate(currency) for currency, amount in account.cash.items()), start=ZERO
        )
        stock = gross = margin = unrealized = realized = ZERO
        for item in self.holdings(account):
            rate = self.rate(item.instrument)
            unrealized += item.unrealized * rate
            realized += item.position.realized * rate
            margin += abs(item.value) * item.instrument.margin_rate * rate
            if item.instrument.is_currency_pair:
                continue
            stock += item.value * rate
            gross += abs(item.value) * rate if item.instrument.sec_type != "FUT" else ZERO
        return Totals(cash, stock, gross, margin, unrealized, realized)

    def summary(self, account: Account) -> dict[str, tuple[str, str]]:
        """Return every account value as (text, currency), by the tag or key that clients ask for."""
        totals = self.totals(account)
        net, margin = totals.net_liquidation, totals.margin
        reported = account.reported_cash(self._universe.instruments)
        cash = sum((amount * self._universe.rate(code) for code, amount in reported.items()), start=ZERO)
        amounts = {
            "NetLiquidation": net,
            "TotalCashValue": cash,
            "SettledCash": cash,
            "AccruedCash": ZERO,
            "BuyingPower": (net - margin) * _LEVERAGE,
            "EquityWithLoanValue": net,
            "PreviousDayEquityWithLoanValue": net,
            "PreviousEquityWithLoanValue": net,
            "GrossPositionValue": totals.gross_value,
            "ReqTEquity": net,
            "ReqTMargin": margin,
            "SMA": net - margin,
            **_margins("", net, margin),
            **_margins("Full", net, margin),
            **_margins("LookAhead", net, margin),
            "RealizedPnL": totals.realized,
            "UnrealizedPnL": totals.unrealized,
        }
        cushion = (net - margin) / net if net else ZERO
        texts = {
            "AccountType": "INDIVIDUAL",
            "Cushion": f"{cushion:.6f}",
            "DayTradesRemaining": "-1",
            "LookAheadNextChange": "0",
            "HighestSeverity": "",
            "Leverage": f"{totals.gross_value / net:.2f}" if net else "0.00",
        }
        return {key: (money(value), BASE_CURRENCY) for key, value in amounts.items()} | {
            key: (value, "") for key, value in texts.items()
        }

    def ledger(self, account: Account) -> dict[str, dict[str, str]]:
        """Return the cash ledger by currency, `BASE` being the sum."""
        reported = account.reported_cash(self._universe.instruments)
        total = sum((amount * self._universe.rate(code) for code, amount in reported.items()), start=ZERO)
        rows = {
            code: {"CashBalance": money(amount), "ExchangeRate": f"{self._universe.rate(code):f}"}
            for code, amount in reported.items()
        }
        return rows | {"BASE": {"CashBalance": money(total), "ExchangeRate": "1.00"}}


def _margins(prefix: str, net: Decimal, margin: Decimal) -> dict[str, Decimal]:
    return {
        f"{prefix}InitMarginReq": margin,
        f"{prefix}MaintMarginReq": margin,
        f"{prefix}AvailableFunds": net - margin,
        f"{prefix}ExcessLiquidity": net - margin,
    }
