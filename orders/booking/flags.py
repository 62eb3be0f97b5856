"""What applying the broker's messages asks of the session that received them."""

from __future__ import annotations

from uuid import UUID


class SessionFlags:
    """A snapshot is wanted soon; a group is to be looked at; orders were or were not answered."""

    def __init__(self) -> None:
        self.snapshot_wanted = False
        self.group_moved = False
        self.answered = False
        self.unanswered = 0
        #: Seconds by which the worst of database, gateway and this machine is off.
        self.skew = 0.0
        #: Orders that the last snapshots missed without proving anything, and why.
        self.unproven: dict[UUID, str] = {}

    def add(self, batch: SessionFlags) -> None:
        """Take over what a batch asks, once it is committed: one that is rolled back asks nothing."""
        self.snapshot_wanted |= batch.snapshot_wanted
        self.group_moved |= batch.group_moved
        self.answered |= batch.answered
        self.unanswered += batch.unanswered
