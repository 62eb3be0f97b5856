"""Requests that name themselves by an Idempotency-Key: done once, answered as often as they come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.errors import KeyInUse, KeyReused
from orders.models import IdempotencyKey

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RETENTION = timedelta(days=7)
#: A request that was begun and has no answer after this has died with its process.
LONGEST = timedelta(seconds=60)


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
    _require_same(row, fingerprint)
    return row.answer


def _require_same(row: IdempotencyKey, fingerprint: str) -> None:
    if row.request_hash != fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request; nothing was done.")


def begin(client: User, key: str, fingerprint: str) -> Any:
    """Keep the key for a request that cannot be one transaction; the answer of the first one, if there was.

    What it asks for must be harmless to do again: after a crash somebody may. Raises KeyReused and KeyInUse.
    """
    row, new = IdempotencyKey.objects.get_or_create(
        client=client, key=key, defaults={"request_hash": fingerprint}
    )
    _require_same(row, fingerprint)
    if not new and not row.answer and row.created_at > timezone.now() - LONGEST:
        raise KeyInUse("The first request of this Idempotency-Key is not answered yet; ask again.")
    return row.answer or None


def finish(client: User, key: str, answer: Any) -> None:
    """Keep the answer, for as often as the request comes again."""
    IdempotencyKey.objects.filter(client=client, key=key).update(answer=answer)


def release(client: User, key: str) -> None:
    """Nothing was done: the key is free again."""
    IdempotencyKey.objects.filter(client=client, key=key).delete()


def forget_old_keys() -> int:
    """Delete keys after KEPT_FOR; the cl_ord_ids of their orders are remembered for good."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - RETENTION)
    return old.delete()[0]
