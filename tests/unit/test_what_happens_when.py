"""Pages that name their proofs name tests that exist, and no scenario is missing in them."""

from __future__ import annotations

import re

import pytest

from tradedesk.env import BASE_DIR

PAGES = [(BASE_DIR / "docs" / name).read_text() for name in ("what-happens-when.md", "api-promises.md")]
NAMED = sorted({proof for page in PAGES for proof in re.findall(r"`([\w/]+\.py)::(\w+)`", page)})


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (BASE_DIR / "tests" / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_its_proof(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert [row for row in rows if "::" not in row and "proved by" not in row] == []


@pytest.mark.parametrize("path", ["scenarios/test_faults.py", "integration/broker/test_breaker.py"])
def test_every_fault_that_has_a_test_is_on_the_page(path: str) -> None:
    tests = re.findall(r"^def (test_\w+)\(", (BASE_DIR / "tests" / path).read_text(), re.MULTILINE)
    assert [name for name in tests if (path, name) not in NAMED] == []
