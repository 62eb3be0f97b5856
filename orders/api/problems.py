"""Errors of the API: RFC 9457 problem details, one shape for every answer that is not a success."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import Error as DatabaseError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from brokers.postgres import database
from brokers.postgres.room import FULL_TEXT, is_full
from orders.errors import BrokerSilent, FieldError, InstrumentAmbiguous, KeyInUse, OrderError, RefusedByCheck

log = logging.getLogger(__name__)

#: Every code that is not a reason of the registry: HTTP status and title.
PROBLEMS: dict[str, tuple[int, str]] = {
    "MALFORMED_REQUEST": (400, "The request cannot be understood"),
    "INVALID": (400, "Fields are missing or wrong"),
    "NOT_AUTHENTICATED": (401, "A valid token is needed"),
    "FORBIDDEN": (403, "The token may not do this"),
    "NOT_FOUND": (404, "The resource does not exist"),
    "BODY_TOO_SLOW": (408, "The body did not arrive in time"),
    "METHOD_NOT_ALLOWED": (405, "The method is not allowed here"),
    "NOT_ACCEPTABLE": (406, "No accepted media type is available"),
    "AMBIGUOUS_INSTRUMENT": (400, "The description fits several contracts"),
    "BROKER_UNAVAILABLE": (503, "The broker cannot be asked now"),
    "BROKER_WOULD_REJECT": (422, "The broker would not take the order"),
    "WEBHOOK_OVER": (409, "The webhook was ended"),
    "CL_ORD_ID_REUSED": (409, "The cl_ord_id was used for another order"),
    "TOKEN_OVER": (409, "The token is no longer valid"),
    "BREAK_CLOSED": (409, "The break is closed"),
    "APPROVAL_OVER": (409, "The approval was decided, has expired or does not fit any more"),
    "NOT_CLOSED": (409, "Nothing can be ordered that would close the position"),
    "HEARTBEAT_MISSED": (409, "The client has not said in time that it lives"),
    "ORDER_OVER": (409, "The order is already closed"),
    "ORDER_FROZEN": (409, "The order is frozen until a person has decided"),
    "CANCEL_PENDING": (409, "A cancel of the order is open"),
    "CANCELS_OTHERS": (409, "The broker would cancel other orders with it"),
    "NOT_OURS": (409, "The order was placed by another client of the broker"),
    "VERSION_MOVED": (412, "The order has changed meanwhile"),
    "BODY_TOO_LARGE": (413, "The body is too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The body must be application/json"),
    "REFUSED_BY_CHECK": (422, "The order was refused by a check"),
    "IDEMPOTENCY_KEY_IN_USE": (409, "The first request of the Idempotency-Key is still being worked"),
    "IDEMPOTENCY_KEY_REUSED": (422, "The Idempotency-Key was used for another request"),
    "BULK_REFUSED": (422, "Orders of the bulk were refused, so none was placed"),
    "NOT_PLACED": (424, "Not placed, because others of its bulk were refused"),
    "PRECONDITION_REQUIRED": (428, "The version of the order is needed"),
    "THROTTLED": (429, "Too many requests"),
    "INTERNAL_ERROR": (500, "Something failed on our side"),
    "UNAVAILABLE": (503, "The database cannot be reached"),
}
#: The code for a status that REST framework chose by itself.
_OF_STATUS = {
    PROBLEMS[code][0]: code
    for code in (
        "NOT_AUTHENTICATED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "NOT_ACCEPTABLE",
        "UNSUPPORTED_MEDIA_TYPE",
        "THROTTLED",
    )
}


class Problem(Exception):
    """An answer that is not a success; `members` are added to the problem document.

    `kind` is the entry of PROBLEMS that gives status and title, where the code is not one itself.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        kind: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = kind or code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem as a document (RFC 9457)."""
    status, title = PROBLEMS[problem.kind]
    document = {
        "type": f"urn:tradedesk:problem:{problem.code.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": problem.detail or title,
        "code": problem.code,
        **problem.members,
    }
    if problem.errors:
        document["errors"] = [asdict(error) for error in problem.errors]
    return document


def problem_response(problem: Problem) -> HttpResponse:
    """The problem as application/problem+json."""
    return HttpResponse(
        msgspec.json.encode(problem_document(problem)),
        status=PROBLEMS[problem.kind][0],
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def invalid(errors: Sequence[FieldError]) -> Problem:
    """The problem of wrong fields; the detail names the first ones."""
    named = ", ".join(dict.fromkeys(error.field or "the body" for error in errors[:5]))
    return Problem("INVALID", f"Wrong or missing: {named}.", errors=errors)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """REST framework's hook: known errors become problems, anything else is left to Django's 500."""
    problem = problem_of(error)
    return problem_response(problem) if problem else None


UNKNOWN_EFFECT = "Whether the request took effect is not known; repeating it with the same ids is safe."


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception stands for; None for one that nobody expected."""
    match error:
        case Problem():
            return error
        case OrderError():
            return problem_of_service(error)
        case Http404() | ObjectDoesNotExist():
            return Problem("NOT_FOUND")
        case PermissionDenied():
            return Problem("FORBIDDEN")
        case RequestDataTooBig():
            return Problem("BODY_TOO_LARGE")
        case SuspiciousOperation() | UnreadablePostError():
            return Problem("MALFORMED_REQUEST")
        case exceptions.APIException():
            return problem_of_framework(error)
        case DatabaseError() if database.is_away(error):
            log.warning("request failed: database not reached", extra={"error": str(error)})
            return Problem(
                "UNAVAILABLE",
                f"{FULL_TEXT} {UNKNOWN_EFFECT}" if is_full(error) else UNKNOWN_EFFECT,
                headers={"Retry-After": "1"},
            )
    return None


def problem_of_service(error: OrderError) -> Problem:
    """An error of the order services; field errors keep their fields."""
    fields: dict[str, list[str]] = getattr(error, "errors", {})
    if isinstance(error, InstrumentAmbiguous):
        what = [FieldError("instrument", error.code, error.errors["instrument"][0])]
        return Problem(error.code, str(error), errors=what, candidates=error.candidates)
    if isinstance(error, RefusedByCheck):
        return Problem(error.code, str(error), kind="REFUSED_BY_CHECK", report=error.report)
    if isinstance(error, BrokerSilent | KeyInUse):
        return Problem(error.code, str(error), headers={"Retry-After": "2"})
    if fields:
        wrong = ((name, text) for name, texts in fields.items() for text in texts)
        return invalid([FieldError(name, "INVALID", text) for name, text in wrong])
    return Problem(error.code, str(error))


def problem_of_framework(error: exceptions.APIException) -> Problem:
    """An error raised inside REST framework, with the headers that HTTP asks for."""
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return Problem(_OF_STATUS.get(error.status_code, "MALFORMED_REQUEST"), str(error.detail), headers=headers)
