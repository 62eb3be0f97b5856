"""Limits on what an account does as a whole, asked where orders are recorded.

Comes in: drafted orders, in the transaction that will record them. Goes out: the same, those beyond a limit
rejected with the report. What others record at this moment waits: two requests cannot together pass what one
may not. Accounts without such limits take no lock and cost nothing. Orders that must only shrink a position
(`risk.states`) are asked in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import msgspec
from django.db import transaction

from brokers import clock
from brokers.models import Instrument
from orders.entry.checks import unit_of, warned_report
from orders.entry.rules import OrderContext, Rules
from orders.entry.ticket import Ticket
from orders.entry.valuation import valuation_for
from orders.errors import RefusedByCheck
from orders.instruments.contracts import contracts_of
from orders.instruments.prices import ages, last_prices
from orders.models import Cause, GroupKind, Order, State, TradingState
from orders.models.reasons import reason
from orders.risk.catalogue import LimitSet
from orders.risk.exposure import EXPOSURES, Valuation, exposure_checks
from orders.risk.market import value_price
from orders.risk.overrides import with_warnings
from orders.risk.report import CheckResult, first_failed
from orders.risk.scopes import FIRM, ScopeKind, is_account
from orders.risk.states import reduce_checks
from orders.risk.use import (
    Asked,
    Content,
    Demand,
    Use,
    asks,
    has_use_rules,
    on_what_stands,
    signed,
    use_checks,
)
from orders.sending.unknown_outcome import reject_order
from orders.store.states import put_state
from orders.store.use import Reading, read_use

Intention = Sequence[Order]
#: The rules that ask what came within the last minute, and those that ask for positions at their worst.
OF_THE_MINUTE = ("max_orders_per_minute", "max_messages_per_minute", "max_duplicates_per_minute")
ON_POSITIONS = (
    "max_position_qty",
    "max_gross_notional",
    "max_net_notional",
    "max_daily_loss",
    "short_sales",
)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """An intention in the terms of the limits, with the sets that bind it and need the use."""

    demand: Demand
    limits: tuple[LimitSet, ...]
    meant: Order | Ticket
    instrument: Instrument
    overrides: Mapping[str, str]

    def report(self, use: Use, valuation: Valuation, *, recorded: bool = False) -> list[CheckResult]:
        """What every set says; of a `recorded` intention without the rules on how it came."""
        found = []
        for limits in self.limits:
            asked = on_what_stands(limits) if recorded else limits
            found += use_checks(self.demand, asked, use)
            found += exposure_checks(self.demand, asked, use, valuation)
        own = with_warnings(found, self.limits, self.meant, self.instrument.pk, self.overrides)
        return [*own, *reduce_checks(self.demand, use)]


def by_intention(orders: Iterable[Order]) -> list[list[Order]]:
    """Single orders and whole groups, by their first order."""
    found: dict[object, list[Order]] = {}
    for order in orders:
        found.setdefault(order.group_id or order.id, []).append(order)
    return list(found.values())


def has_use_limits(orders: Iterable[Order], rules: Rules) -> bool:
    """Whether one of these orders has to be asked with all that its scopes do already."""
    return any(_sets(order, user_of(order), rules) or must_shrink(order, rules) for order in orders)


def reject_beyond_use(intentions: Iterable[Intention], rules: Rules, *, lock: bool = True) -> None:
    """Reject in memory what would go beyond a limit; the caller records all of them in this transaction.

    An intention is one order, or those of a group: refused whole. What is granted counts for the next.
    Without `lock` nothing is promised: the answer is for somebody who only asks.
    """
    limited = [(orders, bound) for orders in intentions if (bound := _bound(orders, rules))]
    if not limited:
        return
    use, valuation = _facts([bound for _, bound in limited], rules, lock=lock)
    for orders, report in _judged(limited, use, valuation):
        _add_report(orders, report)
        if broken := first_failed(report):
            for order in orders:
                reject_order(order, broken.code, Cause(actor="checks", at=clock.now()))
            if lock:
                stop_runaway(broken)


def grant_unlocked(intentions: Iterable[Intention], rules: Rules) -> Mapping[str, int] | None:
    """The marks under which all of these are within their limits, without waiting for anybody.

    Whoever records them requires that these marks have not moved. None, and nothing is said: one may be
    beyond a limit, or others are recording as well; then `reject_beyond_use` is asked under its lock.
    """
    limited = [(orders, bound) for orders in intentions if (bound := _bound(orders, rules))]
    if not limited or contention.is_on:
        return None
    use, valuation = _facts([bound for _, bound in limited], rules, lock=False, marks=True)
    marks = {owner: mark for owner, mark in use.marks.items() if mark is not None}
    judged = list(_judged(limited, use, valuation))
    if len(marks) < len(use.marks) or any(first_failed(report) for _, report in judged):
        return None
    for orders, report in judged:
        _add_report(orders, report)
    return marks


class Contention:
    """Whether others recorded in between a moment ago: then waiting in line is cheaper than trying again."""

    LASTS = 0.5  # seconds

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        """Whether to take the lock at once."""
        return time.monotonic() < self._until

    def begin(self, marks: Mapping[str, int] | None) -> None:
        """What was read with these marks, if any, did not stand."""
        if marks:
            self._until = time.monotonic() + self.LASTS


contention = Contention()


def _judged(
    limited: Iterable[tuple[Intention, Bound]], use: Use, valuation: Valuation, *, recorded: bool = False
) -> Iterator[tuple[Intention, list[CheckResult]]]:
    """What each is told; one that is granted counts for the next."""
    for orders, bound in limited:
        report = bound.report(use, valuation, recorded=recorded)
        if not first_failed(report):
            use.add(bound.demand)
        yield orders, report


def _add_report(orders: Intention, report: Iterable[CheckResult]) -> None:
    told = [check.as_json() for check in report]
    for order in orders:
        order.check_report = [*order.check_report, *told]


def stop_runaway(broken: CheckResult) -> None:
    """A scope that executed the same too often is HALTED until a person makes it ACTIVE again."""
    if broken.code != "REPEATED_EXECUTIONS" or broken.scope.startswith(f"{ScopeKind.USER}:"):
        return
    reason = f"{broken.value}, at most {broken.limit} without a person"
    halt = partial(put_state, broken.scope, TradingState.HALTED, by="checks", reason=reason)
    transaction.on_commit(halt, robust=True)


def recheck_use(
    intentions: Sequence[Intention], rules: Rules
) -> Iterator[tuple[Intention, list[CheckResult]]]:
    """The same for recorded orders before they are sent, oldest first: with all but those that come later.

    Rate, duplicates, own orders on the other side and the day's sums were asked when they were recorded;
    what an order waited for changes none of them.
    """
    limited = [(orders, bound) for orders in intentions if (bound := _bound(orders, rules))]
    if not limited:
        return
    use, valuation = _facts([bound for _, bound in limited], rules, lock=True)
    for _, bound in limited:
        use.remove(bound.demand)
    yield from _judged(limited, use, valuation, recorded=True)


def require_whole(ticket: Ticket, context: OrderContext, rules: Rules, user: str) -> None:
    """Raise RefusedByCheck for an intention worked in parts that breaks a limit whole.

    In the transaction that records it: from then on all of it counts, whatever its parts do.
    """
    own = warned_report(ticket, context, ticket.overrides(user))
    report = [*own, *_report(ticket, context.instrument, rules, user, lock=True)]
    if broken := first_failed(report):
        raise RefusedByCheck(broken.code, reason(broken.code).text, [check.as_json() for check in report])


def replace_report(
    order: Order, ticket: Ticket, rules: Rules, *, recorded: bool = False
) -> list[CheckResult]:
    """The same for a replace in its transaction: only what its ticket adds to the order counts.

    One that is `recorded` counts among what works already.
    """
    limits = _sets(ticket, user_of(order), rules)
    shrink = ticket.order_qty >= order.order_qty and must_shrink(order, rules)
    if not limits and not shrink:
        return []
    added = msgspec.structs.replace(ticket, order_qty=max(ticket.order_qty - order.order_qty, Decimal(0)))
    asked = _asked(
        added, order.instrument, ticket.account, counted_elsewhere=_is_counted(order), must_shrink=shrink
    )
    demand = Demand(orders=[asked], replaces=True, scopes=_scopes(limits))
    bound = Bound(
        demand=demand, limits=limits, meant=ticket, instrument=order.instrument, overrides=order.overrides
    )
    use, valuation = _facts([bound], rules, lock=True)
    if recorded:
        use.remove(demand)
    return bound.report(use, valuation, recorded=recorded)


def dry_report(ticket: Ticket, instrument: Instrument, rules: Rules, user: str) -> list[CheckResult]:
    """What the limits say now about an order that nobody has placed: no lock, so no promise."""
    return _report(ticket, instrument, rules, user, lock=False)


def _report(
    ticket: Ticket, instrument: Instrument, rules: Rules, user: str, *, lock: bool
) -> list[CheckResult]:
    limits, account = _sets(ticket, user, rules), rules.account(ticket.account)
    session = account.account.session_id if account else ""
    shrink = ticket.reduce_only or is_reducing(rules, ticket.account, ticket.strategy, session)
    if not limits and not shrink:
        return []
    asked = _asked(ticket, instrument, ticket.account, must_shrink=shrink)
    demand = Demand(orders=[asked], scopes=_scopes(limits))
    overrides = ticket.overrides(user)
    bound = Bound(demand=demand, limits=limits, meant=ticket, instrument=instrument, overrides=overrides)
    return bound.report(*_facts([bound], rules, lock=lock))


def must_shrink(order: Order, rules: Rules) -> bool:
    """Whether the order may only shrink a position: it says so, or one of its scopes is REDUCING.

    Exits of a bracket that say so close what their entry opens.
    """
    if order.reduce_only and not is_exit(order):
        return True
    return is_reducing(rules, account_of(order), order.strategy, order.session_id)


def is_reducing(rules: Rules, account: str, strategy: str, session: str) -> bool:
    """Whether orders of these scopes may only shrink positions now."""
    in_force = rules.states.of_order(account, strategy, session)
    return in_force is not None and in_force.state == TradingState.REDUCING


def user_of(order: Order) -> str:
    """Whose order it is, as limits name users."""
    return order.client.get_username() if order.client else ""


def _bound(orders: Intention, rules: Rules) -> Bound | None:
    """The same for one that is not refused already."""
    return bound_of(orders, rules) if orders[0].state == State.CREATED else None


def bound_of(orders: Intention, rules: Rules) -> Bound | None:
    """The intention with the limits that need the use; None where none does."""
    first = orders[0]
    limits = _sets(first, user_of(first), rules)
    if not limits and not any(must_shrink(order, rules) for order in orders):
        return None
    overrides = {id_: text for order in orders for id_, text in order.overrides.items()}
    return Bound(
        demand=demand_of(orders, rules, _scopes(limits)),
        limits=limits,
        meant=first,
        instrument=first.instrument,
        overrides=overrides,
    )


def _sets(terms: Order | Ticket, user: str, rules: Rules) -> tuple[LimitSet, ...]:
    """The sets with rules on what their scopes do as a whole."""
    account = terms.account if isinstance(terms, Ticket) else account_of(terms)
    sets = rules.limits_for(account, terms.strategy, user)
    return tuple(limits for limits in sets if has_use_rules(limits))


def _scopes(limits: Iterable[LimitSet]) -> tuple[str, ...]:
    """The scopes beside the account's, whose use is kept by itself."""
    return tuple(one.scope for one in limits if not is_account(one.scope))


