"""Who is calling, and what he may do: tokens of django-rest-knox, of which only digests are stored.

What a token gives is kept in memory for a moment.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone
from knox.crypto import hash_token
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, PermissionDenied, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from brokers.postgres import database
from orders.access import address_of, is_within
from orders.api import throttle
from orders.api.problems import Problem
from orders.controls.halts.dead_man import is_alive
from orders.models import ApiToken, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rest_framework.views import APIView

log = logging.getLogger(__name__)

RETENTION = 5.0  # seconds: so long may a revoked token still work
KEPT_AT_MOST = 10_000
LAST_USE_STEP = timedelta(minutes=1)
WRONG_ADDRESS = "The token may not be used from this address."


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a caller may do: scopes, and the codes of the accounts that exist for it."""

    user: User
    scopes: frozenset[str]
    accounts: frozenset[str]
    expiry: datetime | None = None
    key: str = ""  # the token's first characters, by which it is named; empty for a desk login
    rate: int | None = None  # requests per second; None: what the settings say
    strategy: str = ""  # of every order that is placed with it; empty: as the order says

    networks: str = ""  # that may use it, separated by commas; empty: all
    person: User | None = None  # who answers for it

    beats: bool = False  # a client that must say again and again that it lives

    @property
    def actor(self) -> str:
        """The caller as events and audit name it."""
        return f"client:{self.user.get_username()}"

    def opens_for(self, address: str) -> bool:
        """Whether it may be used from there."""
        return not self.networks or is_within(address, self.networks)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token ...`; sets request.user to the client and request.auth to its Access."""

    def authenticate(self, request: Request) -> tuple[User, Access] | None:
        """The caller; None without a token; raises AuthenticationFailed for one that is not valid."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        access = access_of(words[1]) if len(words) == 2 else None
        if access is None:
            if wait := throttle.bad_token(address_of(request.META)):
                raise Throttled(wait, "Too many bad tokens from this address.")
            raise AuthenticationFailed("The token is not valid.")
        if access.networks and not access.opens_for(address_of(request.META)):
            raise PermissionDenied(WRONG_ADDRESS)
        return access.user, access

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Token realm="tradedesk"'


class HasScope(BasePermission):
    """Allows a method if the token has the scope that the view names for it in `scopes`.

    None there means that every valid token will do.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False answers 401 without a token and 403 with one; the text names the scope.

        Raises MethodNotAllowed where the view names none: it has no such method.
        """
        method = "GET" if request.method == "HEAD" else str(request.method)
        scopes: Mapping[str, Scope | None] = getattr(view, "scopes", {})
        if method not in scopes:
            raise MethodNotAllowed(method)
        self.message = f"The token lacks the scope {scopes[method]}."
        if not isinstance(request.auth, Access):
            return False
        needed = scopes[method]
        if needed is not None and needed not in request.auth.scopes:
            return False
        if needed == Scope.TRADE and request.auth.beats and not is_alive(request.auth.key):
            raise Problem("HEARTBEAT_MISSED", "Its orders were canceled. POST /heartbeat, then place anew.")
        return True


class AccessCache:
    """Access by digest for KEPT_FOR seconds, per process: saves the hot path its query.

    Safe among threads without a lock: each step is one dictionary operation, and the worst race reads
    a token twice. Unknown tokens are not kept, so they cannot push others out.
    """

    def __init__(self, read: Callable[[str], Access | None]) -> None:
        self._read = read
        self._kept: dict[str, tuple[float, Access]] = {}

    def get(self, digest: str) -> Access | None:
        """The access of a digest, at most KEPT_FOR seconds old."""
        now = time.monotonic()
        until, access = self._kept.get(digest, (0.0, None))
        if now >= until:
            access = self._read(digest)
            self._keep(digest, now, access)
        return access

    def _keep(self, digest: str, now: float, access: Access | None) -> None:
        if access is None:
            self._kept.pop(digest, None)
            return
        if len(self._kept) >= KEPT_AT_MOST:
            self._kept.clear()
        self._kept[digest] = (now + RETENTION, access)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def access_of(token: bytes) -> Access | None:
    """The access that a token gives; None if it is unknown, revoked, expired or of an inactive user."""
    try:
        digest = hash_token(token.decode("ascii"))
    except UnicodeDecodeError:
        return None
    access = cache.get(digest)
    expired = access and access.expiry and access.expiry <= timezone.now()
    return None if expired else access


def read_access(digest: str) -> Access | None:
    """Read a token from the database and note its use, at most once a minute."""
    living = ApiToken.objects.filter(digest=digest, user__is_active=True, revoked_at=None, waiting=False)
    token: Any = living.select_related("user", "person").first()
    if token is None:
        return None
    note_use(token)
    return Access(
        user=token.user,
        scopes=frozenset(token.scopes),
        accounts=frozenset(token.accounts.values_list("pk", flat=True)),
        expiry=token.expiry,
        key=token.token_key,
        person=token.person if token.person and token.person.is_active else None,
        rate=token.rate,
        strategy=token.strategy,
        networks=",".join(token.networks),
        beats=bool(token.heartbeat_s or token.beat_within),
    )


def note_use(token: ApiToken) -> None:
    """Write last_used_at if it is older than a minute; of two processes only one writes."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - LAST_USE_STEP:
        old = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USE_STEP)
        try:
            ApiToken.objects.filter(old, digest=token.digest).update(last_used_at=now)
        except DatabaseError as error:
            if database.sqlstate(error) != database.READ_ONLY:
                raise
            log.debug("use of a token not noted: the database is read-only")


cache = AccessCache(read_access)
