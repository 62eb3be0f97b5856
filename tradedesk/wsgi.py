"""WSGI application: REST API, admin, health and metrics."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
application = get_wsgi_application()