def demand_of(orders: Intention, rules: Rules, scopes: tuple[str, ...] = ()) -> Demand:
    """An intention in the terms of the limits; a group at its worst outcome.

    Exits whose entry is not among the orders protect what that has executed: they shrink by themselves.
    """
    group = orders[0].group if len(orders) > 1 else None
    has_entry = not all(is_exit(order) for order in orders)
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
    alternatives = group is not None and group.kind == GroupKind.OCA
    return Demand(orders=asked, alternatives=alternatives, scopes=scopes)


def _is_counted(order: Order) -> bool:
    """Exits close what their entry opens, and slices are parts of a parent that counts whole."""
    return is_exit(order) or order.parent_id is not None


def is_exit(order: Order) -> bool:
    """Whether it closes what the entry of its bracket opens."""
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
    contracts = {con_id: sign * ratio for con_id, ratio in contracts_of(instrument).items()} or {0: sign}
    content = Content(
        account, instrument.pk, sign > 0, terms.order_qty, terms.ord_type, terms.price, terms.stop_px
    )
    return Asked(
        content=content,
        contracts=contracts,
        side=terms.side,
        value=worth_of(terms, instrument),
        currency=instrument.currency,
        locate=_locate(terms),
        counted_elsewhere=counted_elsewhere,
        must_shrink=must_shrink,
    )


