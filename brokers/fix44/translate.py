"""Between FIX 4.4's words and ours, one way: what the counterparty says becomes a broker event.

Under FIX every request has a ClOrdID of its own. Ours are `ORDER_REF` for an order and `ORDER_REF/CL_ORD_ID`
for a cancel or replace of it, so each answer says by itself which order and which request it is about.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from hashlib import blake2b

from brokers.fix import OrdStatus, OrdType, SecType, Side, TimeInForce
from brokers.fix44.wire import Fields, Malformed, Tag
from brokers.messages import (
    BrokerEvent,
    ErrorReport,
    ExecutionReport,
    InstrumentRef,
    OrderIdentity,
    OrderReport,
    Refusal,
    ReportedTerms,
    WorkingStatus,
)


class ExecType(StrEnum):
    """Tag 150."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"
    TRIGGERED = "L"


STATUSES = {
    ExecType.PENDING_NEW: WorkingStatus.IN_TRANSIT,
    ExecType.PENDING_CANCEL: WorkingStatus.PENDING_CANCEL,
    ExecType.PENDING_REPLACE: WorkingStatus.PENDING_REPLACE,
    ExecType.CANCELED: WorkingStatus.CANCELED,
    ExecType.EXPIRED: WorkingStatus.EXPIRED,
    ExecType.DONE_FOR_DAY: WorkingStatus.DONE_FOR_DAY,
    ExecType.CALCULATED: WorkingStatus.CALCULATED,
    ExecType.STOPPED: WorkingStatus.STOPPED,
    ExecType.SUSPENDED: WorkingStatus.SUSPENDED,
}
#: The order lives; WorkingIndicator tells whether it is held.
LIVING = (ExecType.NEW, ExecType.TRIGGERED, ExecType.RESTATED, ExecType.REPLACED)
TRADES = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
ORD_STATUSES = {
    "0": OrdStatus.NEW,
    "1": OrdStatus.PARTIALLY_FILLED,
    "2": OrdStatus.FILLED,
    "3": OrdStatus.DONE_FOR_DAY,
    "4": OrdStatus.CANCELED,
    "6": OrdStatus.PENDING_CANCEL,
    "7": OrdStatus.STOPPED,
    "8": OrdStatus.REJECTED,
    "9": OrdStatus.SUSPENDED,
    "A": OrdStatus.PENDING_NEW,
    "B": OrdStatus.CALCULATED,
    "C": OrdStatus.EXPIRED,
    "E": OrdStatus.PENDING_REPLACE,
}
SIDES = {"1": Side.BUY, "2": Side.SELL, "5": Side.SELL_SHORT}
ORD_TYPES = {"1": OrdType.MARKET, "2": OrdType.LIMIT, "3": OrdType.STOP, "4": OrdType.STOP_LIMIT}
TIMES_IN_FORCE = {
    "0": TimeInForce.DAY,
    "1": TimeInForce.GTC,
    "2": TimeInForce.OPG,
    "3": TimeInForce.IOC,
    "4": TimeInForce.FOK,
    "6": TimeInForce.GTD,
}
SEC_TYPES = {"CS": SecType.STK, "FUT": SecType.FUT, "OPT": SecType.OPT, "FOR": SecType.CASH}
REFUSALS = {"1": Refusal.CANCEL_REFUSED, "2": Refusal.REPLACE_REFUSED}
CORPORATE_ACTION = "0"  # tag 378: GT corporate action
OUR_CONTRACTS = "100"  # tag 22: 100 and above are for what both sides agree upon; here, our contract numbers
NO_ORDER_ID = "NONE"
TIME_FORMATS = ("%Y%m%d-%H:%M:%S.%f", "%Y%m%d-%H:%M:%S")


class Translator:
    """Reads one counterparty's messages.

    `exec_ids` remembers our ids of its executions: FIX gives a correction a new id and names the one before,
    ours are versions of one execution. It has to outlive the process, or a second correction of the same
    execution would count as another execution.
    """

    def __init__(self, exec_ids: MutableMapping[str, str]) -> None:
        self._exec_ids = exec_ids

    def event(self, fields: Fields) -> BrokerEvent | None:
        """What the message says; None if it changes nothing. Raises Malformed for what we cannot read."""
        try:
            match fields[Tag.MSG_TYPE]:
                case "8":
                    return self._execution_report(fields)
                case "9":
                    return cancel_reject(fields)
                case _:
                    return None
        except (KeyError, ValueError, InvalidOperation) as error:
            raise Malformed(f"{type(error).__name__}: {error}") from error

    def _execution_report(self, fields: Fields) -> BrokerEvent | None:
        kind = ExecType(fields[Tag.EXEC_TYPE])
        if kind is ExecType.ORDER_STATUS:
            return None  # an answer to a question never changes an order
        if kind is ExecType.REJECTED:
            return ErrorReport(
                identity=identity_of(fields),
                code=int(fields.get(Tag.ORD_REJ_REASON, "99")),
                text=fields.get(Tag.TEXT, "Order rejected"),
                meaning=Refusal.ORDER_REJECTED,
            )
        return self._trade(kind, fields) if kind in TRADES else order_report(kind, fields)

    def _trade(self, kind: ExecType, fields: Fields) -> ExecutionReport:
        return ExecutionReport(
            identity=identity_of(fields),
            exec_id=self._version(fields[Tag.EXEC_ID], fields.get(Tag.EXEC_REF_ID, "")),
            account=fields[Tag.ACCOUNT],
            instrument=instrument_of(fields),
            side=SIDES[fields[Tag.SIDE]],
            last_qty=Decimal(0) if kind is ExecType.TRADE_CANCEL else Decimal(fields[Tag.LAST_QTY]),
            last_px=Decimal(fields[Tag.LAST_PX]),
            cum_qty=Decimal(fields[Tag.CUM_QTY]),
            transact_time=time_of(fields[Tag.TRANSACT_TIME]),
            ord_status=ORD_STATUSES.get(fields.get(Tag.ORD_STATUS, "")),
        )

    def _version(self, exec_id: str, replaced: str) -> str:
        """Our id: that of the first version, and the number of this one behind the dot."""
        if exec_id not in self._exec_ids:
            before = self._exec_ids.get(replaced, f"{replaced}.01") if replaced else f"{exec_id}.00"
            root, _, number = before.rpartition(".")
            self._exec_ids[exec_id] = f"{root}.{int(number) + 1:02}"
        return self._exec_ids[exec_id]


