"""Idempotency-Key: every POST either keeps its answer under the key, or says that it takes none.

Orders and bulks keep theirs in the transaction that records them (`orders.entry.idempotency.once`). All other
requests are by their own ids harmless to do again; what they were answered is kept here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpResponse
from rest_framework.request import Request

from brokers.postgres import database
from orders.api.problems import invalid
from orders.entry import idempotency
from orders.entry.reading.fields import Field, Reader, Wrong, meaning, text
from orders.errors import FieldError

Post = TypeVar("Post", bound=Callable[..., HttpResponse])
idempotency_key = text(r"^[\x21-\x7e]{1,255}$", "1 to 255 printable ASCII characters without spaces")
#: Of an answer's headers, those that are kept with it.
KEPT = ("Content-Type", "Location")


def takes_key(post: Post) -> Post:
    """Mark a view's `post` that sees to the key itself, or that does nothing which could be done twice."""
    post.takes_key = True  # type: ignore[attr-defined]
    return post


def keyed(fields: Mapping[str, Field] | None = None) -> Callable[[Post], Post]:
    """Have a view's `post` answer a repeated key with its first answer; `fields` are those of its body."""

    def decorate(post: Post) -> Post:
        @wraps(post)
        def once(view: Any, request: Request, *args: Any, **path: Any) -> HttpResponse:
            key = key_of(request)
            if not key:
                return post(view, request, *args, **path)
            client = view.access.user
            if known := idempotency.begin(client, key, fingerprint_of(view, request, fields or {})):
                return replayed(known)
            try:
                answered = post(view, request, *args, **path)
            except Exception as error:
                if not database.is_away(error):  # else nobody knows whether it was done
                    idempotency.release(client, key)
                raise
            idempotency.finish(client, key, kept(answered))
            return answered

        return takes_key(once)  # type: ignore[return-value]

    return decorate


def key_of(request: Request) -> str:
    """The Idempotency-Key; empty when there is none. Raises Problem INVALID."""
    raw = request.headers.get("Idempotency-Key")
    try:
        return str(idempotency_key(raw)) if raw is not None else ""
    except Wrong as wrong:
        raise invalid([FieldError("Idempotency-Key", wrong.code, str(wrong))]) from None


def refuse_key(request: Request, handler: Any) -> None:
    """Raise Problem INVALID when a request has a key and its view takes none: it is never ignored."""
    if request.method == "POST" and key_of(request) and not getattr(handler, "takes_key", False):
        why = "This request takes no Idempotency-Key; send it without, and look before you repeat it."
        raise invalid([FieldError("Idempotency-Key", "NOT_TAKEN", why)])


def fingerprint_of(view: Any, request: Request, fields: Mapping[str, Field]) -> str:
    """SHA-256 of what is asked and by whom: another token of the client may see other accounts."""
    body = (
        meaning(request.data, Reader(lambda raw: raw, {}, fields=fields)) if fields else plain(request.data)
    )
    asked = [request.path, sorted(view.access.accounts), body]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def plain(body: Any) -> Any:
    """A body that no fields describe: none and an empty one are the same."""
    return body or None


def kept(answered: HttpResponse) -> dict[str, Any]:
    """An answer as it is stored."""
    headers = {name: answered[name] for name in KEPT if name in answered}
    return {"status": answered.status_code, "body": answered.content.decode(), "headers": headers}


def replayed(known: dict[str, Any]) -> HttpResponse:
    """A stored answer."""
    headers = {**known["headers"], "Idempotent-Replayed": "true"}
    return HttpResponse(known["body"], status=known["status"], headers=headers)
