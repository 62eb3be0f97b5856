"""WSGI application: REST API, admin, health and metrics."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from tradedesk.chunked import with_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
application = with_chunked_bodies(get_wsgi_application(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
import_module(settings.ROOT_URLCONF)  # loads every page now, not while the first request waits
# What start-up has made stays: the collector need not look through it while an order waits.
gc.collect()
gc.freeze()
