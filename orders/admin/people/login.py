"""The way in: password and, for who has one, the second factor; out again when nobody works."""

from __future__ import annotations

import time
from base64 import b32encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_otp import devices_for_user, match_token, user_has_device
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm

from orders.access import address_of
from orders.admin.shared.pages import desk_page, own_place, person_of, show
from orders.desk_sessions import SEEN, is_idle, tries_of

VERIFIED = "desk_second_factor"
NOTED_EVERY = 30  # seconds; the session is not written for every page


class LoginForm(AuthenticationForm):
    """Name, password, and the six digits of who has set them up."""

    otp_token = forms.CharField(
        required=False, label="Code of your second factor, if you have one", max_length=12
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style = self.fields["password"].widget.attrs.get("class", "")
        self.fields["otp_token"].widget.attrs |= {"class": style, "autocomplete": "one-time-code"}

    @property
    def single_sign_on(self) -> bool:
        """Whether the page offers it."""
        return bool(settings.OIDC_ISSUER)

    def clean(self) -> dict[str, Any]:
        """The same words whether password or code is wrong: neither is told apart."""
        if self.request is not None and tries_of(address_of(self.request.META)) >= settings.ADDRESS_TRIES:
            raise forms.ValidationError(
                "Too many refused logins came from your address. Try again later.", code="address"
            )
        cleaned: dict[str, Any] = super().clean() or {}
        user = self.get_user()
        if user is None or not user_has_device(user):
            return cleaned
        device = match_token(user, cleaned.get("otp_token", "").replace(" ", ""))
        if device is None:
            # Counted like a wrong password: who has the password must not be able to try all codes.
            user_login_failed.send(
                sender=__name__, credentials={"username": user.get_username()}, request=self.request
            )
            raise self.get_invalid_login_error()
        if self.request is not None:
            self.request.session[VERIFIED] = str(device.persistent_id)
        return cleaned


LOGGED_OUT = "You are logged out, and nothing was sent. Log in again in another tab, then press again here."


def log_in_first(request: HttpRequest) -> HttpResponse:
    """To the login, and back to the page that the person saw; words alone where a script of it asked.

    A script would take the login's page for its answer; what a form is sent to is no page to come back to.
    """
    if "X-Desk-Live" in request.headers:
        return HttpResponse(LOGGED_OUT, status=401, content_type="text/plain")
    page = request.get_full_path()
    if request.method == "POST":
        came = urlsplit(request.headers.get("Referer", ""))
        ours = came._replace(scheme="", netloc="").geturl() if came.netloc == request.get_host() else ""
        page = own_place(request, ours, reverse("admin:index"))
    return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': page})}")


class WorkingSession:
    """Ends an idle login, and keeps who must have a second factor to the page that sets it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        if not request.user.is_authenticated:
            is_asking = request.method == "POST" or "X-Desk-Live" in request.headers
            is_way_in = request.path.startswith((reverse("admin:login"), reverse("desk:single_sign_on")))
            return log_in_first(request) if is_asking and not is_way_in else self.get_response(request)
        if self.is_idle(request):
            logout(request)
            messages.info(request, "You were logged out because nothing was done for a while.")
            return log_in_first(request)
        setup = reverse("desk:second_factor")
        free = (setup, reverse("admin:logout"))
        if settings.REQUIRE_SECOND_FACTOR and request.path not in free and not user_has_device(request.user):
            return HttpResponseRedirect(setup)
        return self.get_response(request)

    def is_idle(self, request: HttpRequest) -> bool:
        """Whether nobody has worked for too long; a page that refreshes itself is not work."""
        if is_idle(request.session):
            return True
        now, seen = time.time(), request.session.get(SEEN, 0)
        if "X-Desk-Live" not in request.headers and now - seen > NOTED_EVERY:
            request.session[SEEN] = int(now)
        return False


@desk_page()
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app: scan, type one code, done; from then on every login asks for a code."""
    user = person_of(request)
    if user_has_device(user):
        return show(request, "desk/second_factor.html", "Second factor", ready=True)
    device = unconfirmed_device(user, new=request.method == "GET")
    problem = ""
    if request.method == "POST":
        if device.verify_token(request.POST.get("code", "").replace(" ", "")):
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            request.session[VERIFIED] = str(device.persistent_id)
            request.session.cycle_key()
            end_other_sessions(user, but=request.session.session_key)
            messages.success(request, "Your second factor works. The next login asks for it.")
            return HttpResponseRedirect(reverse("admin:index"), status=303)
        problem = "That code is not right. Codes change every 30 seconds; is the clock of your phone right?"
    known = secret_of(device)
    return show(request, "desk/second_factor.html", "Second factor", problem=problem, **known)


def secret_of(device: TOTPDevice) -> dict[str, str]:
    """The secret as a picture, and as text for an app without a camera."""
    code = segno.make(device.config_url, error="m")
    picture = code.svg_data_uri(scale=5, dark="#111827", light="#ffffff")
    return {"picture": picture, "secret": b32encode(device.bin_key).decode()}


def end_other_sessions(user: User, *, but: str | None) -> None:
    """Logins from before the set-up gave no code: whoever sits there must not go on without one."""
    for session in Session.objects.exclude(session_key=but):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def unconfirmed_device(user: User, *, new: bool) -> TOTPDevice:
    """What is being set up: with a secret of its own each time that the page is opened.

    One that somebody saw before, at this screen or in an old session, opens nothing.
    """
    waiting = TOTPDevice.objects.filter(user=user, confirmed=False)
    if new:
        waiting.delete()
    device: TOTPDevice = waiting.first() or TOTPDevice.objects.create(user=user, confirmed=False, name="app")
    return device


def forget_second_factor(user: Any) -> int:
    """Remove the devices of a person who has lost them; how many there were."""
    found = list(devices_for_user(user, confirmed=None))
    for device in found:
        device.delete()
    return len(found)
