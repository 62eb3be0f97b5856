"""Orders that wait for a second person: above a value, or placed in spite of a warning.

Comes in: drafts that passed every check. Goes out: the same, recorded as CREATED without a command, so that
nothing can claim them, and one approval for all of them. What becomes of it then is in
`controls.limits.large_orders`.
What only reduces a position never waits: one person must be able to get out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

from brokers.formats import decimal_text
from brokers.models import Instrument
from brokers.postgres import clock
from orders.entry.limits.intentions import account_of, worth_of
from orders.entry.limits.rules import OrderContext
from orders.entry.reading.ticket import Ticket
from orders.instruments.rates import in_base
from orders.models import Approval, ApprovalKind, ApprovalState, Order, SlicedOrder, Source, State
from orders.risk.intention import ZERO
from orders.risk.report import CheckResult
from orders.risk.scopes import FIRM

CHECK, CODE = "orders_above", "NEEDS_SECOND_PERSON"
#: So long somebody may take to decide. An order is fresh from the decision on.
LIFETIME = timedelta(hours=8)
#: Should nobody even end the approval, its orders become stale at last.
MARGIN = timedelta(days=1)
SHOWN = 50


#: What an amount counts where the account has no rate of its currency: no currency is worth so many dollars.
WITHOUT_A_RATE = 10


def large_check(ticket: Ticket, context: OrderContext, worth: Decimal | None) -> CheckResult | None:
    """That the order needs a second person, as its report says it; None while one is enough.

    `worth`: in its own currency; without a price it is refused anyway.
    """
    if "orders_above" not in settings.FOUR_EYES or ticket.reduce_only or worth is None:
        return None
    in_money = _in_money(worth, context.instrument, context.account.code)
    return _large(in_money) if in_money > settings.ORDERS_ABOVE else None


def _in_money(worth: Decimal, instrument: Instrument, account: str) -> Decimal:
    in_money = in_base(worth, instrument.currency, account)
    return worth * WITHOUT_A_RATE if in_money is None else in_money


def _large(in_money: Decimal, words: str = "") -> CheckResult:
    return CheckResult(
        check=CHECK,
        passed=False,
        value=f"{decimal_text(round(in_money, 2))}{words}",
        limit=decimal_text(settings.ORDERS_ABOVE),
        code=CODE,
        scope=FIRM,
        overridden="a second person must approve it",
    )


def whole_check(ticket: Ticket, context: OrderContext, report: Sequence[CheckResult]) -> CheckResult | None:
    """Why an intention worked in parts needs a second person: it is large, or a warning is overridden."""
    overridden = (check for check in report if check.overridden and overrides_wait(ticket.reduce_only))
    return large_check(ticket, context, worth_of(ticket, context.instrument)) or next(overridden, None)


def overrides_wait(reduce_only: bool) -> bool:
    """Whether an overridden warning needs a second person; what only reduces never waits."""
    return "overrides" in settings.FOUR_EYES and not reduce_only


def larger_check(order: Order, ticket: Ticket, context: OrderContext) -> list[CheckResult]:
    """That a replace makes the order so large that it would need a second person; empty where it does not.

    A replace takes effect at once, so it is refused: another order waits. `order.instrument` must be loaded.
    """
    before, wanted = worth_of(order, order.instrument), worth_of(ticket, context.instrument)
    large = large_check(ticket, context, wanted)
    if large is None or (before is not None and wanted is not None and wanted <= before):
        return []
    return [replace(large, overridden="")]


def needs_second(order: Order) -> bool:
    """Whether its report says so: it is large, or a warning is overridden and overrides need two."""
    overridden = [check for check in order.check_report if check["overridden"]]
    return any(check["check"] == CHECK or overrides_wait(order.reduce_only) for check in overridden)


def add_up(drafts: Sequence[Order]) -> None:
    """Say in their reports that orders of one intention are large together, though none of them is alone.

    Those that wait anyway, and those that only reduce, are left out of the sum.
    """
    if len(drafts) < 2 or "orders_above" not in settings.FOUR_EYES:
        return
    small = [one for one in drafts if one.state == State.CREATED and not one.reduce_only]
    small = [one for one in small if one.worth is not None and not needs_second(one)]
    total = sum((_in_money(one.worth or ZERO, one.instrument, account_of(one)) for one in small), ZERO)
    if total > settings.ORDERS_ABOVE:
        check = _large(total, f" in {len(small)} orders").as_json()
        for order in small:
            order.check_report = [*order.check_report, check]


def hold(drafts: Sequence[Order], *, whole: bool) -> Approval | None:
    """Let those that need a second person wait; all of them if they go `whole` or not at all.

    In memory: the caller records the drafts, and stores the approval in the same transaction.
    """
    good = [order for order in drafts if order.state == State.CREATED]
    large = [order for order in good if needs_second(order)]
    if not large:
        return None
    held = good if whole else large
    spans = {str(order.id): (order.fresh_until - order.received_at).total_seconds() for order in held}
    approval = _approval_of(held, {"whole": whole, "fresh_for": spans})
    for order in held:
        order.approval = approval
        order.fresh_until = approval.expires_at + MARGIN
        recorded = order.pending_events[0]
        recorded.text, recorded.data = "waits for a second person", {"approval": str(approval.pk)}
    return approval


def ask_for_sliced(parent: SlicedOrder, check: CheckResult) -> Approval:
    """Store the approval that a sliced order waits for; its slices need none of their own."""
    words = f"{parent.ticket['side']} {decimal_text(parent.order_qty)} {parent.instrument} in slices"
    approval = _approval({parent.cl_ord_id: words}, {str(parent.account_id)}, [check], parent.client)
    approval.save(force_insert=True)
    return approval


def _approval_of(orders: Sequence[Order], payload: dict[str, object]) -> Approval:
    maker = orders[0].client
    assert maker is not None  # noqa: S101 - who places an order is known
    checks = [CheckResult(**check) for order in orders for check in order.check_report if check["overridden"]]
    lines = {order.cl_ord_id: in_words(order) for order in orders[:SHOWN]}
    if len(orders) > SHOWN:
        lines["and"] = f"{len(orders) - SHOWN} more"
    accounts = {str(order.account_id) for order in orders}
    approval = _approval(lines, accounts, checks, maker, at_desk=orders[0].source == Source.DESK)
    approval.payload = payload
    return approval


def _approval(
    lines: Mapping[str, str],
    accounts: Collection[str],
    checks: Sequence[CheckResult],
    maker: User,
    *,
    at_desk: bool = False,
) -> Approval:
    names = list(lines)
    return Approval(
        kind=ApprovalKind.ORDER,
        title=f"Order {names[0]}: {lines[names[0]]}"[:300] if len(names) == 1 else f"{names[0]} and others",
        accounts=sorted(accounts),
        diff=[{"what": name, "old": "", "new": words} for name, words in lines.items()],
        reason="; ".join(dict.fromkeys(_why(check) for check in checks))[:500],
        maker=maker,
        made_by=f"{'desk' if at_desk else 'client'}:{maker.get_username()}",
        expires_at=clock.now() + LIFETIME,
    )


def _why(check: CheckResult) -> str:
    if check.check == CHECK:
        return f"worth {check.value} in the base currency, above {check.limit}"
    return f"{check.check} {check.value} against {check.limit}, overridden by {check.overridden}"


def in_words(order: Order) -> str:
    """The order as who approves it must see it; its instrument must be loaded."""
    prices = [decimal_text(px) for px in (order.price, order.stop_px) if px is not None]
    at = f" at {' stop '.join(prices)}" if prices else ""
    terms = f"{order.ord_type}{at} {order.time_in_force}"
    return f"{order.side} {decimal_text(order.order_qty)} {order.instrument} {terms} in {order.account_id}"


def end_unwanted(approval_id: UUID, why: str) -> None:
    """End an approval of which nothing waits any more: its orders were canceled."""
    waiting = Approval.objects.filter(pk=approval_id, state=ApprovalState.WAITING)
    if not Order.objects.filter(approval=approval_id, state=State.CREATED, queued_at=None).exists():
        waiting.update(state=ApprovalState.REJECTED, decided_at=clock.now(), outcome=why)
