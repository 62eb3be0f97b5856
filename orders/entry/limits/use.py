"""Limits on what an account does as a whole, asked where orders are recorded.

Comes in: drafted orders, before they are recorded. Goes out: the same, those beyond a limit rejected with the
report. Two requests cannot together pass what one may not: whoever records requires that nobody did since the
use was read, or has all others wait. Accounts without such limits take no lock and cost nothing. Orders that
must only shrink a position (`risk.states`) are asked in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from brokers.models import Instrument
from brokers.postgres import clock
from orders.entry.limits.checks import order_facts, warned_report
from orders.entry.limits.intentions import (
    Orders,
    account_of,
    intention_of,
    must_shrink,
    replace_intention,
    sets_of,
    ticket_intention,
    user_of,
)
from orders.entry.limits.known_use import Key, KnownUse, UseMemory, key_of
from orders.entry.limits.rules import OrderContext, Rules
from orders.entry.limits.valuation import valuation_for, valued_again
from orders.entry.reading.ticket import Ticket
from orders.errors import RefusedByCheck
from orders.models import Cause, Order, State
from orders.models.reasons import reason
from orders.risk.catalogue import LimitSet
from orders.risk.exposure import EXPOSURES, Valuation
from orders.risk.intention import Content, Intention
from orders.risk.intention_checks import intention_checks
from orders.risk.report import CheckResult, first_failed
from orders.risk.scopes import FIRM, ScopeKind, is_account
from orders.risk.use import Use, asks
from orders.sending.unknown_outcome import reject_order
from orders.store.states import stop
from orders.store.use import Reading, lock_owners, read_use

#: The rules that ask what came within the last minute, and those that ask for positions at their worst.
OF_THE_MINUTE = ("max_orders_per_minute", "max_messages_per_minute", "max_duplicates_per_minute")
ON_POSITIONS = (
    "max_position_qty",
    "max_gross_notional",
    "max_net_notional",
    "max_daily_loss",
    "short_sales",
)


def reject_beyond_use(asked: Iterable[Orders], rules: Rules, *, lock: bool = True) -> None:
    """Reject in memory what would go beyond a limit; the caller records all of them in this transaction.

    A group is refused whole. What is granted counts for the next. Without `lock` nothing is promised: the
    answer is for somebody who only asks.
    """
    limited = _limited(asked, rules)
    if not limited:
        return
    use, valuation = _facts([intention for _, intention in limited], rules, lock=lock)
    for orders, report in _judged(limited, use, valuation):
        _add_report(orders, report)
        if broken := first_failed(report):
            for order in orders:
                reject_order(order, broken.code, Cause(actor="checks", at=clock.now()))
            if lock:
                stop_runaway(broken)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """All of these are within their limits under the marks of what is known of their use."""

    intentions: Sequence[Intention]
    known: KnownUse
    memory: UseMemory
    key: Key | None  # under which it is kept there; None: it is not
    read: bool  # just now

    @property
    def marks(self) -> Mapping[str, int]:
        """Whoever records these requires that they have not moved."""
        return self.known.marks

    def stood(self, moved: Mapping[str, int]) -> None:
        """All were recorded: they count in what is known, which has these marks now."""
        self.memory.tell(self.intentions, moved)
        if self.key and moved.keys() == self.known.marks.keys():
            self.known.marks = dict(moved)
            self.memory.keep(self.key, self.known)

    def fell(self) -> None:
        """Somebody else recorded in between: what is known is read anew, and what was read waits in line."""
        if self.read:
            contention.begin(self.marks)
        elif self.key:
            self.memory.rest(self.key)


def grant_unlocked(asked: Iterable[Orders], rules: Rules) -> Grant | None:
    """That all of these are within their limits, without waiting for anybody, mostly without a read.

    None, and nothing is said: one may be beyond a limit, or others are recording as well; then
    `reject_beyond_use` is asked under its lock.
    """
    limited = _limited(asked, rules)
    if not limited or contention.is_on:
        return None
    intentions = [intention for _, intention in limited]
    key, memory = key_of(intentions), rules.known_uses
    contracts = {con_id for intention in intentions for con_id in intention.contracts}
    known = memory.take(key, contracts) if key else None
    if known and _granted(limited, known.use, _valued_again(known, intentions)):
        return Grant(intentions=intentions, known=known, memory=memory, key=key, read=False)
    read = _read_known(intentions, rules, memory.contracts(key, contracts) if key else None)
    if read and _granted(limited, read.use, read.valuation):
        return Grant(intentions=intentions, known=read, memory=memory, key=key, read=True)
    return None


def _valued_again(known: KnownUse, intentions: Sequence[Intention]) -> Valuation:
    accounts = [intention.account for intention in intentions]
    return valued_again(known.valuation, accounts, intentions[0].limits)


def _read_known(
    intentions: Sequence[Intention], rules: Rules, contracts: Collection[int] | None
) -> KnownUse | None:
    """The use with its marks; None where an owner has none yet. Of `contracts`, whatever came: to be kept."""
    read_at, day = time.monotonic(), clock.machine_now().date()
    use, valuation = _facts(intentions, rules, lock=False, marks=True, keep=contracts)
    marks = {owner: mark for owner, mark in use.marks.items() if mark is not None}
    if len(marks) < len(use.marks):
        return None
    return KnownUse(
        use=use, valuation=valuation, marks=marks, contracts=contracts or (), read_at=read_at, day=day
    )


def _granted(limited: Sequence[tuple[Orders, Intention]], use: Use, valuation: Valuation) -> bool:
    """Whether all of them are within their limits, which is told in their reports then."""
    judged = list(_judged(limited, use, valuation))
    if any(first_failed(report) for _, report in judged):
        return False
    for orders, report in judged:
        _add_report(orders, report)
    return True


def follow_unlimited(orders: Iterable[Order], rules: Rules, moved: Mapping[str, int]) -> None:
    """Such orders were recorded: what is known of quotes goes on with them."""
    if moved:
        found = (
            intention_of([order], rules, counts=True) for order in orders if order.state == State.CREATED
        )
        rules.known_uses.tell([intention for intention in found if intention], moved)


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
    limited: Iterable[tuple[Orders, Intention]], use: Use, valuation: Valuation, *, recorded: bool = False
) -> Iterator[tuple[Orders, list[CheckResult]]]:
    """What each is told; one that is granted counts for the next.

    What may only reduce comes last: it has promised to shrink a position beside all that works.
    """
    for orders, intention in sorted(limited, key=lambda one: one[1].must_shrink):
        for order in orders:
            order.checked_snapshot = use.snapshot if intention.must_shrink else ""
        if intention.of_parent and not recorded:
            use.take_out(intention)
        report = intention_checks(intention, use, valuation, recorded=recorded)
        if intention.of_parent or not first_failed(report):  # a parent's rest counts without its slice too
            use.add(intention)
        yield orders, report


def _add_report(orders: Orders, report: Iterable[CheckResult]) -> None:
    told = [check.as_json() for check in report]
    for order in orders:
        order.check_report = [*order.check_report, *told]


def _limited(asked: Iterable[Orders], rules: Rules) -> list[tuple[Orders, Intention]]:
    """Those that have to be asked with what is there already, and are not refused yet.

    Beside one that may only reduce all of them count, also those that no limit is about.
    """
    alive = [orders for orders in asked if orders[0].state == State.CREATED]
    counts = any(must_shrink(order, rules) for orders in alive for order in orders)
    found = ((orders, intention_of(orders, rules, counts=counts)) for orders in alive)
    return [(orders, intention) for orders, intention in found if intention]


def stop_runaway(broken: CheckResult) -> None:
    """A scope that executed the same too often is HALTED until a person makes it ACTIVE again."""
    if broken.code != "REPEATED_EXECUTIONS" or broken.scope.startswith(f"{ScopeKind.USER}:"):
        return
    reason = f"{broken.value}, at most {broken.limit} without a person"
    transaction.on_commit(partial(stop, broken.scope, by="checks", reason=reason), robust=True)


def recheck_use(waiting: Iterable[Orders], rules: Rules) -> Iterator[tuple[Orders, list[CheckResult]]]:
    """The same for recorded orders before they are sent, oldest first: with all but those that come later.

    Rate, duplicates, own orders on the other side and the day's sums were asked when orders were recorded;
    what they waited for changes none of them.
    """
    limited = _limited(waiting, rules)
    if not limited:
        return
    use, valuation = _facts([intention for _, intention in limited], rules, lock=True)
    for _, intention in limited:
        use.remove(intention)
    yield from _judged(limited, use, valuation, recorded=True)


def require_whole(ticket: Ticket, context: OrderContext, rules: Rules, user: str) -> list[CheckResult]:
    """The report of an intention worked in parts; raises RefusedByCheck for one that breaks a limit whole.

    In the transaction that records it: from then on all of it counts, whatever its parts do.
    """
    own = warned_report(order_facts(ticket, context), context, ticket.overrides(user))
    intention = ticket_intention(ticket, context.instrument, rules, user)
    report = [*own, *_report(intention, rules, lock=True)]
    if broken := first_failed(report):
        raise RefusedByCheck(broken.code, reason(broken.code).text, [check.as_json() for check in report])
    return report


def replace_report(
    order: Order, ticket: Ticket, rules: Rules, *, recorded: bool = False
) -> list[CheckResult]:
    """The same for a replace in its transaction: only what its ticket adds to the order counts.

    One that is `recorded` counts among what works already.
    """
    intention = replace_intention(order, ticket, rules, recorded=recorded)
    return _report(intention, rules, lock=True, recorded=recorded)


def lock_replaces(orders: Iterable[Order], rules: Rules) -> None:
    """Have all others wait who record for an owner of one of these orders, before the first of them is asked.

    Who asks for one after the other holds some already, and waits for a second who waits for those.
    """
    asked = [(account_of(order), sets_of(order, user_of(order), rules)) for order in orders]
    scopes = {one.scope for _, sets in asked for one in sets}
    if scopes:
        accounts = {account for account, sets in asked if sets}
        lock_owners(_owners(accounts, {scope for scope in scopes if not is_account(scope)}, rules))


def dry_report(ticket: Ticket, instrument: Instrument, rules: Rules, user: str) -> list[CheckResult]:
    """What the limits say now about an order that nobody has placed: no lock, so no promise."""
    return _report(ticket_intention(ticket, instrument, rules, user), rules, lock=False)


def _report(
    intention: Intention | None, rules: Rules, *, lock: bool, recorded: bool = False
) -> list[CheckResult]:
    if intention is None:
        return []
    use, valuation = _facts([intention], rules, lock=lock)
    if recorded or intention.of_parent:
        use.remove(intention)
    return intention_checks(intention, use, valuation, recorded=recorded)


def _facts(
    asked: Sequence[Intention],
    rules: Rules,
    *,
    lock: bool,
    marks: bool = False,
    keep: Collection[int] | None = None,
) -> tuple[Use, Valuation]:
    """What all the owners do that these intentions count for, and what that is worth.

    `keep`: contracts of others who will be asked by the same facts, whatever their orders are.
    """
    limits = list({one.scope: one for intention in asked for one in intention.limits}.values())
    contracts = {con_id for intention in asked for con_id in intention.contracts} | set(keep or ())
    contents = None if keep else [part.content for one in asked for part in one.orders]
    use = _use(asked, limits, contracts, contents, rules, lock=lock, marks=marks)
    held = {con_id for _, con_id in (*use.longs, *use.shorts)}
    firm = rules.account_codes() if any(one.scope == FIRM for one in limits) else ()
    accounts = [intention.account for intention in asked]
    return use, valuation_for(accounts, firm, held | contracts, limits)


def _use(
    asked: Sequence[Intention],
    limits: Collection[LimitSet],
    contracts: Collection[int],
    contents: Collection[Content] | None,
    rules: Rules,
    *,
    lock: bool,
    marks: bool,
) -> Use:
    own = {intention.account for intention in asked}
    scopes = {scope for intention in asked for scope in intention.scopes}
    shrink = any(intention.must_shrink for intention in asked)
    reading = reading_for(limits, scopes, shrink=shrink)
    owners = _owners(own, scopes, rules)
    return read_use(
        {*own, *rules.account_codes()} if FIRM in scopes else own,
        contracts,
        contents=contents,
        locks=owners if lock else (),
        marks=owners if marks else (),
        reading=reading,
    )


def _owners(accounts: set[str], scopes: set[str], rules: Rules) -> set[str]:
    """Whose use is asked, and locked: quotes are looked for in all accounts of the firm."""
    return accounts | scopes | rules.quote_marks.keys()


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
