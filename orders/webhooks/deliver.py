"""Posting deliveries: in their order, one at a time for each webhook, with growing pauses after a failure."""

from __future__ import annotations

import logging
import random
import time
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
LEASE = timedelta(seconds=60)
RUN = 20.0  # seconds after which a run leaves the rest to the next one
#: Pauses after the first, second, ... failure in a row; a delivery is given up after ATTEMPTS.
PAUSES = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 10_800, 21_600)]
ATTEMPTS = len(PAUSES) + 1


def due() -> list[UUID]:
    """Webhooks that may be worked on now."""
    now = timezone.now()
    free = Q(busy_until=None) | Q(busy_until__lt=now)
    return list(Webhook.objects.filter(free, active=True).values_list("pk", flat=True))


def deliver(webhook_id: UUID) -> int:
    """Post what waits for a webhook until something fails; how many posts were taken.

    No transaction is open while a post is under way. Two runs at once are kept apart by a lease; one that
    outlives it may post a delivery twice, which its id lets the receiver see.
    """
    webhook = _claim(webhook_id)
    if webhook is None:
        return 0
    taken, end = 0, time.monotonic() + RUN
    try:
        while time.monotonic() < end and (delivery := _next(webhook)) and _post(webhook, delivery):
            taken += 1
    finally:
        Webhook.objects.filter(pk=webhook_id).update(busy_until=None)
    return taken


def _claim(webhook_id: UUID) -> Webhook | None:
    now = timezone.now()
    free = Q(busy_until=None) | Q(busy_until__lt=now)
    mine = Webhook.objects.filter(free, pk=webhook_id, active=True, not_before__lte=now)
    return Webhook.objects.get(pk=webhook_id) if mine.update(busy_until=now + LEASE) else None


def _next(webhook: Webhook) -> WebhookDelivery | None:
    return webhook.deliveries.filter(state=DeliveryState.PENDING).order_by("id").first()


def _post(webhook: Webhook, delivery: WebhookDelivery) -> bool:
    """One attempt, and its record; whether it was taken (2xx)."""
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
    try:
        target = resolve(webhook.url)
        # No shared client: its pool tells connections apart by address and port alone, and would post to
        # one host what was meant for another behind the same address, whose certificate was never seen.
        with httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
            request = _request(client, target, payload)
            request.headers.update(signing.headers(webhook, str(delivery.id), payload, now))
            answer = client.send(request, stream=True)  # what it says beyond its status is not read
            answer.close()
    except AddressRefused as error:
        return None, str(error)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return None, f"{type(error).__name__}: {error}"
    return answer.status_code, ""


def _request(client: httpx.Client, target: Target, payload: bytes) -> httpx.Request:
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
