"""What a person does by a button: once per key, with its reason and what came of it kept."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from orders.access import accounts_of_person
from orders.errors import OrderError
from orders.models import ActionRecord, DeskAction, Order
from orders.notify import wakeup


def act_on_order(
    key: UUID,
    action: DeskAction,
    order_id: UUID,
    *,
    user: User,
    reason: str,
    do: Callable[[str], str],
) -> ActionRecord:
    """Do it to an order of the person's accounts; `do` gets the actor and gives the words of the outcome.

    The same key again gives the first answer and does nothing. Raises Order.DoesNotExist also for an
    order of another account; a refusal (OrderError) is an outcome that is kept, not an error.
    """
    order = Order.objects.only("id").get(pk=order_id, account__in=accounts_of_person(user))
    return once(key, action, user=user, reason=reason, do=do, order=order)


def once(
    key: UUID, action: DeskAction, *, user: User, reason: str, do: Callable[[str], str], **about: object
) -> ActionRecord:
    """Keep the act and do it, in one transaction: no act without effect, no effect without act."""
    with transaction.atomic():
        defaults = {"user": user, "action": action, "reason": reason, **about}
        act, first = ActionRecord.objects.get_or_create(key=key, defaults=defaults)
        if not first:
            return act
        try:
            with transaction.atomic():
                act.outcome, act.ok = do(f"desk:{user.get_username()}"), True
        except OrderError as error:
            act.outcome = str(error)
        act.save(update_fields=["ok", "outcome"])
    wakeup.notify_readers()  # services told them before this transaction was visible
    return act
