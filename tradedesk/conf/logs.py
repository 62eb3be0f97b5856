"""Logging: one JSON object per line on stderr, with the ids that the call site adds by `extra`."""

from __future__ import annotations

from typing import Any

from tradedesk import env

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "tradedesk.logs.Formatter",
            "format": "%(levelname)s %(name)s %(message)s",
            "rename_fields": {"levelname": "level", "name": "logger"},
            "timestamp": "at",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("TRADEDESK_LOG_LEVEL", "INFO", LEVELS, fold=str.upper),
    },
    "loggers": {
        # The client library logs every message of an order at INFO; what counts is in the inbox.
        "ib_async": {"level": "WARNING"},
        # Each task is said once, with its result, when it has succeeded.
        "celery.worker.strategy": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},  # one line per poll while a stack starts
    },
}
