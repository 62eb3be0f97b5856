"""Posting deliveries: in their order, one at a time for each webhook, with growing pauses after a failure.

A receiver may be as slow as it likes: an attempt has one deadline for all of it, and posts hold at most
AT_ONCE threads of a worker, which has more.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import httpx
from django.db.models import F, Q
from django.utils import timezone

from orders.models import DeliveryState, Webhook, WebhookAttempt, WebhookDelivery
from orders.webhooks import signing
from orders.webhooks.addresses import AddressRefused, Target, resolve

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
DEADLINE = 10.0  # seconds of an attempt as a whole, from the look-up of the name to the status
#: Webhooks that one worker posts to at once; with more, the others wait for the schedule.
AT_ONCE = 4
LEASE = timedelta(seconds=60)
RUN = 20.0  # seconds after which a run leaves the rest to the next one
#: Pauses after the first, second, ... failure in a row; a delivery is given up after ATTEMPTS.
PAUSES = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 10_800, 21_600)]
ATTEMPTS = len(PAUSES) + 1
_places = threading.BoundedSemaphore(AT_ONCE)
#: A name's look-up waits for its servers as long as the system lets it, and cannot be interrupted.
_look_ups = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook-names")


def due() -> list[UUID]:
    """Webhooks that may be worked on now, in any order: a slow one is not always the first."""
    free = Q(busy_until=None) | Q(busy_until__lt=timezone.now())
    return list(Webhook.objects.living().filter(free).order_by("?").values_list("pk", flat=True))


def deliver(webhook_id: UUID) -> int:
    """Post what waits for a webhook until something fails; how many posts were taken.

    Nothing while this worker posts to AT_ONCE others. No transaction is open while a post is under way.
    Two runs at once are kept apart by a lease; one that outlives it may post a delivery twice, which its id
    lets the receiver see.
    """
    if not _places.acquire(blocking=False):
        return 0
    try:
        return _deliver(webhook_id)
    finally:
        _places.release()


def _deliver(webhook_id: UUID) -> int:
    if not _claim(webhook_id):
        return 0
    taken, end = 0, time.monotonic() + RUN
    try:
        while time.monotonic() < end and (delivery := _next(webhook_id)) and _post(delivery):
            taken += 1
    finally:
        Webhook.objects.filter(pk=webhook_id).update(busy_until=None)
    return taken


def _claim(webhook_id: UUID) -> bool:
    now = timezone.now()
    free = Q(busy_until=None) | Q(busy_until__lt=now)
    mine = Webhook.objects.living().filter(free, pk=webhook_id, not_before__lte=now)
    return mine.update(busy_until=now + LEASE) > 0


def _next(webhook_id: UUID) -> WebhookDelivery | None:
    """With its webhook as it is now: it may have been ended, or have a new secret, since the post before."""
    told = Webhook.objects.living().filter(pk=webhook_id)
    waiting = WebhookDelivery.objects.filter(webhook__in=told, state=DeliveryState.PENDING)
    return waiting.select_related("webhook").order_by("id").first()


def _post(delivery: WebhookDelivery) -> bool:
    """One attempt, and its record; whether it was taken (2xx)."""
    webhook = delivery.webhook
    started, clock = timezone.now(), time.monotonic()
    status, error = _attempt(webhook, delivery, started)
    WebhookAttempt.objects.create(
        delivery=delivery,
        at=started,
        status_code=status,
        duration_ms=int((time.monotonic() - clock) * 1000),
        error=error[:200],
    )
    taken = status is not None and 200 <= status < 300
    _store(webhook, delivery, taken=taken)
    return taken


def _attempt(webhook: Webhook, delivery: WebhookDelivery, now: datetime) -> tuple[int | None, str]:
    """(status, "") of an answer, (None, why) when there was none."""
    payload = delivery.payload.encode()
    end = time.monotonic() + DEADLINE
    try:
        target = _look_ups.submit(resolve, webhook.url).result(DEADLINE)
        signed = signing.headers(webhook, str(delivery.id), payload, now)
        return asyncio.run(_status_of(target, payload, signed, end - time.monotonic())), ""
    except AddressRefused as error:
        return None, str(error)
    except TimeoutError:
        return None, f"There was no whole answer within {DEADLINE:g} s."
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return None, f"{type(error).__name__}: {error}"


async def _status_of(target: Target, payload: bytes, signed: dict[str, str], seconds: float) -> int:
    """The status that a post is answered with; raises TimeoutError when it is not there in so many seconds.

    No shared client: its pool tells connections apart by address and port alone, and would post to one host
    what was meant for another behind the same address, whose certificate was never seen.
    """
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
    ):
        request = _request(client, target, payload)
        request.headers.update(signed)
        answer = await client.send(request, stream=True)  # what it says beyond its status is not read
        await answer.aclose()
        return answer.status_code


def _request(client: httpx.AsyncClient, target: Target, payload: bytes) -> httpx.Request:
    """The request to the address that was resolved, in the name of the host."""
    url = httpx.URL(target.url)
    return client.build_request(
        "POST",
        url.copy_with(host=target.address),
        content=payload,
        headers={"Host": url.netloc.decode(), "Content-Type": "application/json", "User-Agent": "Tradedesk"},
        extensions={"sni_hostname": target.host},
    )


def _store(webhook: Webhook, delivery: WebhookDelivery, *, taken: bool) -> None:
    now = timezone.now()
    attempts = delivery.attempts + 1
    state = DeliveryState.PENDING
    if taken:
        state = DeliveryState.DELIVERED
    elif attempts >= ATTEMPTS:
        state = DeliveryState.FAILED
        log.error(
            "webhook delivery given up", extra={"webhook": str(webhook.id), "delivery": str(delivery.id)}
        )
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=state, attempts=attempts, delivered_at=now if taken else None
    )
    row = Webhook.objects.filter(pk=webhook.pk)
    if taken:
        row.update(failures=0)
    else:
        pause = PAUSES[min(webhook.failures, len(PAUSES) - 1)]
        row.update(failures=F("failures") + 1, not_before=now + pause * random.uniform(1, 1.2))  # noqa: S311
