"""The pages of single sign-on: out to the provider, back from it, then the code of a second factor.

The rules of the desk stay its own: who has a second factor gives its code here too, and a step-up counts from
when the provider says that it asked the person.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_otp import match_token, user_has_device
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from orders.access import address_of
from orders.admin.people.login import VERIFIED
from orders.admin.people.step_up import prove
from orders.desk_sessions import tries_of
from orders.single_sign_on import AUTH_TIME, ProviderFailed, setting

BACKEND = "orders.single_sign_on.SingleSignOnBackend"
PENDING = "oidc_pending"
CODE_WITHIN = 300  # seconds from the provider's answer to the code of the second factor
FAILED = (
    "Single sign-on did not let you in: the provider refused or was not reached, or nobody at the desk"
    " goes by what it says."
)


class _Asked:
    """Both views: only where it is configured, and not for an address that was refused too often."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As Django does."""
        if not settings.OIDC_ISSUER:
            raise Http404("There is no single sign-on here.")
        if tries_of(address_of(request.META)) >= settings.ADDRESS_TRIES:
            return refused(request)
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except ProviderFailed:
            return refused(request)
        return answer

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        """As the library reads its settings."""
        return setting(attr, *args)


class Out(_Asked, OIDCAuthenticationRequestView):
    """To the provider, which is to ask the person anew: its own session may have been left open."""

    OIDC_OP_AUTH_ENDPOINT = property(lambda self: setting("OIDC_OP_AUTHORIZATION_ENDPOINT"))
    OIDC_RP_CLIENT_ID = property(lambda self: setting("OIDC_RP_CLIENT_ID"))

    def __init__(self, **kwargs: Any) -> None:
        View.__init__(self, **kwargs)  # the library would ask the provider before we know that there is one


class Back(_Asked, OIDCAuthenticationCallbackView):
    """Back from the provider."""

    user: User

    def login_failure(self) -> HttpResponse:
        """To the login page, in words."""
        return refused(self.request)

    def login_success(self) -> HttpResponse:
        """In, or to the page that asks for the second factor."""
        request: HttpRequest = self.request
        if user_has_device(self.user):
            request.session[PENDING] = [self.user.pk, int(time.time())]
            return redirect("desk:single_sign_on_code")
        return enter(request, self.user)


def enter(request: HttpRequest, user: User) -> HttpResponse:
    """Log the person in, under a new session key."""
    following = request.session.get("oidc_login_next") or reverse("admin:index")
    asked_at = request.session.get(AUTH_TIME, 0)
    login(request, user, backend=BACKEND)
    prove(request, at=asked_at)
    return HttpResponseRedirect(following)


def refused(request: HttpRequest) -> HttpResponse:
    """Nobody came in."""
    messages.error(request, FAILED)
    return redirect("admin:login")


@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second factor of who came by the provider; one wrong code, and the way begins again."""
    pk, at = request.session.get(PENDING, [None, 0])
    user = User.objects.filter(pk=pk, is_active=True, is_staff=True).first()
    if user is None or time.time() - at > CODE_WITHIN:
        return refused(request)
    if request.method == "GET":
        frame = admin.site.each_context(request) | {"title": "Second factor"}
        return TemplateResponse(request, "desk/single_sign_on_code.html", frame)
    del request.session[PENDING]
    device = match_token(user, request.POST.get("code", "").replace(" ", ""))
    if device is None or tries_of(address_of(request.META)) >= settings.ADDRESS_TRIES:
        credentials = {"username": user.get_username()}
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        return refused(request)
    request.session[VERIFIED] = str(device.persistent_id)
    return enter(request, user)
