"""Limits on what an account does as a whole, asked where orders are recorded.

Comes in: drafted orders, in the transaction that will record them. Goes out: the same, those beyond a limit
rejected with the report. What others record at this moment waits: two requests cannot together pass what one
may not. Accounts without such limits take no lock and cost nothing. Orders that must only shrink a position
(`risk.states`) are asked in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from brokers import clock
from brokers.models import Instrument
from orders.entry.rules import OrderContext, Rules
from orders.entry.ticket import Ticket
from orders.errors import RefusedByCheck
from orders.models import Cause, GroupKind, Order, State, TradingState
from orders.models.reasons import reason
from orders.risk.checks import CheckResult, first_failed
from orders.risk.states import reduce_checks
from orders.risk.use import Asked, Content, Demand, Use, UseLimits, signed, use_checks
from orders.sending.unknown_outcome import reject_order
from orders.store.use import read_use

Intention = Sequence[Order]


def has_use_limits(orders: Iterable[Order], rules: Rules) -> bool:
    """Whether one of these orders has to be asked with all that its account does already."""
    return any(_limits(account_of(order), rules).any or must_shrink(order, rules) for order in orders)


def reject_beyond_use(intentions: Iterable[Intention], rules: Rules, *, lock: bool = True) -> None:
    """Reject in memory what would go beyond a limit; the caller records all of them in this transaction.

    An intention is one order, or those of a group: refused whole. What is granted counts for the next.
    Without `lock` nothing is promised: the answer is for somebody who only asks.
    """
    limited = [orders for orders in intentions if _is_limited(orders, rules)]
    demands = [demand_of(orders, rules) for orders in limited]
    if not demands:
        return
    use = _use(demands, rules, lock=lock)
    for orders, demand in zip(limited, demands, strict=True):
        report = [*use_checks(demand, _limits(demand.account, rules), use), *reduce_checks(demand, use)]
        for order in orders:
            order.check_report = [*order.check_report, *(check.as_json() for check in report)]
        if broken := first_failed(report):
            for order in orders:
                reject_order(order, broken.code, Cause(actor="checks", at=clock.now()))
        else:
            use.add(demand)


def recheck_use(
    intentions: Sequence[Intention], rules: Rules
) -> Iterator[tuple[Intention, list[CheckResult]]]:
    """The same for recorded orders before they are sent, oldest first: with all but those that come later.

    Rate, duplicates and own orders on the other side were asked when they were recorded; what an order
    waited for changes neither.
    """
    limited = [(orders, demand_of(orders, rules)) for orders in intentions if _is_limited(orders, rules)]
    if not limited:
        return
    use = _use([demand for _, demand in limited], rules, lock=True)
    for _, demand in limited:
        use.remove(demand)
    for orders, demand in limited:
        limits = _limits(demand.account, rules)
        report = [*use_checks(demand, limits.on_what_stands, use), *reduce_checks(demand, use)]
        if not first_failed(report):
            use.add(demand)
        yield orders, report


def require_whole(ticket: Ticket, context: OrderContext, rules: Rules, checks: list[CheckResult]) -> None:
    """Raise RefusedByCheck for an intention worked in parts that breaks a limit whole.

    In the transaction that records it: from then on all of it counts, whatever its parts do.
    """
    report = [*checks, *_report(ticket, context.instrument, rules, lock=True)]
    if broken := first_failed(report):
        raise RefusedByCheck(broken.code, reason(broken.code).text, [check.as_json() for check in report])


def replace_report(order: Order, ticket: Ticket, rules: Rules) -> list[CheckResult]:
    """The same for a replace in its transaction: only what its ticket adds to the order counts."""
    limits = _limits(ticket.account, rules)
    shrink = ticket.order_qty >= order.order_qty and must_shrink(order, rules)
    if not limits.any and not shrink:
        return []
    added = msgspec.structs.replace(ticket, order_qty=max(ticket.order_qty - order.order_qty, Decimal(0)))
    asked = _asked(
        added, order.instrument, ticket.account, counted_elsewhere=_is_counted(order), must_shrink=shrink
    )
    demand = Demand(orders=[asked])
    use = _use([demand], rules, lock=True)
    use.open_orders[ticket.account] -= 1  # the order itself, which is one already
    return [*use_checks(demand, limits, use), *reduce_checks(demand, use)]


def dry_report(ticket: Ticket, instrument: Instrument, rules: Rules) -> list[CheckResult]:
    """What the limits say now about an order that nobody has placed: no lock, so no promise."""
    return _report(ticket, instrument, rules, lock=False)


def _report(ticket: Ticket, instrument: Instrument, rules: Rules, *, lock: bool) -> list[CheckResult]:
    limits, account = _limits(ticket.account, rules), rules.account(ticket.account)
    session = account.account.session_id if account else ""
    shrink = ticket.reduce_only or is_reducing(rules, ticket.account, ticket.strategy, session)
    if not limits.any and not shrink:
        return []
    demand = Demand(orders=[_asked(ticket, instrument, ticket.account, must_shrink=shrink)])
    use = _use([demand], rules, lock=lock)
    return [*use_checks(demand, limits, use), *reduce_checks(demand, use)]


def must_shrink(order: Order, rules: Rules) -> bool:
    """Whether the order may only shrink a position: it says so, or one of its scopes is REDUCING.

    Exits of a bracket that say so close what their entry opens.
    """
    if order.reduce_only and not _is_exit(order):
        return True
    return is_reducing(rules, account_of(order), order.strategy, order.session_id)


def is_reducing(rules: Rules, account: str, strategy: str, session: str) -> bool:
    """Whether orders of these scopes may only shrink positions now."""
    in_force = rules.states.of_order(account, strategy, session)
    return in_force is not None and in_force.state == TradingState.REDUCING


def demand_of(orders: Intention, rules: Rules) -> Demand:
    """An intention in the terms of the limits; a group at its worst outcome.

    Exits whose entry is not among the orders protect what that has executed: they shrink by themselves.
    """
    group = orders[0].group if len(orders) > 1 else None
    has_entry = not all(_is_exit(order) for order in orders)
    asked = [
        _asked(
            order,
            order.instrument,
            account_of(order),
            counted_elsewhere=_is_counted(order),
            must_shrink=has_entry and must_shrink(order, rules),
        )
        for order in orders
    ]
    return Demand(orders=asked, alternatives=group is not None and group.kind == GroupKind.OCA)


def _is_counted(order: Order) -> bool:
    """Exits close what their entry opens, and slices are parts of a parent that counts whole."""
    return _is_exit(order) or order.parent_id is not None


def _is_exit(order: Order) -> bool:
    return order.group is not None and order.group.kind == GroupKind.BRACKET and bool(order.group_rank)


def _asked(
    terms: Order | Ticket,
    instrument: Instrument,
    account: str,
    *,
    counted_elsewhere: bool = False,
    must_shrink: bool = False,
) -> Asked:
    sign = signed(terms.side)
    legs = {leg["con_id"]: sign * leg["ratio"] * signed(leg["side"]) for leg in instrument.legs}
    content = Content(
        account, instrument.pk, sign > 0, terms.order_qty, terms.ord_type, terms.price, terms.stop_px
    )
    contracts = legs or {instrument.con_id or 0: sign}
    return Asked(
        content=content, contracts=contracts, counted_elsewhere=counted_elsewhere, must_shrink=must_shrink
    )


def account_of(order: Order) -> str:
    """The account of an order of ours; only orders of others (an advisor's group) may have none."""
    assert order.account_id is not None  # noqa: S101
    return order.account_id


def _limits(account: str, rules: Rules) -> UseLimits:
    found = rules.account(account)
    return found.use if found else UseLimits()


def _is_limited(orders: Intention, rules: Rules) -> bool:
    return orders[0].state == State.CREATED and has_use_limits(orders, rules)


def _use(demands: Sequence[Demand], rules: Rules, *, lock: bool) -> Use:
    accounts = {demand.account for demand in demands}
    contracts = {con_id for demand in demands for order in demand.orders for con_id in order.contracts}
    firm = any(_limits(account, rules).refuse_self_trade for account in accounts)
    exits = any(order.must_shrink for demand in demands for order in demand.orders)
    return read_use(accounts, contracts, lock=lock, firm=firm, exits=exits)
