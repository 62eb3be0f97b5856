"""Whose order a message is about: the rules of design section 4, on orders that are locked already.

Our reference names the order, else the permId does, else the pair of client id and order id. That pair is the
weakest: gateways give order ids out again after they have lost their settings, and what is typed in by hand
has 0, a negative number or 2147483647. So it finds only an order of today whose permId is not known yet, by
what says account, side and contract too, or what has no permId (an error). A bare status under our number
teaches no permId: it waits until an order or an execution has. An order of ours never takes what is of
another account, side or contract, whatever identity it carries: somebody else's order is recorded as EXTERNAL
instead. A group order of an advisor takes executions on the accounts of its login: those are its shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from brokers.fix import SecType, Side
from brokers.messages import ErrorReport, ExecutionReport, InstrumentRef, OrderIdentity, OrderReport
from orders.models import Order, Source
from orders.models.order import TradedContract
from orders.models.references import digest_of, order_id_of

Report = OrderReport | ExecutionReport | ErrorReport
#: The broker says BUY or SELL; whether a sale was short, only we know.
WAYS = {Side.BUY.value: "BUY", Side.SELL.value: "SELL", Side.SELL_SHORT.value: "SELL"}
#: The gateway's clock and ours may differ by so much.
CLOCK_SLACK = timedelta(minutes=5)
#: An order sent before midnight may be answered after it.
AFTER_MIDNIGHT = timedelta(hours=1)
A_DAY = timedelta(days=1)


class Facts(NamedTuple):
    """What a report says about its order beside the identity."""

    account: str
    side: str
    instrument: InstrumentRef
    executed_at: datetime | None


def facts_of(report: Report) -> Facts | None:
    """The facts of a report; None for one that says nothing but whose it is."""
    if isinstance(report, ExecutionReport):
        return Facts(report.account, report.side, report.instrument, report.transact_time)
    terms = report.terms if isinstance(report, OrderReport) else None
    return Facts(terms.account, terms.side, terms.instrument, None) if terms else None


def match(candidates: Sequence[Order], report: Report, at: datetime) -> Order | None:
    """The order that a report received `at` is about, of those that share an identity with it."""
    facts = facts_of(report)
    ranked = _ranked(candidates, report.identity, at, facts)
    said = report.identity
    return next((o for o in ranked if agrees(o, facts) or _is_renumbered(o, said, facts)), None)


def _ranked(
    orders: Sequence[Order], said: OrderIdentity, at: datetime, facts: Facts | None
) -> Iterator[Order]:
    """Those that the identity may mean, the surest first; of two, ours before others' and new before old."""
    own = order_id_of(said.order_ref) if said.order_ref else None
    preferred = sorted(orders, key=lambda order: (order.source != Source.EXTERNAL, order.id), reverse=True)
    yield from (order for order in preferred if order.id == own)
    if said.perm_id:
        same_perm = [order for order in preferred if _has_perm_id(order, said, facts)]
        yield from sorted(
            same_perm, key=lambda order: facts is not None and order.account_id == facts.account, reverse=True
        )
    if said.has_order_id:
        yield from (order for order in preferred if _has_number(order, said, at, facts))


def _has_perm_id(order: Order, said: OrderIdentity, facts: Facts | None) -> bool:
    """Whether the permId proves that it is this order.

    All that is told of an order of ours carries its reference, so another one tells that the permId was given
    out again. Where none is told, an execution of another day than the order's does.
    """
    if order.perm_id != said.perm_id:
        return False
    if order.source == Source.EXTERNAL:
        return True
    if said.order_ref:
        return digest_of(said.order_ref) == digest_of(order.order_ref)
    executed_at = facts.executed_at if facts else None
    return executed_at is None or _was_there(order, executed_at)


def _was_there(order: Order, at: datetime) -> bool:
    """Whether the order was at the broker then, or on a day next to it: zones may be told wrong."""
    if order.claimed_at and at < order.claimed_at - A_DAY:
        return False
    return order.is_alive or at < order.updated_at + A_DAY


