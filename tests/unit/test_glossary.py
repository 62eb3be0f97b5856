"""docs/glossary.md names places that exist, each term once."""

from __future__ import annotations

import re

from tradedesk.env import BASE_DIR

ROWS = re.findall(
    r"^\| (?!term|---)(.+?) \|.*\| `(.+)` \|$", (BASE_DIR / "docs/glossary.md").read_text(), re.M
)


def test_every_term_of_the_glossary_lives_in_a_file_that_exists() -> None:
    assert [(term, place) for term, place in ROWS if not (BASE_DIR / place).exists()] == []


def test_the_glossary_is_in_order_and_names_a_term_once() -> None:
    terms = [term.lower() for term, _ in ROWS]
    assert len(terms) > 40
    assert terms == sorted(set(terms))
