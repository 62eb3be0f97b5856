"""No test passes for want of a question: each asserts, expects an error, or calls a helper that asserts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
#: How a helper is named that asserts for its caller; the others are Playwright's and pytest-django's.
HELPERS = ("assert_", "expect", "django_assert_")


def asserts(test: ast.AST) -> bool:
    """Whether it can fail by more than an accident."""
    return any(isinstance(node, ast.Assert) or called(node).startswith(HELPERS) for node in ast.walk(test))


def called(node: ast.AST) -> str:
    """The name of what is called here; `pytest.raises` and `pytest.warns` count as helpers."""
    if not isinstance(node, ast.Call):
        return ""
    if not isinstance(node.func, ast.Attribute):
        return getattr(node.func, "id", "")
    is_pytests = isinstance(node.func.value, ast.Name) and node.func.value.id == "pytest"
    return HELPERS[1] if is_pytests and node.func.attr in ("raises", "warns") else node.func.attr


def found_in(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def test_every_test_asserts() -> None:
    silent = {
        f"{path.relative_to(TESTS)}::{test.name}"
        for path in TESTS.rglob("test_*.py")
        for test in found_in(path.read_text())
        if not asserts(test)
    }
    assert silent == set()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("assert answer", True),
        ("with pytest.raises(ValueError): act()", True),
        ("gateway.assert_once(order)", True),
        ("expect(page).to_have_title('Orders')", True),
        ("act()", False),
        ("eventually(lambda: done())", False),
    ],
)
def test_what_counts_as_asserting(body: str, found: bool) -> None:
    (test,) = found_in(f"def test_it():\n    {body}\n")
    assert asserts(test) is found