def worth_of(terms: Order | Ticket, instrument: Instrument) -> Decimal | None:
    """What the order is worth at most, in its instrument's currency; None: nobody can tell."""
    known = value_price(terms, last_prices.legs(instrument), ages())
    return None if known is None else terms.order_qty * known.px * unit_of(instrument)


def _locate(terms: Order | Ticket) -> str:
    return terms.locate_broker if isinstance(terms, Ticket) else terms.special.get("locate_broker", "")


def account_of(order: Order) -> str:
    """The account of an order of ours; only orders of others (an advisor's group) may have none."""
    assert order.account_id is not None  # noqa: S101
    return order.account_id


def _facts(
    bounds: Sequence[Bound], rules: Rules, *, lock: bool, marks: bool = False
) -> tuple[Use, Valuation]:
    """What all the owners do that these intentions count for, and what that is worth."""
    limits = list({one.scope: one for bound in bounds for one in bound.limits}.values())
    contracts = {con_id for bound in bounds for order in bound.demand.orders for con_id in order.contracts}
    use = _use(bounds, limits, contracts, rules, lock=lock, marks=marks)
    held = {con_id for _, con_id in (*use.longs, *use.shorts)}
    firm = rules.account_codes() if any(one.scope == FIRM for one in limits) else ()
    accounts = [bound.demand.account for bound in bounds]
    return use, valuation_for(accounts, firm, held | contracts, limits)


