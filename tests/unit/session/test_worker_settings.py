"""What a worker tells of its settings: how tasks are run, and no secret."""

from __future__ import annotations

from types import SimpleNamespace

from celery.worker.control import Panel
from django.conf import settings

from tradedesk.celery import app
from tradedesk.workers import steady as steady_worker


def test_flower_is_told_no_setting_that_holds_a_secret() -> None:
    assert Panel.data["conf"] is steady_worker.configuration
    told = steady_worker.configuration(SimpleNamespace(app=app))
    assert told["task_acks_late"] == "True"
    secrets = [settings.SECRET_KEY, settings.REDIS_URL, settings.DATABASE_URL, settings.CELERY_BROKER_URL]
    assert [secret for secret in secrets if secret in str(told)] == []
