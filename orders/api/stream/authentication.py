"""Who may listen: a token with the scope read (audit: to the drop copy), or the desk's own login coming from
the desk's own pages."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from orders.access import accounts_of_person
from orders.api import throttle
from orders.api.authentication import WRONG_ADDRESS, Access, access_of
from orders.api.problems import Problem
from orders.desk_sessions import carries_login, is_own_host, person_of_cookie
from orders.models import Scope

Headers = Mapping[str, str]
VIEW_ORDERS = "orders.view_order"


def authorise(headers: Headers, address: str = "") -> Access:
    """The listener's access; raises Problem 400, 401, 403, or 429 for repeated bad tokens of an address."""
    if not is_own_host(headers.get("host", "")):
        raise Problem("MALFORMED_REQUEST", "The Host header is not one of ours.")
    access = access_of_header(headers) if "authorization" in headers else access_of_cookie(headers)
    if access is None:
        if "authorization" in headers and address and (wait := throttle.bad_token(address)):
            detail = "Too many bad tokens from this address."
            raise Problem("THROTTLED", detail, headers={"Retry-After": str(wait)})
        challenge = {"WWW-Authenticate": 'Token realm="tradedesk"'}
        raise Problem("NOT_AUTHENTICATED", "A valid token or login is needed.", headers=challenge)
    if not access.opens_for(address):
        raise Problem("FORBIDDEN", WRONG_ADDRESS)
    if access.scopes.isdisjoint({Scope.READ, Scope.AUDIT}):
        raise Problem("FORBIDDEN", f"The token lacks the scope {Scope.READ}.")
    return access


def is_drop_copy(access: Access, *, asked: bool) -> bool:
    """Whether the listener gets whole messages: by asking, or by a scope that opens nothing else.

    Raises Problem FORBIDDEN without the scope for it.
    """
    if asked and Scope.AUDIT not in access.scopes:
        raise Problem("FORBIDDEN", f"The token lacks the scope {Scope.AUDIT}.")
    return asked or Scope.READ not in access.scopes


def access_of_header(headers: Headers) -> Access | None:
    """The access of `Authorization: Token ...`."""
    words = headers["authorization"].split()
    if len(words) != 2 or words[0].lower() != "token":
        return None
    return access_of(words[1].encode("latin-1", "replace"))


def access_of_cookie(headers: Headers) -> Access | None:
    """The access of a desk login. A cookie is sent by any page, so the page's origin must be ours."""
    if not carries_login(headers.get("cookie", "")):
        return None
    if not from_our_pages(headers):
        raise Problem("FORBIDDEN", "A login can only be used from the desk's own pages.")
    user = person_of_cookie(headers.get("cookie", ""))
    if user is None or not user.has_perm(VIEW_ORDERS):
        return None
    return Access(user=user, scopes=frozenset({Scope.READ}), accounts=accounts_of_person(user))


def from_our_pages(headers: Headers) -> bool:
    """Whether the asking page is the desk's: by Origin, or, behind one proxy, by being the same origin."""
    if origin := headers.get("origin"):
        return origin in settings.WEB_ORIGINS
    return headers.get("sec-fetch-site") == "same-origin"


def cors(headers: Headers) -> dict[str, str]:
    """What lets the desk's pages read the answer although the stream has a port of its own."""
    origin = headers.get("origin", "")
    allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
    return {"Vary": "Origin", **(allowed if origin in settings.WEB_ORIGINS else {})}
