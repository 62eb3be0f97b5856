"""What a worker tells of its settings: how tasks are run, and no secret."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

from celery.worker.control import Panel
from django.conf import settings

from tradedesk.celery import app
from tradedesk.env import BASE_DIR
from tradedesk.workers import steady as steady_worker


def test_flower_is_told_no_setting_that_holds_a_secret() -> None:
    assert Panel.data["conf"] is steady_worker.configuration
    told = steady_worker.configuration(SimpleNamespace(app=app))
    assert told["task_acks_late"] == "True"
    secrets = [settings.SECRET_KEY, settings.REDIS_URL, settings.DATABASE_URL, settings.CELERY_BROKER_URL]
    assert [secret for secret in secrets if secret in str(told)] == []


MADE = """
import gc
import django
django.setup()
from tradedesk.celery import app
app.Worker(hostname="made@here", pool="threads", concurrency=1, queues=["default"])
frozen, before = gc.get_freeze_count(), gc.get_stats()[2]["collections"]
kept = []
for number in range(300_000):
    garbage = []
    garbage.append(garbage)
    if number % 20 == 0:
        kept.append(garbage)
print(frozen, gc.get_stats()[2]["collections"] - before)
"""


def test_garbage_does_not_wait_until_it_is_a_quarter_of_what_start_up_made() -> None:
    said = subprocess.run([sys.executable, "-c", MADE], cwd=BASE_DIR, capture_output=True, check=True)
    frozen, collections = map(int, said.stdout.split()[-2:])
    assert frozen > 100_000
    assert collections > 0  # of so little that stays: before, 50,000 objects had to
