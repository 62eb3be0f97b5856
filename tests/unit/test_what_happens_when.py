"""docs/what-happens-when.md names tests that exist, and no scenario is missing in it."""

from __future__ import annotations

import re

import pytest

from tradedesk.env import BASE_DIR

PAGE = (BASE_DIR / "docs" / "what-happens-when.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (BASE_DIR / "tests" / path).read_text(), re.MULTILINE)


def test_every_row_names_its_proof() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    assert [row for row in rows if "::" not in row and "proved by" not in row] == []


@pytest.mark.parametrize("path", ["scenarios/test_faults.py", "integration/broker/test_breaker.py"])
def test_every_fault_that_has_a_test_is_on_the_page(path: str) -> None:
    tests = re.findall(r"^def (test_\w+)\(", (BASE_DIR / "tests" / path).read_text(), re.MULTILINE)
    assert [name for name in tests if (path, name) not in NAMED] == []
