"""WSGI application: REST API, admin, health and metrics."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from tradedesk.chunked import with_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
application = with_chunked_bodies(get_wsgi_application(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
# What start-up has made stays: the collector need not look through it while an order waits.
gc.collect()
gc.freeze()
