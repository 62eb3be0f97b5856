"""Requests that name themselves by an Idempotency-Key: done once, answered as often as they come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.errors import OrderError
from orders.models import IdempotencyKey

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RETENTION = timedelta(days=7)


class KeyReused(OrderError):
    """The key was used for another request; nothing was done."""

    code = "IDEMPOTENCY_KEY_REUSED"


def once(client: User, key: str, fingerprint: str, act: Callable[[], Any]) -> tuple[Any, bool]:
    """(the answer as JSON, whether it is that of an earlier request). Raises KeyReused.

    What `act` writes and its answer are one transaction: after a crash the next request does it all.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(client=client, key=key, request_hash=fingerprint)
        except IntegrityError:
            return _earlier(client, key, fingerprint), True
        row.answer = act()
        row.save(update_fields=["answer"])
    return row.answer, False


def _earlier(client: User, key: str, fingerprint: str) -> Any:
    row = IdempotencyKey.objects.get(client=client, key=key)
    if row.request_hash != fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request; nothing was done.")
    return row.answer


def forget_old_keys() -> int:
    """Delete keys after KEPT_FOR; the cl_ord_ids of their orders are remembered for good."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - RETENTION)
    return old.delete()[0]