def _use(
    bounds: Sequence[Bound],
    limits: Collection[LimitSet],
    contracts: Collection[int],
    rules: Rules,
    *,
    lock: bool,
    marks: bool,
) -> Use:
    own = {bound.demand.account for bound in bounds}
    scopes = {scope for bound in bounds for scope in bound.demand.scopes}
    shrink = any(order.must_shrink for bound in bounds for order in bound.demand.orders)
    reading = reading_for(limits, scopes, shrink=shrink)
    owners = own | scopes | ({FIRM} if FIRM in scopes or reading.quotes else set())
    return read_use(
        {*own, *rules.account_codes()} if FIRM in scopes else own,
        contracts,
        instruments={order.content.instrument for bound in bounds for order in bound.demand.orders},
        locks=owners if lock else (),
        marks=owners if marks else (),
        reading=reading,
    )


def reading_for(limits: Collection[LimitSet], scopes: Collection[str], *, shrink: bool = False) -> Reading:
    """What the rules of these limits that are on need to know; `shrink`: and orders that only reduce."""
    return Reading(
        scopes=scopes,
        all_contracts=asks(limits, *EXPOSURES),
        open_orders=asks(limits, "max_open_orders"),
        recent=asks(limits, *OF_THE_MINUTE),
        contents=asks(limits, "max_duplicates_per_minute"),
        positions=shrink or asks(limits, *ON_POSITIONS),
        quotes=asks(limits, "refuse_self_trade"),
        day=asks(limits, "max_daily_notional", "max_daily_orders", "max_order_to_trade"),
        messages=asks(limits, "max_messages_per_minute"),
        repeats=asks(limits, "max_repeated_executions"),
        exits=shrink,
    )
