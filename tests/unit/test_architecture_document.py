"""The published pictures of rooms and ways are the code's."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command

from tradedesk.management.commands.drawarchitecture import first_sentence, reaches, without_detours


def test_the_architecture_document_is_up_to_date() -> None:
    said = StringIO()
    call_command("drawarchitecture", check=True, stdout=said)
    assert said.getvalue() == "docs/architecture.md is up to date.\n"


def test_an_arrow_that_a_longer_way_implies_is_not_drawn() -> None:
    arrows = {("a", "b"), ("b", "c"), ("a", "c"), ("c", "b")}
    drawn = without_detours(arrows)
    assert ("a", "c") not in drawn or ("a", "b") not in drawn
    assert all(reaches(set(drawn), *arrow) for arrow in arrows)


def test_a_room_is_described_by_the_first_sentence_of_its_docstring() -> None:
    assert first_sentence("orders.models").endswith(".")
    assert first_sentence("orders.tasks").startswith("Celery tasks")
