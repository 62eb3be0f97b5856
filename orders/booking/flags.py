"""What applying the broker's words tells the session that heard them."""

from __future__ import annotations


class SessionFlags:
    """A look at the broker is wanted soon; orders were or were not answered."""

    def __init__(self) -> None:
        self.snapshot_wanted = False
        self.answered = False
        self.unanswered = 0
