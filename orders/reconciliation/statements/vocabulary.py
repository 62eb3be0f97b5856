"""The words of a Flex file: sections, kinds of rows, codes, and how its numbers and times are written.

Names are IB's own. What is in none of these lists is new to us: it is kept and told, never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from brokers.postgres import storable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Times without a zone are those of New York, whatever the gateway's zone is.
NEW_YORK = ZoneInfo("America/New_York")

#: Sections whose rows are compared, with the kinds of rows that count; the others are sums of these.
COMPARED: dict[str, frozenset[str]] = {
    "Trades": frozenset({"Trade"}),
    "TradeConfirms": frozenset({"TradeConfirm"}),
    "OpenPositions": frozenset({"OpenPosition"}),
    "CashReport": frozenset({"CashReportCurrency"}),
    "CashTransactions": frozenset({"CashTransaction"}),
    "Transfers": frozenset({"Transfer"}),
    "CorporateActions": frozenset({"CorporateAction"}),
    "OptionEAE": frozenset({"OptionEAE"}),
}
#: Rows of those sections that repeat others as sums or in parts.
SUMS = frozenset(
    {
        *("Order", "Lot", "SymbolSummary", "AssetSummary", "WashSale", "Orders", "SymbolSummaries"),
        *("TradeConfirmOrder", "TradeConfirmSymbolSummary", "TransferLot"),
    }
)
#: Sections that are read past: figures that our books do not have.
PASSED = _words(
    """
    AccountInformation Adjustments AssetSummary CFDCharges ChangeInDividendAccruals ChangeInNAV
    ChangeInPositionValues ClientFees ClientFeesDetail CommissionCredits ComplexPositions ConversionRates
    DebitCardActivities DepositsOnHold EquitySummaryInBase ExchangeFees FIFOPerformanceSummaryInBase
    FdicInsuredDepositsByBank FxLots FxPositions FxTransactions HKIPOOpenSubscriptions
    HKIPOSubscriptionActivity HardToBorrowDetails HardToBorrowMarkupDetails IBGNoteTransactions
    IncentiveCouponAccrualDetails InterestAccruals LinkingCompletedAccounts LookThroughFxTransactions
    MTDYTDPerformanceSummary MTMPerformanceSummaryInBase MutualFundDividendDetails NetStockPositionSummary
    OpenDividendAccruals PendingExcercises PriorPeriodPositions RoutingCommissions SLBActivities
    SLBCollaterals SLBFees SLBOpenContracts SalesTaxes SecuritiesInfo SoftDollars StmtFunds
    StockGrantActivities SymbolSummary TierInterestDetails TradeTransfers TransactionTaxes UnbookedTrades
    UnbundledCommissionDetails UnsettledTransfers
    """
)
#: What the notes of a row say. Those that mean that the broker itself acted.
BY_THE_BROKER = {
    "L": "ordered by the broker for a margin violation",
    "LF": "a forced sale by the broker",
    "B": "a buy-in",
    "M": "entered by the broker by hand",
}
CODES = _words(
    """
    A Ac ADR AEx AFx Adj Al As Aw B Bo C CD CP Ca Co Cx D ETF Ep Ex F FP FPA G HC HFI HFR I IA INV IPO L LD
    LF LI LT Lo M MEx ML MLG MLL MSG MSL NTax O P PE PI Po Pr R RED RI RP RPA Re Rb SI SL SO SPO SS ST SY Sh
    Sl T TR Un VI XCH
    """
)
CANCELS = frozenset({"Ca"})
#: Rows of trades that are no executions of orders: expiry, exercise, assignment, fractions after a split.
NO_EXECUTION = frozenset({"BookTrade", "FracShare", "FracShareCancel", "DvpTrade"})
TRANSACTIONS = NO_EXECUTION | {"ExchTrade", "TradeCancel", "TradeCorrect", ""}
#: Kinds of corporate actions (ibflex names the same). Splits change quantities; others need a person too.
CORPORATE_ACTIONS = _words(
    """
    BC BM CA CC CD CH CI CO CP CS CT DI DW ED FA FI FS GV HD HI IC OR PI PV RI RS SD SO SR TC TI TM TO
    """
)

#: Attributes of rows that are compared (ibflex names the same). A cash report gains one with each new kind of
#: fee, and is proved by its end, so those are not looked at.
ATTRIBUTES = _words(
    """
    account accountId accountName accountType accruedInt acctAlias actionDescription actionID allocatedTo
    amount assetCategory availableForTradingDate blockID brokerageOrderID brokerClearingCommission
    brokerExecutionCommission buySell capitalGainsPnl cashTransfer changeInPrice changeInQuantity
    clearingFirmID clientReference closePrice code commisionsAndTax commission commissionCurrency
    commissionsAndTax commodityType company conid cost costBasis costBasisMoney costBasisPrice currency
    cusip date dateTime deliveringBroker deliveryType description direction exchange exchOrderId exDate
    execID expiry extExecID fifoPnlRealized fifoPnlUnrealized figi fineness fxPnl fxRateToBase
    holdingPeriodDateTime ibCommission ibCommissionCurrency ibExecID ibOrderID initialInvestment
    instrumentType isAPIOrder isin issuer issuerCountryCode levelOfDetail listingExchange markPrice model
    mtmPnl multiplier netCash netCashInBase notes openCloseIndicator openDateTime openPrice orderID
    orderReference orderTime orderType originatingOrderID originatingTransactionID origOrderID
    origTradeDate origTradeID origTradePrice origTransactionID otherCommission percentOfNAV pnlAmount
    pnlAmountInBase position positionActionID positionAmount positionAmountInBase positionInstructionID
    positionInstructionSetID positionValue positionValueInBase price principalAdjustFactor proceeds
    putCall quantity realizedPnl relatedTradeID relatedTransactionID reportDate rfqID rtn securityID
    securityIDType sedol serialNumber settleDate settleDateTarget side strike subCategory symbol tax taxes
    thirdPartyClearingCommission thirdPartyExecutionCommission thirdPartyRegulatoryCommission tradeDate
    tradeID tradeMoney tradePrice traderID tradeTime transactionID transactionType transferPrice type
    underlyingConid underlyingListingExchange underlyingSecurityID underlyingSymbol
    unrealizedCapitalGainsPnl unrealizedlFxPnl value vestingDate volatilityOrderLink weight whenRealized
    whenReopened
    """
)

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")
_TIME = re.compile(r"(\d{2}):?(\d{2}):?(\d{2})(?: ?(EST|EDT|America/New_York))?$")
_AMBIGUOUS = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}")


class Unreadable(ValueError):
    """A value that is not written as the query should write it, and how it should."""


@lru_cache(1024)  # a file has few days, and each in every row
def a_date(text: str) -> date:
    """A day as the query's default writes it (yyyyMMdd, yyyy-MM-dd); raises Unreadable."""
    found = _DATE.match(text.strip())
    if found:
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            raise Unreadable(f"{text!r} is no day.") from None
    if _AMBIGUOUS.match(text):
        raise Unreadable(
            f"{text!r} may begin with its day or its month: set the query's date format to yyyyMMdd."
        )
    raise Unreadable(f"{text!r} is no day: set the query's date format to yyyyMMdd.")


def a_time(text: str) -> datetime:
    """A time in UTC: a day, one of `;`, `,`, a space or T, and the time of New York. Raises Unreadable."""
    day, _, clock = re.sub(r"[;,T ]+", ";", text.strip(), count=1).partition(";")
    found = _TIME.match(clock)
    if clock and not found:
        raise Unreadable(f"{text!r} is no time: set the query's time format to HHmmss.")
    hour, minute, second = map(int, found.groups()[:3]) if found else (0, 0, 0)
    on = a_date(day)
    try:
        local = datetime(on.year, on.month, on.day, hour, minute, second, tzinfo=NEW_YORK)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{text!r} is no time.") from None


def a_number(text: str | None) -> Decimal | None:
    """A number, None where the file says nothing; raises Unreadable for what a column cannot hold."""
    if text is None or not text.strip():
        return None
    try:
        number = storable.number(Decimal(text.strip()))
    except InvalidOperation:
        number = None
    if number is None:
        raise Unreadable(f"{text!r} is no number.")
    return number


@lru_cache(1024)
def codes(text: str) -> tuple[str, ...]:
    """The codes of a row's notes; old files part them by commas."""
    return tuple(code.strip() for code in re.split(r"[;,]", text) if code.strip())
