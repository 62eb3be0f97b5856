"""What a caller can meet: an answer that is not a success, or no answer at all."""

from __future__ import annotations

from typing import Any

import httpx

Document = dict[str, Any]


class ApiError(Exception):
    """An answer that is not a success: `status`, `code` for programs, `errors` by field (RFC 9457)."""

    def __init__(self, status: int, problem: Document, *, replayed: bool = False) -> None:
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail', '')}")
        self.status = status
        self.replayed = replayed
        self.code = str(problem.get("code", ""))
        self.errors: list[Document] = list(problem.get("errors", ()))
        self.problem = problem


class OrderRefused(ApiError):
    """A check refused the order; it is recorded as REJECTED (`order`), `report` says value against limit."""

    @property
    def order(self) -> Document:
        """The recorded order."""
        return dict(self.problem["order"])

    @property
    def report(self) -> list[Document]:
        """Every check, with value and limit."""
        return list(self.problem.get("report", ()))


class NoAnswer(Exception):
    """The server could not be reached, or was not ready, in all tries; asking again later is safe."""


def raise_for(answer: httpx.Response) -> None:
    """Raise for an answer that is not a success."""
    if answer.is_success:
        return
    try:
        said = answer.json()
    except ValueError:
        said = None
    # Else it is a proxy's own page.
    problem: Document = said if isinstance(said, dict) else {"detail": answer.text[:200]}
    replayed = "Idempotent-Replayed" in answer.headers
    raise (OrderRefused if "order" in problem else ApiError)(answer.status_code, problem, replayed=replayed)
