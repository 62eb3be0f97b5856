"""Whose act it is: what the desk's requests change, logins and refusals, as the audit keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from orders.access import address_of
from orders.controls.audit.acting import Acting, acting, record
from orders.controls.persons.setting_watch import note_four_eyes

READING = ("GET", "HEAD", "OPTIONS")


def who(request: HttpRequest, name: str = "", reason: str = "") -> Acting:
    """The person of a request of the desk."""
    person = name or (request.user.get_username() if request.user.is_authenticated else "")
    return Acting(person=person, via="desk", address=address_of(request.META), reason=reason)


class ActingPerson:
    """What a form of the desk changes is the act of who is logged in, for the reason that was typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in READING or not request.user.is_authenticated:
            return self.get_response(request)
        note_four_eyes()
        reason = request.POST.get("reason", "")[:500]
        with acting(who(request, reason=reason)):
            response = self.get_response(request)
        if response.status_code == 403:
            record("refused", who(request, reason=reason), subject=request.path, ok=False)
        return response


@receiver(user_logged_in, dispatch_uid="audit")
def logged_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Somebody is in."""
    if request is not None:
        record("login", who(request, user.get_username()))


@receiver(user_logged_out, dispatch_uid="audit")
def logged_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    """Somebody has left, or was sent out."""
    if request is not None and user is not None:
        record("logout", who(request, user.get_username()))


@receiver(user_login_failed, dispatch_uid="audit")
def refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """A wrong name, password or code; the subject is what tries of one address are counted by."""
    if request is not None:
        name = str(credentials.get("username") or "")
        record(
            "login.refused",
            Acting(person=name, via="desk", address=address_of(request.META)),
            subject=f"login:{address_of(request.META)}",
            ok=False,
        )
