"""Who comes by the firm's identity provider (OpenID Connect, code flow with PKCE): what is believed.

mozilla-django-oidc asks and checks signature, state and nonce; what it leaves to its users is checked here:
the token is for us, from this issuer, not expired, and of the same person as the user info. Nobody is made or
given a right by a provider: it only says which person of the desk it is.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import httpx
import jwt
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import HttpRequest

log = logging.getLogger(__name__)

#: When the provider last asked the person, by its own word; in the session of who comes in.
AUTH_TIME = "oidc_auth_time"
NEEDED = ["iss", "aud", "exp", "iat", "sub"]
#: Settings of the library that the provider tells itself.
DISCOVERED = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
}


class ProviderFailed(Exception):
    """The provider does not answer, or not as it must; the text is for the log."""


class SingleSignOnBackend(BaseBackend):
    """Django's way in. Loaded wherever a right is asked for, so it reads nothing before somebody comes."""

    def authenticate(
        self, request: HttpRequest | None, nonce: str = "", code_verifier: str = "", **_: Any
    ) -> User | None:
        """The person for whom the provider's answer in this request stands; None for nobody of the desk."""
        if request is None or not nonce or not settings.OIDC_ISSUER:
            return None
        try:
            found = exchange().authenticate(request, nonce=nonce, code_verifier=code_verifier)
        except (ProviderFailed, SuspiciousOperation, jwt.PyJWTError, OSError) as error:  # OSError: requests'
            log.warning("no single sign-on", extra={"error": f"{type(error).__name__}: {error}"[:300]})
            return None
        except (KeyError, TypeError, ValueError) as error:
            log.warning("a provider's answer cannot be read", extra={"error": repr(error)[:300]})
            return None
        return found if isinstance(found, User) and found.is_active and found.is_staff else None

    def get_user(self, user_id: int) -> User | None:
        """As Django's own: for each request of a login that came this way."""
        user = User.objects.filter(pk=user_id).first()
        return user if user and user.is_active else None


def exchange() -> Any:
    """What turns a code into a person; made here, so that only who signs on loads the library."""
    from mozilla_django_oidc.auth import OIDCAuthenticationBackend

    class Exchange(OIDCAuthenticationBackend):
        @staticmethod
        def get_settings(attr: str, *args: Any) -> Any:
            return setting(attr, *args)

        def _verify_jws(self, payload: str, key: Any) -> dict[str, Any]:
            algorithm = settings.OIDC_RP_SIGN_ALGO
            told: dict[str, Any] = jwt.decode(
                payload,
                key,
                algorithms=[algorithm],
                audience=settings.OIDC_RP_CLIENT_ID,
                issuer=settings.OIDC_ISSUER,
                options={"require": NEEDED},
                leeway=10,
            )
            if told.get("azp", settings.OIDC_RP_CLIENT_ID) != settings.OIDC_RP_CLIENT_ID:
                raise SuspiciousOperation("the token was given to another client")
            return told

        def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> dict[str, Any]:
            told: dict[str, Any] = super().get_userinfo(access_token, id_token, payload)
            if told.get("sub") != payload["sub"]:
                raise SuspiciousOperation("the user info is about somebody else")
            self.request.session[AUTH_TIME] = int(payload.get("auth_time") or 0)
            return told

        def verify_claims(self, claims: dict[str, Any]) -> bool:
            return bool(claim_of(claims))

        def filter_users_by_claims(self, claims: dict[str, Any]) -> QuerySet[User]:
            return people_by_claim(claim_of(claims))

    return Exchange()


def setting(attr: str, *args: Any) -> Any:
    """A setting of the library: as the provider tells where it is its own, else as ours say."""
    if attr in DISCOVERED:
        return discovered(settings.OIDC_ISSUER)[DISCOVERED[attr]]
    return getattr(settings, attr, *args)


@cache
def discovered(issuer: str) -> dict[str, str]:
    """What a provider says of itself; read once for a process. Raises ProviderFailed."""
    try:
        where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = httpx.get(where, timeout=settings.OIDC_TIMEOUT).raise_for_status()
        told = answer.json()
        if told["issuer"] != issuer:
            raise ProviderFailed(f"it calls itself {told['issuer']}")
        return {name: str(told[name]) for name in DISCOVERED.values()}
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise ProviderFailed(f"no configuration at {issuer}: {error}") from error


def claim_of(claims: dict[str, Any]) -> str:
    """What names the person (TRADEDESK_OIDC_CLAIM); empty without it, or where its e-mail is not verified."""
    told = claims.get(settings.OIDC_CLAIM)
    if not isinstance(told, str):
        return ""
    if settings.OIDC_CLAIM == "email" and claims.get("email_verified") is not True:
        return ""
    return told.strip()


def people_by_claim(told: str) -> QuerySet[User]:
    """The person of this e-mail address, or of this name where another claim is configured."""
    if settings.OIDC_CLAIM == "email":
        return User.objects.filter(email__iexact=told)
    return User.objects.filter(username=told)
