"""A day of the gateway's ledger as a Flex activity statement, with differences where a test plants some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

ACCOUNT = "DU1234567"
Row = Mapping[str, Any]


@dataclass(kw_only=True)
class LedgerDay:
    """What is new in the ledger since the day before, and how it stands at the end of the day."""

    day: date
    executions: list[Row]
    changes: list[Row]
    positions: list[Row]
    cash: list[Row]
    #: What the statement charges more than the ledger, by execution.
    overcharged: dict[str, Decimal] = field(default_factory=dict)
    splits: list[str] = field(default_factory=list)


def flex(told: LedgerDay) -> bytes:
    """The file, as the broker makes it after the day's end."""
    root = Element("FlexQueryResponse", queryName="daily", type="AF")
    days = dict.fromkeys(("fromDate", "toDate"), f"{told.day:%Y%m%d}")
    statements = SubElement(root, "FlexStatements", count="1")
    statement = SubElement(statements, "FlexStatement", accountId=ACCOUNT, **days)
    _section(statement, "Trades", "Trade", (_trade(one, told) for one in told.executions))
    ends = [one for one in told.changes if one["kind"] not in ("SPLIT", "CASH_IN_LIEU")]
    _section(statement, "OptionEAE", "OptionEAE", (_end(one, told) for one in ends))
    splits = [one for one in told.changes if one["kind"] == "SPLIT"]
    actions = (_action(*both, told) for both in zip(splits, told.splits, strict=True))
    _section(statement, "CorporateActions", "CorporateAction", actions)
    _section(statement, "OpenPositions", "OpenPosition", map(_position, told.positions))
    _section(statement, "CashReport", "CashReportCurrency", (_cash(one, told) for one in told.cash))
    return tostring(root)


def _section(statement: Element, name: str, tag: str, rows: Iterable[dict[str, str]]) -> None:
    section = SubElement(statement, name)
    for row in rows:
        SubElement(section, tag, row)


def _trade(one: Row, told: LedgerDay) -> dict[str, str]:
    bought = one["side"] == "BOT"
    quantity = Decimal(one["shares"]) * (1 if bought else -1)
    charged = Decimal(one["commission"]) + told.overcharged.get(one["exec_id"], Decimal(0))
    value = -quantity * Decimal(one["price"]) * Decimal(one["multiplier"])
    return {
        **{"accountId": ACCOUNT, "symbol": one["symbol"], "conid": str(one["con_id"]), "currency": "USD"},
        **{"transactionType": "ExchTrade", "transactionID": one["exec_id"], "tradeID": one["exec_id"][:32]},
        **{"ibExecID": one["exec_id"], "orderReference": one["order_ref"], "levelOfDetail": "EXECUTION"},
        **{"quantity": str(quantity), "tradePrice": one["price"], "buySell": "BUY" if bought else "SELL"},
        **{"proceeds": str(value), "ibCommission": str(-charged), "ibCommissionCurrency": "USD"},
        "tradeDate": f"{told.day:%Y%m%d}",
    }


def _end(one: Row, told: LedgerDay) -> dict[str, str]:
    kinds = {"EXPIRATION": "Expiration", "EXERCISE": "Exercise", "ASSIGNMENT": "Assignment"}
    leg = "Buy" if Decimal(one["quantity"]) > 0 else "Sell"
    return {
        **{"accountId": ACCOUNT, "symbol": one["symbol"], "conid": str(one["con_id"]), "currency": "USD"},
        "assetCategory": "STK" if one["of_option"] else "OPT",
        "underlyingConid": "" if one["of_option"] else str(one["underlying"]),
        "transactionType": leg if one["of_option"] else kinds[one["kind"]],
        **{"quantity": one["quantity"], "tradePrice": one["price"], "date": f"{told.day:%Y%m%d}"},
        **{"multiplier": "1" if one["of_option"] else "100", "realizedPnl": one["realized_pnl"] or "0"},
    }


def _action(one: Row, words: str, told: LedgerDay) -> dict[str, str]:
    """The net quantity in whole units: a fraction that was paid is no part of it."""
    paid = [row for row in told.changes if row["kind"] == "CASH_IN_LIEU" and row["con_id"] == one["con_id"]]
    net = Decimal(one["quantity"]) + sum((Decimal(row["quantity"]) for row in paid), Decimal(0))
    proceeds = sum((-Decimal(row["quantity"]) * Decimal(row["price"]) for row in paid), Decimal(0))
    return {
        **{"accountId": ACCOUNT, "symbol": one["symbol"], "conid": str(one["con_id"]), "currency": "USD"},
        **{"type": "FS" if net > 0 else "RS", "quantity": str(net), "proceeds": str(proceeds)},
        **{"actionDescription": f"{one['symbol']} SPLIT {words}", "actionID": "1"},
        "reportDate": f"{told.day:%Y%m%d}",
    }


def _position(one: Row) -> dict[str, str]:
    return {
        **{"accountId": ACCOUNT, "symbol": one["symbol"], "conid": str(one["con_id"]), "currency": "USD"},
        **{"position": one["position"], "levelOfDetail": "SUMMARY"},
    }


def _cash(one: Row, told: LedgerDay) -> dict[str, str]:
    more = sum(told.overcharged.values(), Decimal(0))
    return {
        "accountId": ACCOUNT,
        "currency": one["currency"],
        "endingCash": str(Decimal(one["amount"]) - more),
    }
