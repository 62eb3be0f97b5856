"""Answers to requests that no view could handle: problem details for the API, pages for the rest."""

from __future__ import annotations

import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from brokers.postgres import database
from brokers.postgres.room import is_full
from orders.api.problems import Problem, problem_of, problem_response
from tradedesk.http.names import request_id


def of_api(request: HttpRequest) -> bool:
    """Whether a client of the API is waiting for the answer."""
    return request.path_info.startswith("/api/")


def outage_in(error: BaseException | None) -> BaseException | None:
    """The error that says that the database is away, behind whatever was made of it; None if none does."""
    while error is not None and not database.is_away(error):
        error = error.__cause__ or error.__context__
    return error


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """503: the database is away, frozen or read-only. The page asks nothing of it."""
    if of_api(request) and isinstance(error, Exception) and (problem := problem_of(error)):
        return problem_response(problem)
    page = render_to_string(
        "desk/unavailable.html", {"again": request.method in ("GET", "HEAD"), "full": is_full(error)}
    )
    return HttpResponse(page, status=503, headers={"Retry-After": "2", "Cache-Control": "no-store"})


def refused(status: int, title: str, what: str, following: str) -> HttpResponse:
    """A page that says what was refused, what to do, and the request's id; it needs no database."""
    context = {"title": title, "what": what, "next": following, "request_id": request_id.get()}
    return HttpResponse(render_to_string("desk/refused.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, for example a Host header that is not ours. A session that cannot be kept comes here too."""
    if away := outage_in(exception):
        return unavailable(request, away)
    if of_api(request):
        return problem_response(Problem("MALFORMED_REQUEST"))
    return refused(
        400,
        "This request is not understood",
        "Nothing was changed. It came under a name that is not ours, was not whole, or held a zero byte.",
        "Open the desk by its usual address and try again.",
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if of_api(request):
        return problem_response(Problem("FORBIDDEN"))
    return refused(
        403,
        "You may not do this",
        "Your rights do not include this page or this act. Nothing was changed.",
        "A person with the right over people can give you a group that has it: see who you are in the menu.",
    )


def locked_out(
    request: HttpRequest, answer: HttpResponse | None = None, tried: object = None
) -> HttpResponse:
    """429 after too many wrong passwords or codes; django-axes counts them."""
    minutes = f"{settings.AXES_COOLOFF_TIME * 60:g}"
    return refused(
        429,
        "Too many tries",
        "The password or the code was wrong too often, so this name is not let in from here for "
        f"{minutes} minutes. Nothing else was changed, and other logins go on.",
        "If it was not you who tried, tell operations. If you have forgotten the password, a person with the "
        "right over people gives you a new one.",
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that is not ours any more: of another site, or from before the last login."""
    return refused(
        403,
        "This form is too old",
        "It was opened before your last login, or not by this desk. Nothing was changed.",
        "Go back, read the page anew, and fill in the form again.",
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if of_api(request):
        return problem_response(Problem("NOT_FOUND"))
    return refused(
        404,
        "There is no such page",
        "What it was about does not exist, or belongs to an account that is not yours.",
        "Look for it in the list of orders: the search takes every id of an order.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500; the log has the error, the answer says nothing of it. 503 while the database is away."""
    if away := outage_in(sys.exc_info()[1]):
        return unavailable(request, away)
    if of_api(request):
        return problem_response(Problem("INTERNAL_ERROR"))
    return refused(
        500,
        "Something went wrong here",
        "Whether what you sent has taken effect is not known. The same form sent again counts once.",
        "Look at the order or the page that you changed before you try again.",
    )
