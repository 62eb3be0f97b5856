"""Flower behind the desk's own logins: each person by their own, and only to look.

Flower knows one list of shared passwords, or the big providers' OAuth. So each request passes a guard before
Flower's handler: the Host must be ours, and a person of the desk must stand behind it, by the desk's session
(the cookie of the same host reaches every port) or by name and password. Who left the desk left Flower.
"""

from __future__ import annotations

import atexit
import binascii
import logging
import os
import signal
import sys
import time
from base64 import b64decode
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradedesk.settings")

import django

from tradedesk import env

env.require_secret_key()  # it reads the logins of the desk
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import authenticate  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import Error, connections  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.urls import reverse  # noqa: E402
from django_otp import user_has_device  # noqa: E402
from flower.app import Flower  # noqa: E402
from flower.command import apply_env_options, apply_options, extract_settings, setup_logging  # noqa: E402
from flower.urls import settings as flower_settings  # noqa: E402
from tornado.ioloop import PeriodicCallback  # noqa: E402
from tornado.options import options  # noqa: E402
from tornado.web import RequestHandler  # noqa: E402

from orders.access import SEES_ALL, address_of  # noqa: E402
from orders.desk_sessions import is_own_host, may_work, person_of_cookie, tries_of  # noqa: E402
from tradedesk.celery import app  # noqa: E402
from tradedesk.liveness import EVERY, Heartbeat  # noqa: E402

log = logging.getLogger(__name__)

HEALTH = "/healthcheck"  # says OK and nothing else
METRICS = "/metrics"  # counts of tasks, for Prometheus, which has no login
TABLE = "/tasks/datatable"  # the one thing that pages ask for by POST
REMEMBERED = 60.0  # seconds that a password which was right is not hashed anew
RIGHT_KEPT = 1_000  # of each address anew
LOG_IN = "Log in at the desk and open this page again, or give your name and password of the desk."


class Guard(RequestHandler):
    """What a request passes before the handler of Flower that it asks for."""

    async def prepare(self) -> None:
        """Refuse it here, or name the person to Flower."""
        prefix = self.application.options.url_prefix  # type: ignore[attr-defined]
        path = self.request.path.removeprefix(f"/{prefix.strip('/')}" if prefix else "")
        if path == HEALTH:
            return
        self.set_header("X-Frame-Options", "DENY")
        if not is_own_host(self.request.headers.get("Host", "")):
            self.refuse(400, "The Host header is not one of ours (ALLOWED_HOSTS).")
        elif self.request.method not in ("GET", "HEAD") and path != TABLE:
            self.refuse(405, "Flower is for looking: nothing is changed here.")
        elif path != METRICS and not path.startswith("/static/"):
            await self.require_person()

    async def require_person(self) -> None:
        """Let in who sees all accounts: tasks are about all of them."""
        try:
            person = await sync_to_async(person_behind, thread_sensitive=False)(self)
        except Error as error:
            log.warning("nobody can be looked up", extra={"error": str(error)})
            self.refuse(503, "The database is away, so nobody can log in.")
            return
        if person is None:
            self.set_header("WWW-Authenticate", 'Basic realm="Tradedesk", charset="UTF-8"')
            self.refuse(401, LOG_IN)
        elif not person.has_perm(SEES_ALL):
            self.refuse(403, "Tasks are about all accounts, and you see some of them only.")
        else:
            self.current_user = person.get_username()

    def refuse(self, status: int, words: str) -> None:
        """End it here, in plain words."""
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{words}\n")


def person_behind(handler: RequestHandler) -> User | None:
    """The person of a request; with their rights read, for they are asked on the event loop."""
    headers = handler.request.headers
    meta = {"REMOTE_ADDR": handler.request.remote_ip or "", **forwarded(headers.get("X-Forwarded-For", ""))}
    try:
        person = person_of_cookie(headers.get("Cookie", ""))
        person = person or by_password(headers.get("Authorization", ""), address_of(meta))
        if person is not None:
            person.get_all_permissions()
        return person
    finally:
        connections.close_all()


def forwarded(told: str) -> dict[str, str]:
    """The header by which the trusted proxy says for whom it speaks, as Django names it."""
    return {"HTTP_X_FORWARDED_FOR": told} if told else {}


_right: dict[bytes, tuple[int, str, float]] = {}


def by_password(authorization: str, address: str) -> User | None:
    """The person of a Basic header, who has no second factor: whoever has one logs in at the desk.

    Wrong ones count like refused logins of the desk, by name and address.
    """
    kind, _, credentials = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    key, now = sha256(f"{address} {credentials}".encode()).digest(), time.monotonic()
    pk, stamp, until = _right.get(key, (0, "", 0.0))
    user = User.objects.filter(pk=pk).first() if now < until else None
    if user is None or user.get_session_auth_hash() != stamp:
        user = _authenticated(credentials, address)
    if user is None or not may_work(user) or user_has_device(user):
        _right.pop(key, None)
        return None
    if now >= until:
        if len(_right) >= RIGHT_KEPT:
            _right.clear()
        _right[key] = (user.pk, user.get_session_auth_hash(), now + REMEMBERED)
    return user


def _authenticated(credentials: str, address: str) -> User | None:
    try:
        name, _, password = b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if tries_of(address) >= settings.ADDRESS_TRIES:
        return None
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": address}
    request.path, request.method = reverse("admin:login"), "POST"
    found = authenticate(request, username=name, password=password)
    return found if isinstance(found, User) else None


class DeskFlower(Flower):
    """Flower with the guard in front of every handler."""

    def get_handler_delegate(self, request: Any, target_class: Any, *args: Any, **kwargs: Any) -> Any:
        """As Tornado does, for the guarded class."""
        return super().get_handler_delegate(request, guarded(target_class), *args, **kwargs)


@cache
def guarded(handler: type[RequestHandler]) -> type[RequestHandler]:
    """The handler, behind the guard."""
    return type(f"Guarded{handler.__name__}", (Guard, handler), {})


def main() -> None:
    """Flower's own command with that application; its options, by argument or FLOWER_*, are Flower's."""
    apply_env_options()
    apply_options(sys.argv[0], sys.argv[1:])
    options.read_only = True
    # A password that several share names nobody, and the desk has its own single sign-on.
    options.basic_auth, options.auth, options.auth_provider = [], "", None
    extract_settings()
    setup_logging()
    flower = DeskFlower(capp=app, options=options, **flower_settings)
    atexit.register(flower.stop)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    flower.start_http_server()
    PeriodicCallback(Heartbeat("flower").beat, EVERY * 1000).start()
    with suppress(KeyboardInterrupt, SystemExit):
        flower.start()


if __name__ == "__main__":
    main()
