"""Celery settings (namespace CELERY_): late acks, prefetch 1, nothing stored, JSON only.

Every value has its reason in what Celery 5.7 over Redis does: it loses and duplicates messages even
with late acks, and blocks for good on a half-open socket without `socket_timeout`.
"""

from __future__ import annotations

from kombu import Queue

from tradedesk import env

CELERY_BROKER_URL = env.redis_url()
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "tradedesk:",
    "socket_timeout": env.number("TRADEDESK_REDIS_SOCKET_TIMEOUT", 5, low=0.1, high=60),
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 5,
    "retry_on_timeout": False,  # True would repeat an LPUSH whose outcome is unknown
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "max_retries": 0,
    # Heeded where the URL names Sentinels.
    "master_name": env.read(env.env.str, "TRADEDESK_REDIS_PRIMARY", "mymaster"),
    "sentinel_kwargs": {
        "password": env.read(env.env.str, "TRADEDESK_REDIS_SENTINEL_PASSWORD", "") or None,
        "socket_timeout": 1,
    },
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = True
# Zero retries, not retry=False: the latter waits six seconds in kombu's own connection loop.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_CONSUMER = "tradedesk.workers.steady:Reporter"
CELERY_BEAT_SCHEDULER = "tradedesk.workers.steady:Scheduler"
CELERY_TASK_SEND_SENT_EVENT = False  # a second message for each task, of which Flower shows nothing more
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ANNOTATIONS = {"*": {"Request": "tradedesk.workers.steady:ClockedRequest"}}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [Queue("default"), *(Queue(f"broker.{name}") for name in env.broker_sessions())]
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a typo in a queue name must fail, not fill a queue nobody reads
CELERY_TIMEZONE = "UTC"
