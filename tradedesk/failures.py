"""Answers to requests that no view could handle: problem details for the API, Django's pages for the rest."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from brokers import database
from orders.api.problems import Problem, problem_of, problem_response


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
    page = render_to_string("desk/unavailable.html", {"again": request.method in ("GET", "HEAD")})
    return HttpResponse(page, status=503, headers={"Retry-After": "2", "Cache-Control": "no-store"})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, for example a Host header that is not ours. A session that cannot be kept comes here too."""
    if away := outage_in(exception):
        return unavailable(request, away)
    if of_api(request):
        return problem_response(Problem("MALFORMED_REQUEST"))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if of_api(request):
        return problem_response(Problem("FORBIDDEN"))
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if of_api(request):
        return problem_response(Problem("NOT_FOUND"))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; the log has the error, the answer says nothing of it. 503 while the database is away."""
    if away := outage_in(sys.exc_info()[1]):
        return unavailable(request, away)
    if of_api(request):
        return problem_response(Problem("INTERNAL_ERROR"))
    return defaults.server_error(request)
