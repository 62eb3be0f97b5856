"""What a batch of the inbox is made of, and what the order domain does with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from brokers.messages import HandedOver
from brokers.port import InboundMessage, Link

InboxItem = InboundMessage | HandedOver


class Applier(Protocol):
    """What the order domain does with a batch, in its own transaction."""

    def apply(self, items: Sequence[InboxItem]) -> None:
        """Store and apply the batch as a whole; raises when any part of it cannot be applied."""

    def park(self, message: InboundMessage, error: Exception) -> None:
        """Store a message that could not be applied, with its error, and alert."""

    def link_changed(self, link: Link, reason: str) -> None:
        """The link opened or closed."""

    def connection_failed(self) -> None:
        """A connection was refused or lost."""

    def on_overflow(self, count: int) -> None:
        """So many callbacks were dropped because the database was away for too long."""

    def next_valid_id(self, broker_order_id: int) -> None:
        """The lowest order id the gateway takes."""

    def alarm(self, subject: str, text: str) -> None:
        """Something that a person should know."""
