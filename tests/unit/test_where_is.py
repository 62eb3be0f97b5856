"""What docs/architecture.md says under "Where is ...": the places are there, and it happens nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from orders.models import Order
from tradedesk.env import BASE_DIR

PAGE = (BASE_DIR / "docs/architecture.md").read_text().split("## Where is ...")[1].split("\n## ")[0]
ROWS = dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", PAGE, re.MULTILINE))
#: Strangers to the way of an order: the counterpart's side, and a measure of the bare library.
ELSEWHERE = ("brokers/simulator/", "brokers/ib/bare.py")


@cache
def all_calls() -> tuple[tuple[str, str], ...]:
    """(file, function called) of every call in the product, which is read once."""
    return tuple(read_calls())


def read_calls() -> Iterator[tuple[str, str]]:
    for path in sorted((*BASE_DIR.glob("orders/**/*.py"), *BASE_DIR.glob("brokers/**/*.py"))):
        file = str(path.relative_to(BASE_DIR))
        if file.startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                yield file, name


def calls(*names: str) -> list[tuple[str, str]]:
    """Every call of these names."""
    return [call for call in all_calls() if call[1] in names]


def files(*names: str) -> set[str]:
    return {file for file, _ in calls(*names)}


@pytest.mark.parametrize("row", ROWS)
def test_every_place_that_is_named_is_there(row: str) -> None:
    folder = BASE_DIR
    for place in re.findall(r"`([^`]+)`", ROWS[row]):
        found = BASE_DIR / place if "/" in place else folder / place
        folder = found if found.is_dir() else found.parent
        assert found.exists(), place


def test_only_the_lifecycle_may_change_an_orders_state() -> None:
    field = Order._meta.get_field("state")
    assert getattr(field, "protected", False)  # any other assignment raises
    assert "orders/models/lifecycle.py" in ROWS["where an order may change state"]


def test_bytes_of_orders_are_written_by_the_adapter_alone() -> None:
    assert files("placeOrder", "cancelOrder") == {"brokers/ib/sending.py", "brokers/ib/asking.py"}
    assert [file for file, _ in calls("placeOrder")].count("brokers/ib/asking.py") == 1  # a what-if
    assert "brokers/ib/sending.py" in ROWS["where bytes are sent"]


def test_a_brokers_word_enters_by_the_callbacks_alone() -> None:
    assert files("on_message") == {"brokers/ib/callbacks.py"}
    assert files("apply_items") == {"orders/session/applier.py", "orders/desk/decisions.py"}
    row = ROWS["where a broker's word enters"]
    assert all(
        place in row for place in ("brokers/ib/callbacks.py", "brokers/inbox/", "orders/booking/apply.py")
    )


def test_a_limit_is_checked_by_one_report_for_every_entrance() -> None:
    assert files("order_checks") == {"orders/entry/limits/checks.py"}
    assert {Path(file).parts[:2] for file in files("check_report")} == {("orders", "entry")}
    row = ROWS["where a limit is checked"]
    assert all(place in row for place in ("orders/entry/limits/checks.py", "orders/risk/order_rules.py"))
