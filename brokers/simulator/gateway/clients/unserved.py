"""Requests that nobody can serve: this gateway does not have them, or their fields make no sense."""

from __future__ import annotations

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.texts import refusals
from brokers.simulator.wire import codec


def answer_unsupported(link: Link, fields: list[str]) -> None:
    """Answer a request that this gateway does not have, as real ones do when they cannot serve it."""
    number = codec.message_id(fields)
    known = refusals.UNSUPPORTED_REQUESTS.get(number)
    if known is None:
        link.error(-1, *refusals.unreadable(f"Message type {number} is unknown"))
        return
    position = known.id_field
    text = fields[position] if position is not None and position < len(fields) else ""
    req_id = int(text) if text.lstrip("-").isdigit() else -1
    link.error(req_id, *known.refusal)


def answer_unreadable(link: Link, fields: list[str], reason: str) -> None:
    """Answer a request whose fields make no sense, under its id if that can be read."""
    link.error(codec.request_id(fields), *refusals.unreadable(reason))
