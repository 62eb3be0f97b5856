"""What the present or proposed limits would have refused of what was recorded: nothing is changed.

Each order is asked as of the moment when it was recorded: with the market price of then (its arrival price),
and with what its scopes had open, had executed and had placed at that time, as far as these very limits would
have let it. Not replayed, and said so: quotes, rates, hours, halts and the day's profit of then.
"""

from __future__ import annotations

import csv
import heapq
import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from brokers.models import Position
from orders.entry.limits.checks import limit_checks, order_facts
from orders.entry.limits.intentions import by_intention, intention_of, user_of
from orders.entry.limits.rules import Rules, context_by, ruleset_in_force
from orders.entry.limits.valuation import valuation_for
from orders.entry.replace import ticket_of
from orders.errors import OrderError
from orders.instruments.contracts import contract_key
from orders.models import ALIVE, Execution, Order, Source
from orders.models.execution import WHOLES
from orders.risk.catalogue import FIELDS, LimitSet
from orders.risk.intention import ZERO, Intention, signed
from orders.risk.intention_checks import intention_checks
from orders.risk.market import Leg, Market, Price
from orders.risk.report import CheckResult, first_failed
from orders.risk.scopes import parse_scope
from orders.risk.use import Day, Use

#: Rules whose facts of then are not kept.
NOT_REPLAYED = ("refuse_closed_market", "max_daily_loss", "max_adv_share_bps", "max_price_age_s")
MINUTE = timedelta(minutes=1)

Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One recorded order, whether it was refused then, and what refuses it by these limits."""

    order: Order
    was_refused: str
    broken: CheckResult | None


def read_changes(path: Path) -> dict[str, dict[str, Any]]:
    """Proposed limits: JSON {scope: {field: value}}, or CSV with scope, field and value.

    Raises ValueError with words for a person.
    """
    text = path.read_text()
    if path.suffix == ".json":
        rows = [(scope, name, raw) for scope, own in json.loads(text).items() for name, raw in own.items()]
    else:
        rows = [(row["scope"], row["field"], row["value"]) for row in csv.DictReader(text.splitlines())]
    changes: dict[str, dict[str, Any]] = {}
    for scope, name, raw in rows:
        parse_scope(scope)
        if name not in FIELDS:
            raise ValueError(f"There is no limit {name!r}.")
        changes.setdefault(scope, {})[name] = FIELDS[name].read(raw)
    return changes


class ProposedRules(Rules):
    """The rules in force with some limits changed."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(ruleset_in_force())
        self._changes = changes

    def limits_for(self, account: str, strategy: str = "", user: str = "") -> tuple[LimitSet, ...]:
        """The sets in force, changed, and those that are new."""
        found = {one.scope: one for one in super().limits_for(account, strategy, user)}
        bound = (f"account:{account}", "firm", f"strategy:{strategy}", f"user:{user}")
        for scope in bound:
            if scope in self._changes:
                found.setdefault(scope, LimitSet(scope=scope))
        return tuple(self._changed(found[scope]) for scope in bound if scope in found)

    def _changed(self, limits: LimitSet) -> LimitSet:
        values: dict[str, Any] = dict(self._changes.get(limits.scope, {}))
        values |= {name: FIELDS[name].off for name in NOT_REPLAYED}
        return replace(limits, **values)


def replay(since: datetime, until: datetime, changes: Changes) -> Iterator[Judged]:
    """Each order that was recorded in this time, oldest first."""
    rules = ProposedRules(changes)
    asked = Order.objects.filter(recorded_at__gte=since, recorded_at__lt=until).exclude(
        source=Source.EXTERNAL
    )
    rows = asked.select_related("instrument", "client", "group", "account").order_by("recorded_at", "id")
    books = Books(since)
    for orders in by_intention(rows):
        yield from _judge(orders, rules, books)


def _judge(orders: Sequence[Order], rules: Rules, books: Books) -> Iterator[Judged]:
    at = orders[0].recorded_at
    assert at is not None  # noqa: S101 - it was recorded
    try:
        report = [check for order in orders for check in _order_report(order, rules)]
        intention = intention_of(orders, rules)
        if intention is not None:
            books.advance(at)
            report += books.report(intention, rules)
    except OrderError as error:
        words = CheckResult(check="rules", passed=False, value=str(error), limit="", code="RULES_CHANGED")
        report, intention = [words], None
    broken = first_failed(report)
    refused = [order for order in orders if order.is_refused_here]
    if intention is not None and not broken and not refused:
        books.record(intention, orders, at)
    for order in orders:
        yield Judged(order=order, was_refused=order.reason_code if refused else "", broken=broken)


