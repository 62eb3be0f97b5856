"""Intentions made of what was asked: of orders, tickets and replaces, by the rules that bind them.

Every door comes through here: single, bulk, basket and close as one order each, a group whole, a sliced
parent at its total, a replace at its difference. What it means is in `risk.intention`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from brokers.models import Instrument
from orders.entry.limits.checks import content_of, unit_of
from orders.entry.limits.rules import Rules
from orders.entry.reading.ticket import Ticket
from orders.instruments.contracts import contracts_of
from orders.instruments.prices import ages, last_prices
from orders.models import OPEN_REQUESTS, GroupKind, Order, RequestKind, TradingState
from orders.risk.catalogue import LimitSet
from orders.risk.intention import Intention, Part, signed
from orders.risk.market import value_price
from orders.risk.use import USE_RULES

#: A single order, or those of a group that are recorded together.
Orders = Sequence[Order]


def by_intention(orders: Iterable[Order]) -> list[list[Order]]:
    """Single orders and whole groups, by their first order."""
    found: dict[object, list[Order]] = {}
    for order in orders:
        found.setdefault(order.group_id or order.id, []).append(order)
    return list(found.values())


def unasked_marks(orders: Iterable[Order], rules: Rules) -> Mapping[str, None] | None:
    """The marks that these orders move as they are recorded, where none is asked with what its scopes do.

    None where one is: then the marks are those by which it was granted, or its owners' lock has moved them.
    """
    for order in orders:
        if sets_of(order, user_of(order), rules) or must_shrink(order, rules):
            return None
    return rules.quote_marks


def intention_of(orders: Orders, rules: Rules, *, counts: bool = False) -> Intention | None:
    """What these orders mean to do, a group at its worst outcome; None where no rule needs what is there.

    `counts`: they are asked beside others for whom they count.
    Exits whose entry is not among the orders protect what that has executed: they shrink by themselves.
    """
    first, group = orders[0], orders[0].group if len(orders) > 1 else None
    limits = sets_of(first, user_of(first), rules)
    has_entry = not all(is_exit(order) for order in orders)
    shrinks = [must_shrink(order, rules) for order in orders]
    if not (limits or counts or any(shrinks)):
        return None
    parts = [
        part_of(
            order,
            order.instrument,
            account_of(order),
            closes=is_exit(order),
            of_parent=order.parent_id is not None,
            must_shrink=has_entry and shrink,
            worth=order.worth,
        )
        for order, shrink in zip(orders, shrinks, strict=True)
    ]
    return Intention(
        orders=parts,
        alternatives=group is not None and group.kind == GroupKind.OCA,
        limits=limits,
        overrides={id_: text for order in orders for id_, text in order.overrides.items()},
    )


def ticket_intention(ticket: Ticket, instrument: Instrument, rules: Rules, user: str) -> Intention | None:
    """The same of what nobody has recorded as an order: a sliced parent at its total, or a question."""
    limits, account = sets_of(ticket, user, rules), rules.account(ticket.account)
    session = account.account.session_id if account else ""
    shrink = ticket.reduce_only or is_reducing(rules, ticket.account, ticket.strategy, session)
    if not limits and not shrink:
        return None
    part = part_of(ticket, instrument, ticket.account, must_shrink=shrink)
    return Intention(orders=[part], limits=limits, overrides=ticket.overrides(user))


def replace_intention(
    order: Order, ticket: Ticket, rules: Rules, *, recorded: bool = False
) -> Intention | None:
    """What a replace adds to its order, and to what other replaces that wait have asked for.

    One that is `recorded` is among those.
    """
    limits = sets_of(ticket, user_of(order), rules)
    shrink = ticket.order_qty >= order.order_qty and must_shrink(order, rules)
    if not limits and not shrink:
        return None

    def part(terms: Order | Ticket, **more: Any) -> Part:
        return part_of(terms, order.instrument, ticket.account, **more)

    counted = [part(order)]
    if not recorded:
        asked = order.requests.filter(kind=RequestKind.REPLACE, state__in=OPEN_REQUESTS)
        for terms in (request.terms for request in asked):
            wanted = {"order_qty": terms.order_qty, "price": terms.price, "stop_px": terms.stop_px}
            counted.append(part(msgspec.structs.replace(ticket, **wanted)))
    wants = part(ticket, closes=is_exit(order), of_parent=order.parent_id is not None, must_shrink=shrink)
    return Intention(orders=[wants.beyond(counted)], replaces=True, limits=limits, overrides=order.overrides)


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


def sets_of(terms: Order | Ticket, user: str, rules: Rules) -> tuple[LimitSet, ...]:
    """The sets with rules on what their scopes do as a whole."""
    account = terms.account if isinstance(terms, Ticket) else account_of(terms)
    sets = rules.limits_for(account, terms.strategy, user)
    return tuple(limits for limits in sets if not limits.on.isdisjoint(USE_RULES))


def is_exit(order: Order) -> bool:
    """Whether it closes what the entry of its bracket opens."""
    return order.group is not None and order.group.kind == GroupKind.BRACKET and bool(order.group_rank)


def part_of(
    terms: Order | Ticket,
    instrument: Instrument,
    account: str,
    *,
    closes: bool = False,
    of_parent: bool = False,
    must_shrink: bool = False,
    worth: Decimal | None = None,
) -> Part:
    """One order in the terms of the rules; `worth` where it has just been valued."""
    sign = signed(terms.side)
    contracts = {con_id: sign * ratio for con_id, ratio in contracts_of(instrument).items()}
    return Part(
        content=content_of(terms, instrument, account),
        contracts=contracts or {0: sign},
        side=terms.side,
        quantity=terms.order_qty,
        value=worth_of(terms, instrument) if worth is None else worth,
        currency=instrument.currency,
        locate=_locate(terms),
        closes=closes,
        of_parent=of_parent,
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
