"""Asking once more who is there: before a kill is released, something approved, a token made.

A login that was left open must not be enough for these. A login, or an answer here, counts for five minutes.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django_otp import match_token, user_has_device

from orders.access import address_of
from orders.admin.shared.pages import person_of
from orders.desk_sessions import tries_of

LASTS = 300  # seconds
FIELD = "again"
_PROVEN_AT = "desk_proven_at"


@receiver(user_logged_in, dispatch_uid="desk_step_up")
def _logged_in(request: HttpRequest | None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session[_PROVEN_AT] = time.time()


def prove(request: HttpRequest, *, at: float) -> None:
    """Somebody else asked the person, then."""
    request.session[_PROVEN_AT] = min(at, time.time())


def to_ask(request: HttpRequest) -> str:
    """The label of what a form has to ask for; empty while the last answer counts."""
    if 0 <= time.time() - request.session.get(_PROVEN_AT, 0) < LASTS:
        return ""
    if user_has_device(request.user):
        return "The code of your second factor, once more"
    if not person_of(request).has_usable_password():
        return "Log out and in again, or set up a second factor"
    return "Your password, once more"


def refusal(request: HttpRequest) -> str:
    """Why the act is not done, in words; empty when it is this person who acts.

    A wrong answer counts like a refused login: the one who sits there must not be able to try all.
    """
    asked = to_ask(request)
    if not asked:
        return ""
    told = request.POST.get(FIELD, "")
    if not told:
        return f"{asked}: it is needed for this. Nothing was changed."
    if tries_of(address_of(request.META)) >= settings.ADDRESS_TRIES or not _is_right(request, told):
        return "That is not right, or was tried too often. Nothing was changed."
    request.session[_PROVEN_AT] = time.time()
    return ""


def _is_right(request: HttpRequest, told: str) -> bool:
    user = person_of(request)
    if not user_has_device(user):
        return authenticate(request, username=user.get_username(), password=told) == user
    if match_token(user, told.replace(" ", "")) is not None:
        return True
    credentials = {"username": user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    return False
