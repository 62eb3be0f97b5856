"""Answers to requests that no view could handle: problem details for the API, Django's pages for the rest."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from orders.api.problems import Problem, problem_response


def of_api(request: HttpRequest) -> bool:
    """Whether a client of the API is waiting for the answer."""
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, for example a Host header that is not ours."""
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
    """500; the log has the error, the answer says nothing of it."""
    if of_api(request):
        return problem_response(Problem("INTERNAL_ERROR"))
    return defaults.server_error(request)
