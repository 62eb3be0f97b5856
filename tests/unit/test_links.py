"""Links inside the documentation lead somewhere, down to the heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tradedesk.env import BASE_DIR

PAGES = sorted([*BASE_DIR.glob("*.md"), *(BASE_DIR / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")


def places(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(page: Path) -> Iterator[str]:
    """Links of a page that lead nowhere."""
    for name, place in LINK.findall(page.read_text()):
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (place and target.suffix == ".md" and place not in places(target)):
            yield f"{page.name}: {name}#{place}"


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    assert len(PAGES) > 20
    assert [link for page in PAGES for link in dead(page)] == []
