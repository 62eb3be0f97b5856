"""WSGI application: REST API, admin, health and metrics."""

import os
from importlib import import_module

import django
from django.conf import settings

from tradedesk import env
from tradedesk.collector import start_up_is_over
from tradedesk.conf.pooled import answer_soon
from tradedesk.http.bodies import make_turns, with_bodies
from tradedesk.http.requests import API, Entrance
from tradedesk.liveness import Heartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")
env.require_secret_key()
django.setup(set_prefix=False)
answer_soon(settings.DATABASES["default"]["OPTIONS"]["pool"])
turns = make_turns(settings.WEB_TURNS)
application = with_bodies(Entrance(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE, lazy=API, turns=turns)
import_module(settings.ROOT_URLCONF)  # loads every page now, not while the first request waits
start_up_is_over()
import_module("tradedesk.clock_watch").keep("web")
Heartbeat("web").keep()  # one of several that hangs is met by some requests only, and so missed by HTTP
