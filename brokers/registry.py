"""Adapters by dotted path, and the sessions that live in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from brokers.port import BrokerSession, Listener

_live: dict[str, BrokerSession] = {}


def create(
    name: str, adapter: str, *, host: str, port: int, client_id: int, paper: bool, listener: Listener
) -> BrokerSession:
    """Build the session `name` with the adapter at this dotted path and register it in this process."""
    session: BrokerSession = import_string(adapter)(
        name=name, host=host, port=port, client_id=client_id, paper=paper, listener=listener
    )
    _live[name] = session
    return session


def live(name: str) -> BrokerSession:
    """The session `name` of this process; raises LookupError where this process does not own it."""
    try:
        return _live[name]
    except KeyError:
        raise LookupError(f"Broker session {name!r} does not live in this process.") from None


def forget(name: str) -> None:
    """Unregister a stopped session."""
    _live.pop(name, None)