def order_report(kind: ExecType, fields: Fields) -> OrderReport:
    """A report without an execution: what the order is doing, and its terms."""
    held = fields.get(Tag.WORKING_INDICATOR) == "N"
    status = (WorkingStatus.HELD if held else WorkingStatus.WORKING) if kind in LIVING else STATUSES[kind]
    identity = identity_of(fields)
    if kind is ExecType.PENDING_NEW and identity.order_ref:
        # Received, not accepted: an OrderID would acknowledge it.
        identity = OrderIdentity(order_ref=identity.order_ref)
    return OrderReport(
        identity=identity,
        status=status,
        source="ExecutionReport",
        cum_qty=decimal_of(fields, Tag.CUM_QTY),
        text=fields.get(Tag.TEXT, ""),
        terms=terms_of(fields),
        corporate_action=fields.get(Tag.EXEC_RESTATEMENT_REASON) == CORPORATE_ACTION,
    )


def cancel_reject(fields: Fields) -> ErrorReport:
    """Order Cancel Reject: a cancel or a replace was refused, by name."""
    return ErrorReport(
        identity=identity_of(fields),
        code=int(fields.get(Tag.CXL_REJ_REASON, "99")),
        text=fields.get(Tag.TEXT, "Request refused"),
        meaning=REFUSALS[fields[Tag.CXL_REJ_RESPONSE_TO]],
        cl_ord_id=fields[Tag.CL_ORD_ID].partition("/")[2],
    )


def identity_of(fields: Fields) -> OrderIdentity:
    """Whose order this is. Numbers of an order are its OrderID, or made of it: it may be any text."""
    order_ref = fields.get(Tag.CL_ORD_ID, "").partition("/")[0]
    order_id = fields.get(Tag.ORDER_ID, NO_ORDER_ID)
    return OrderIdentity(order_ref=order_ref, perm_id=perm_id_of(order_id))


def perm_id_of(order_id: str) -> int:
    """A number that stays the same for the order; 0 when it has none yet."""
    if order_id == NO_ORDER_ID:
        return 0
    if order_id.isascii() and order_id.isdigit() and len(order_id) <= 18:
        return int(order_id)
    return int.from_bytes(blake2b(order_id.encode(), digest_size=8).digest()) >> 1  # fits a bigint


def terms_of(fields: Fields) -> ReportedTerms:
    """The order as the counterparty describes it; words that we have not stay as they are."""
    side, ord_type = fields.get(Tag.SIDE, ""), fields.get(Tag.ORD_TYPE, "")
    time_in_force = fields.get(Tag.TIME_IN_FORCE, "0")
    return ReportedTerms(
        account=fields[Tag.ACCOUNT],
        instrument=instrument_of(fields),
        side=SIDES.get(side, side),
        order_qty=decimal_of(fields, Tag.ORDER_QTY) or Decimal(0),
        ord_type=ORD_TYPES.get(ord_type, ord_type),
        time_in_force=TIMES_IN_FORCE.get(time_in_force, time_in_force),
        price=decimal_of(fields, Tag.PRICE),
        stop_px=decimal_of(fields, Tag.STOP_PX),
    )


def instrument_of(fields: Fields) -> InstrumentRef:
    """The contract; by our own number where both sides agreed to use it."""
    agreed = fields.get(Tag.SECURITY_ID_SOURCE) == OUR_CONTRACTS
    return InstrumentRef(
        symbol=fields[Tag.SYMBOL],
        sec_type=SEC_TYPES[fields.get(Tag.SECURITY_TYPE, "CS")],
        exchange=fields.get(Tag.SECURITY_EXCHANGE, "SMART"),
        currency=fields.get(Tag.CURRENCY, "USD"),
        con_id=int(fields[Tag.SECURITY_ID]) if agreed else 0,
    )


def decimal_of(fields: Fields, tag: Tag) -> Decimal | None:
    """A number; None when the message does not carry it."""
    return Decimal(fields[tag]) if tag in fields else None


def time_of(text: str) -> datetime:
    """UTCTimestamp, with or without fractions of a second."""
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"no UTCTimestamp: {text!r}")
