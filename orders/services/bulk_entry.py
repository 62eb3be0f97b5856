"""Placing many orders at once: each by the rules of one, recorded together in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from orders.models import CommandKind, Order, Source, State
from orders.services import bulk_book, doorbell
from orders.services.errors import ClOrdIdReused, OrderError
from orders.services.order_entry import drafted
from orders.services.ticket import Ticket
from orders.services.venue import Rules, library

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 1000


class NotPlaced(OrderError):
    """Nothing is wrong with this order; others of its all-or-none bulk were refused."""

    code = "NOT_PLACED"


@dataclass(kw_only=True)
class Line:
    """What became of one ticket: its order, or why there is none."""

    ticket: Ticket | None
    order: Order | None = None
    created: bool = False  # by this call
    kept: bool = False  # whether the order is in the database
    error: Exception | None = None

    def forget(self) -> None:
        """Be as before an attempt; what could not be read stays so."""
        if self.ticket:
            self.order, self.error = None, None
            self.created = self.kept = False

    @property
    def failed(self) -> bool:
        """Whether it is not an order on its way (or past it) to the broker."""
        refused = self.order is not None and self.order.state == State.REJECTED and not self.order.claimed_at
        return self.error is not None or refused


def place_orders(
    lines: Sequence[Line], *, client: User, source: Source, received_at: datetime, all_or_none: bool = False
) -> None:
    """Record the orders of these lines and say in each line what became of it.

    Lines may come with an error already (what was asked could not be read). A cl_ord_id that was placed
    before gives its first order again. `all_or_none`: nothing is recorded unless every line is good.
    """
    draft = partial(drafted, client=client, source=source, received_at=received_at)
    while not _placed(lines, client, draft, all_or_none=all_or_none):
        for line in lines:
            line.forget()
        library.forget_outdated()


def _placed(
    lines: Sequence[Line], client: User, draft: Callable[[Ticket, Rules], Order], *, all_or_none: bool
) -> bool:
    """Try it by the rules as we know them; False when they are not in force any more."""
    known, rules = _known(lines, client), library.rules()
    for line in lines:
        if line.ticket and not _replay(line, known):
            _draft(line, partial(draft, line.ticket, rules))
    if any(line.failed for line in lines) and library.forget_outdated():
        return False
    if all_or_none and any(line.failed for line in lines):
        _give_up(lines)
        return True
    with transaction.atomic():
        if not _record(lines, client, rules.edition):
            return False
        if all_or_none and any(line.failed for line in lines):
            transaction.set_rollback(True)  # somebody else took one of the ids meanwhile
            _give_up(lines)
            return True
        _ring(
            {
                str(line.order.session_id)
                for line in lines
                if line.order and line.created and line.order.state == State.CREATED
            }
        )
    return True


def _known(lines: Sequence[Line], client: User) -> dict[str, Order]:
    """Orders that were placed before under these ids."""
    ids = {line.ticket.cl_ord_id for line in lines if line.ticket}
    found = Order.objects.filter(client=client, cl_ord_id__in=ids)
    found = found.select_related("instrument").prefetch_related("requests")
    return {order.cl_ord_id: order for order in found}


def _replay(line: Line, known: dict[str, Order]) -> bool:
    """Give the line the order that was placed before under its id, if there is one."""
    assert line.ticket is not None  # noqa: S101 - asked for lines with a ticket only
    order = known.get(line.ticket.cl_ord_id)
    if order is None:
        return False
    line.created, line.order = False, None
    line.kept = True
    if order.request_hash == line.ticket.fingerprint():
        line.order = order
    else:
        line.error = ClOrdIdReused(order)
    return True


def _draft(line: Line, draft: Callable[[], Order]) -> None:
    try:
        line.order = draft()
    except OrderError as error:
        line.error = error
    else:
        line.created = True


def _record(lines: Sequence[Line], client: User, edition: UUID) -> bool:
    """Insert the drafts; whose id was taken meanwhile, or earlier in this very list, is a replay.

    False when this edition of the rules is not in force any more: nothing was recorded.
    """
    drafts = [line.order for line in lines if line.order and line.created]
    recorded = bulk_book.insert_all(drafts, CommandKind.NEW, edition)
    if recorded is None:
        return False
    for line in lines:
        line.kept = line.kept or bool(line.order and line.order.id in recorded)
    late = [line for line in lines if line.created and not line.kept]
    known = _known(late, client)
    for line in late:
        if line.order and not _replay(line, known):  # it names a cancel, a replace or a sliced order
            line.error, line.order, line.created = ClOrdIdReused(line.order), None, False
    return True


def _give_up(lines: Sequence[Line]) -> None:
    """Say of the good lines that they were not placed because of the others."""
    for line in (line for line in lines if line.created):
        if not line.failed:
            line.error = NotPlaced("Others of this bulk were refused, so this one was not placed.")
        line.created = line.kept = False


def _ring(sessions: set[str]) -> None:
    for session in sessions:
        transaction.on_commit(lambda session=session: doorbell.ring(session), robust=True)  # type: ignore[misc]
    transaction.on_commit(doorbell.tell_readers, robust=True)
