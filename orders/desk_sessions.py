"""Who is at the desk, for doors that are not its pages: the event stream and Flower.

A login counts there exactly as long as it does on the pages: not when it is idle, and not without the second
factor that everybody must have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django_otp import user_has_device

from orders.models import AuditRecord

SEEN = "desk_seen"


def is_own_host(header: str) -> bool:
    """Whether a Host header names us: a page of a name that leads here may not read what is ours."""
    host, _ = split_domain_port(header)
    return validate_host(host, settings.ALLOWED_HOSTS)


def person_of_cookie(cookie: str) -> User | None:
    """The person of the desk whose login a Cookie header carries, while that login is good for pages."""
    key = _session_key(cookie)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)  # a changed password ends it, as in the admin
    if not isinstance(user, User) or is_idle(request.session) or not may_work(user):
        return None
    return user


def carries_login(cookie: str) -> bool:
    """Whether a Cookie header names a login at all, good or not."""
    return bool(_session_key(cookie))


def may_work(user: User) -> bool:
    """Whether it is a person of the desk, with a second factor where each must have one."""
    if not (user.is_active and user.is_staff):
        return False
    return not settings.REQUIRE_SECOND_FACTOR or user_has_device(user)


def is_idle(session: Mapping[str, Any]) -> bool:
    """Whether nobody has worked in it for too long; a login of this moment has not been seen yet."""
    seen = session.get(SEEN, 0)
    return bool(seen) and time.time() - seen > settings.IDLE_MINUTES * 60


def tries_of(address: str) -> int:
    """Refused logins of an address within the cool-off, for whatever names."""
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    refused = AuditRecord.objects.filter(subject=f"login:{address}", kind="login.refused", at__gte=since)
    return refused[: settings.ADDRESS_TRIES].count()


def _session_key(cookie: str) -> str:
    """The session key in a Cookie header; empty when there is none."""
    try:
        found = SimpleCookie(cookie).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return found.value if found else ""
