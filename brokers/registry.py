"""Adapters by dotted path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from brokers.port import BrokerSession, Listener


def create(
    name: str, adapter: str, *, host: str, port: int, client_id: int, paper: bool, listener: Listener
) -> BrokerSession:
    """Build the session `name` with the adapter at this dotted path."""
    session: BrokerSession = import_string(adapter)(
        name=name, host=host, port=port, client_id=client_id, paper=paper, listener=listener
    )
    return session
