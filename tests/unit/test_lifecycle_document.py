"""The published picture of the lifecycle is the code's."""

from __future__ import annotations

from django.conf import settings

from orders.management.commands.drawlifecycle import MEANINGS, document, moves
from orders.models import State


def test_the_lifecycle_document_is_up_to_date() -> None:
    path = settings.BASE_DIR / "docs" / "order-lifecycle.md"
    assert path.read_text() == document(), "run `manage.py drawlifecycle`"


def test_the_document_shows_every_transition_and_state() -> None:
    found = {move.name: move for move in moves()}
    assert found["claim"].sources == ("CREATED",)
    assert found["reopen"].targets == ("FILLED", "PENDING", "PARTIALLY_FILLED", "CANCELED", "EXPIRED")
    assert set(MEANINGS) == set(State)
    assert all(move.description for move in found.values())