def _has_number(order: Order, said: OrderIdentity, at: datetime, facts: Facts | None) -> bool:
    """Whether client id and order id prove that it is this order."""
    if (order.broker_client_id, order.broker_order_id) != (said.client_id, said.broker_order_id):
        return False
    if facts and not _tells_contract(facts):
        return False
    if order.source == Source.EXTERNAL:
        return _is_same_external(order, said, at, facts)
    if said.order_ref:
        return False  # somebody else's reference, or one of ours that means another order
    if not said.perm_id:
        return facts is None or _is_after_claim(order, facts)
    if facts is None or order.perm_id is not None:
        return False
    return _is_of_today(order.claimed_at, at) and _is_after_claim(order, facts)


def _is_same_external(order: Order, said: OrderIdentity, at: datetime, facts: Facts | None) -> bool:
    """Others' numbers come again as well: what tells a contract must tell that of the order, on its day."""
    if said.perm_id and order.perm_id is not None:
        return False
    return facts is None or (
        _is_of_today(order.received_at, at) and _fits(order.traded, WAYS.get(order.side), facts)
    )


def _is_of_today(since: datetime | None, at: datetime) -> bool:
    return since is not None and (since.date() == at.date() or at - since < AFTER_MIDNIGHT)


def _is_after_claim(order: Order, facts: Facts | None) -> bool:
    executed_at = facts.executed_at if facts else None
    if executed_at is None or order.claimed_at is None:
        return True
    return executed_at > order.claimed_at - CLOCK_SLACK


def agrees(order: Order, facts: Facts | None) -> bool:
    """Whether an order of ours can be the one with these facts; those of others are what the broker says.

    An order names its own account, also where several share a permId; executions name those of a group.
    """
    if facts is None:
        return True
    if order.source == Source.EXTERNAL:
        is_order = facts.executed_at is None
        return not (is_order and facts.account and order.account_id) or order.account_id == facts.account
    if facts.account and facts.account != order.account_id and not _is_share(order, facts):
        return False
    return _fits(order.traded, WAYS.get(order.side), facts)


def _is_renumbered(order: Order, said: OrderIdentity, facts: Facts | None) -> bool:
    """Whether it is ours in a contract that the broker numbers anew, as after a corporate action.

    Then reference and permId both name our order, and all else that describes the contract is as it was.
    """
    if facts is None or not said.perm_id or order.source == Source.EXTERNAL:
        return False
    if order.perm_id != said.perm_id or order_id_of(said.order_ref or "") != order.id:
        return False
    return agrees(order, facts._replace(instrument=msgspec.structs.replace(facts.instrument, con_id=0)))


def _is_share(order: Order, facts: Facts) -> bool:
    """Whether it executes a share of a group order: on an account of the order's own advisor, on no other."""
    return facts.executed_at is not None and facts.account in order.sharers


def _tells_contract(facts: Facts) -> bool:
    """Whether it names a contract at all: of one that is delisted a gateway may say nothing any more."""
    shown = facts.instrument
    return bool(shown.con_id or shown.symbol or shown.sec_type)


def _fits(ours: TradedContract, way: str | None, facts: Facts) -> bool:
    shown = facts.instrument
    if not _tells_contract(facts):
        return WAYS.get(facts.side, way) == way
    if ours.sec_type == SecType.BAG and shown.sec_type != SecType.BAG:
        legs = {leg.get("con_id") for leg in ours.legs}  # its executions are told for each leg as well
        return not shown.con_id or shown.con_id in legs
    if WAYS.get(facts.side, way) != way or shown.sec_type != ours.sec_type:
        return False
    if ours.sec_type == SecType.BAG:
        return True  # the broker has one number for all combinations, and symbols of its own
    if ours.con_id and shown.con_id:
        return ours.con_id == shown.con_id
    return ours.symbol == shown.symbol
