"""Signatures as the Standard Webhooks specification defines them (standardwebhooks.com), version v1."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings

from orders.models import Webhook

OVERLAP = timedelta(hours=24)  # so long the secret before a rotation signs as well


def secret(webhook: Webhook, generation: int | None = None) -> str:
    """The secret as its owner gets it: "whsec_" and the key in base64."""
    return "whsec_" + base64.b64encode(_key(webhook, generation or webhook.generation)).decode()


def headers(webhook: Webhook, delivery_id: str, payload: bytes, now: datetime) -> dict[str, str]:
    """Id, timestamp and signatures of one post."""
    timestamp = str(int(now.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + payload
    marks = [
        hmac.digest(_key(webhook, generation), signed, hashlib.sha256) for generation in _valid(webhook, now)
    ]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(mark).decode()}" for mark in marks),
    }


def _valid(webhook: Webhook, now: datetime) -> list[int]:
    """Generations of the secret that sign now, the newest first."""
    overlaps = webhook.rotated_at is not None and now < webhook.rotated_at + OVERLAP
    return [webhook.generation, webhook.generation - 1] if overlaps else [webhook.generation]


def _key(webhook: Webhook, generation: int) -> bytes:
    """Derived, not stored: a stolen database can sign nothing."""
    name = f"tradedesk webhook {webhook.id} {generation}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), name, hashlib.sha256)