def _order_report(order: Order, rules: Rules) -> list[CheckResult]:
    ticket = ticket_of(order, order.terms)
    context = context_by(rules, ticket, user_of(order))
    facts = order_facts(ticket, context)
    arrival = None if order.arrival_px is None else Price(order.arrival_px, order.received_at)
    legs = [Leg(market=Market(last_px=arrival))] if not order.instrument.legs else list(facts.legs)
    return limit_checks(replace(facts, legs=legs, now=order.received_at), context)


@dataclass
class Books:
    """What every owner had open, placed and executed at one moment of the past."""

    since: datetime
    use: Use = field(default_factory=Use)
    _events: list[tuple[datetime, int, Any]] = field(default_factory=list)
    _recent: deque[tuple[datetime, Intention]] = field(default_factory=deque)
    _held: set[tuple[str, int]] = field(default_factory=set)
    _number: int = 0
    _day: Any = None

    def report(self, intention: Intention, rules: Rules) -> list[CheckResult]:
        """What the limits on the whole say at this moment."""
        for con_id in intention.contracts:
            self._begin(intention.account, con_id)
        for owner in intention.owners:
            self.use.days.setdefault(owner, Day())
        known = {con_id for _, con_id in self.use.longs} | intention.contracts
        valuation = valuation_for([intention.account], rules.account_codes(), known, intention.limits)
        return intention_checks(intention, self.use, valuation)

    def record(self, intention: Intention, orders: Sequence[Order], at: datetime) -> None:
        """It was granted: it counts, and so will its executions and its end."""
        self.use.add(intention)
        self._recent.append((at, intention))
        for order in orders:
            for execution in Execution.objects.filter(order=order, superseded=False):
                self._later(execution.received_at, ("filled", intention, order, execution))
            if order.state not in ALIVE:
                self._later(order.completed_at or order.updated_at, ("ended", intention, order, None))

    def advance(self, at: datetime) -> None:
        """All that happened until then."""
        if at.date() != self._day:
            self._day = at.date()
            self.use.days.clear()
            self.use.executed.clear()
        while self._recent and self._recent[0][0] <= at - MINUTE:
            self._forget(self._recent.popleft()[1])
        while self._events and self._events[0][0] <= at:
            _, _, (what, intention, order, execution) = heapq.heappop(self._events)
            if what == "filled":
                self._fill(intention, order, execution)
            else:
                self._end(intention, order)

    def _later(self, at: datetime, event: tuple[str, Intention, Order, Execution | None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, event))

    def _forget(self, intention: Intention) -> None:
        for owner in intention.owners:
            self.use.recent_orders[owner] -= len(intention.orders)
            self.use.recent_messages[owner] -= len(intention.orders)
            self.use.recent_contents.subtract(Counter(intention.repeatable(owner)))

    def _fill(self, intention: Intention, order: Order, execution: Execution) -> None:
        """From "works" to "held": the side that it came from stays, the other one moves along."""
        sign = signed(order.side)
        for owner in intention.owners:
            key = owner, execution.con_id
            moved = self.use.shorts if sign > 0 else self.use.longs
            moved[key] = moved.get(key, ZERO) + sign * execution.last_qty
            day = self.use.days.setdefault(owner, Day())
            day.executed += 1
            self.use.executed[owner, contract_key(order.instrument), sign > 0, order.order_qty] += 1

    def _end(self, intention: Intention, order: Order) -> None:
        """What was not executed works no more."""
        sign, leaves = signed(order.side), order.order_qty - order.cum_qty
        for owner in intention.owners:
            self.use.open_orders[owner] -= 1
            if order.group and order.group_rank:
                continue
            key = owner, order.instrument.con_id or 0
            worked = self.use.longs if sign > 0 else self.use.shorts
            worked[key] = worked.get(key, ZERO) - sign * leaves

    def _begin(self, account: str, con_id: int) -> None:
        """The position as the replay begins: the present one without what was executed since."""
        if (account, con_id) in self._held:
            return
        self._held.add((account, con_id))
        held = Position.objects.filter(account=account, con_id=con_id).first()
        since = Execution.objects.filter(
            account=account, con_id=con_id, superseded=False, received_at__gte=self.since
        ).exclude(WHOLES)
        moved = sum((signed(row.side) * row.last_qty for row in since), ZERO)
        start = (held.position_qty if held else Decimal(0)) - moved
        for positions in (self.use.longs, self.use.shorts):
            for owner in (account, "firm"):
                positions[owner, con_id] = positions.get((owner, con_id), ZERO) + start
