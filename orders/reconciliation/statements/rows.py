"""What a row of a file means to our books: the columns that comparisons need, from IB's many spellings.

A trade confirmation has other names than an activity statement for the same thing (`execID` for `ibExecID`,
`code` for `notes`). Commissions are negative in the file where they are a cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from brokers.postgres import storable
from orders.reconciliation.statements.files import Row
from orders.reconciliation.statements.vocabulary import (
    ATTRIBUTES,
    BY_THE_BROKER,
    CANCELS,
    CODES,
    CORPORATE_ACTIONS,
    NO_EXECUTION,
    TRANSACTIONS,
    Unreadable,
    a_date,
    a_number,
    a_time,
    codes,
)

#: What a row is, where it is a trade.
EXECUTED, CANCEL, MOVEMENT = "EXECUTED", "CANCEL", "MOVEMENT"

Values = Mapping[str, str]
Stored = dict[str, Any]
#: What a kind of row does not say.
EMPTY: Stored = {
    **dict.fromkeys(("exec_id", "exec_root", "trade_id", "of_trade", "order_ref", "commission_currency"), ""),
    **dict.fromkeys(("quantity", "price", "amount", "commission")),
}


def stored(row: Row, end: date) -> Stored:
    """The columns of the row as it is kept, without its statement; `end`: the last day of the statement.

    Raises Unreadable: the row is told as it is, its neighbours are read.
    """
    return {
        **EMPTY,
        "section": row.section,
        "key": _key(row),
        "symbol": storable.text(row.values.get("symbol", ""), 64),
        "con_id": _whole(row.values.get("conid", "")),
        "currency": storable.text(row.values.get("currency", ""), 8),
        "day": _day(row.values, end),
        "raw": {storable.text(name, 100): storable.text(value) for name, value in row.values.items()},
        **READERS[row.section](row.values),
    }


def strange_words(row: Row) -> list[str]:
    """What this row says that nobody has told us of: codes, kinds of transactions and actions, attributes."""
    values = row.values
    found = [f"code {code}" for code in _codes(values) if code not in CODES]
    if row.section in ("Trades", "TradeConfirms") and values.get("transactionType", "") not in TRANSACTIONS:
        found.append(f"transactionType {values['transactionType']}")
    if row.section == "CorporateActions" and values.get("type", "") not in CORPORATE_ACTIONS:
        found.append(f"corporate action {values.get('type') or 'without a type'}")
    if row.section != "CashReport":
        found += [f"attribute {row.section}/{name}" for name in sorted(values.keys() - ATTRIBUTES)]
    return [storable.text(word, 80) for word in found]


def by_the_broker(raw: Values) -> str:
    """Why the broker itself traded, empty where it did not."""
    return ", ".join(BY_THE_BROKER[code] for code in _codes(raw) if code in BY_THE_BROKER)


def _codes(values: Values) -> tuple[str, ...]:
    return codes(values.get("notes") or values.get("code") or "")


def _trade(values: Values) -> dict[str, Any]:
    exec_id = storable.text(_either(values, "ibExecID", "execID"), 64)
    return {
        "what": _kind(values, exec_id),
        "exec_id": exec_id,
        "exec_root": root_of(exec_id),
        "trade_id": storable.text(values.get("tradeID", ""), 32),
        "of_trade": storable.text(values.get("origTradeID", ""), 32),
        "order_ref": storable.text(values.get("orderReference", ""), 64),
        "quantity": _signed(values),
        "price": a_number(_either(values, "tradePrice", "price")),
        "amount": a_number(_either(values, "proceeds", "amount")),
        "commission": _cost(_either(values, "ibCommission", "commission")),
        "commission_currency": storable.text(
            _either(values, "ibCommissionCurrency", "commissionCurrency"), 8
        ),
    }


def _kind(values: Values, exec_id: str) -> str:
    if CANCELS & set(_codes(values)) or values.get("transactionType") == "TradeCancel":
        return CANCEL
    return MOVEMENT if values.get("transactionType") in NO_EXECUTION or not exec_id else EXECUTED


def _signed(values: Values) -> Decimal | None:
    """The quantity as our books sign it; some files write a sale without its sign."""
    quantity = a_number(values.get("quantity"))
    sells = values.get("buySell", "").startswith("SELL")
    cancels = bool(CANCELS & set(_codes(values)))
    if quantity is None or quantity < 0 or not sells or cancels:
        return quantity
    return -quantity


def _cost(text: str) -> Decimal | None:
    number = a_number(text)
    return None if number is None else -number


def _position(values: Values) -> dict[str, Any]:
    return {
        "what": values.get("levelOfDetail", "") or "SUMMARY",
        "quantity": a_number(values.get("position")),
        "price": a_number(values.get("markPrice")),
        "amount": a_number(values.get("positionValue")),
    }


def _cash(values: Values) -> dict[str, Any]:
    return {
        "what": "BASE" if values.get("currency") == "BASE_SUMMARY" else "CURRENCY",
        "amount": a_number(values.get("endingCash")),
    }


def _moved(values: Values) -> dict[str, Any]:
    kind = _either(values, "type", "transactionType") or "without a type"
    return {
        "what": storable.text(kind, 32),
        "trade_id": storable.text(values.get("tradeID", ""), 32),
        "quantity": a_number(values.get("quantity")),
        "price": a_number(_either(values, "tradePrice", "transferPrice")),
        "amount": a_number(_either(values, "amount", "cashTransfer", "proceeds")),
    }


#: How the rows of each section are read.
READERS = {
    "Trades": _trade,
    "TradeConfirms": _trade,
    "OpenPositions": _position,
    "CashReport": _cash,
    "CashTransactions": _moved,
    "Transfers": _moved,
    "CorporateActions": _moved,
    "OptionEAE": _moved,
}


def root_of(exec_id: str) -> str:
    """An execution's id without its version, which is what follows the last dot."""
    return exec_id.rpartition(".")[0]


def _key(row: Row) -> str:
    """What makes it this row: its transaction where it has one, else all that it says."""
    values = row.values
    if transaction := values.get("transactionID", "").strip():
        return storable.key(transaction, 100)
    return sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()


def _day(values: Values, end: date) -> date:
    """The trading day of a trade, the day of anything else; the statement's last where it has none."""
    for name in ("tradeDate", "reportDate", "date", "settleDate"):
        if text := values.get(name, "").strip():
            return end if text == "MULTI" else a_date(text)
    if text := values.get("dateTime", "").strip():
        return a_time(text).date()
    return end


def _either(values: Values, *names: str) -> str:
    return next((values[name] for name in names if values.get(name, "").strip()), "")


def _whole(text: str) -> int:
    if not text.strip():
        return 0
    try:
        return storable.whole(int(text))
    except ValueError:
        raise Unreadable(f"{text!r} is no conid.") from None
