"""The project: settings, Celery application, URLs, the processes of the system and the local stack."""

from tradedesk.celery import app as celery_app

__all__ = ["celery_app"]
