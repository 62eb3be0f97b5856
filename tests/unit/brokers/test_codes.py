"""Every code that is known to matter has a class, and only a code that proves it ends an order."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from brokers.ib import codes
from brokers.messages import Refusal

GROUPS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[2] / "data" / "ib_codes.toml").read_text()
)["group"]
LISTED = {code: group["right"] for group in GROUPS for code in group["codes"]}
ENDS = {Refusal.ORDER_REJECTED, Refusal.REJECTED_IF_NEW, Refusal.ORDER_CANCELED}


@pytest.mark.parametrize("code", LISTED)
def test_a_code_that_is_known_to_matter_has_its_class(code: int) -> None:
    assert code in codes.MEANING
    assert codes.classify(code) in LISTED[code]


def test_a_code_has_one_class() -> None:
    assert len(codes.MEANING) == sum(len(found) for found in codes._TABLE.values())


@pytest.mark.parametrize("code", [1, 99, 350, 999, 2200, 10_500, 99_999])
def test_a_code_that_nobody_knows_is_unknown(code: int) -> None:
    assert codes.meaning(code) is Refusal.UNKNOWN


def test_no_code_outside_the_table_can_end_an_order() -> None:
    for code in range(20_000):
        assert code in codes.MEANING or codes.meaning(code) not in ENDS


@pytest.mark.parametrize("code", [100, 502, 504, 1100, 1300, 326])
def test_trouble_of_the_session_proves_nothing_about_an_order(code: int) -> None:
    assert codes.meaning(code) is Refusal.LOOK_UP


def test_a_farm_is_no_reason_to_look_for_an_order() -> None:
    assert codes.meaning(2104) is Refusal.WARNING


@pytest.mark.parametrize(
    ("state", "right"),
    [
        ("PendingCancel.", Refusal.CANCEL_UNDER_WAY),
        ("Cancelled", Refusal.CANCEL_UNDER_WAY),
        ("Filled.", Refusal.CANCEL_REFUSED),
        ("", Refusal.CANCEL_REFUSED),
    ],
)
def test_a_cancel_that_cannot_be_done_means_what_its_state_says(state: str, right: Refusal) -> None:
    text = f"OrderId 7 that needs to be cancelled can not be cancelled, state: {state}"
    assert codes.meaning(10148, text, 7) is right


@pytest.mark.parametrize(
    "words",
    [
        "state: Pending Cancel", "State : PendingCancel.", "state=PENDINGCANCEL", "status: Canceled",
        "state is cancelled", "state: ApiCancelled", "state: PreCancelled", "state:Cancel Pending",
    ],
)  # fmt: skip
def test_a_cancel_under_way_is_read_in_any_spelling(words: str) -> None:
    text = f"OrderId 7 that needs to be cancelled cannot be cancelled, {words}"
    assert codes.meaning(10148, text, 7) is Refusal.CANCEL_UNDER_WAY


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("Order 7 kann nicht storniert werden, Zustand: PendingCancel.", Refusal.CANCEL_UNDER_WAY),
        ("La orden 7 no puede ser cancelada, estado: Cancelled", Refusal.CANCEL_UNDER_WAY),
        ("Order 7 kann nicht storniert werden, Zustand: Filled.", Refusal.CANCEL_REFUSED),
        ("Order: cannot be cancelled", Refusal.CANCEL_REFUSED),
    ],
)
def test_the_state_is_read_in_a_text_of_any_language(words: str, right: Refusal) -> None:
    assert codes.meaning(10148, words, 7) is right


@pytest.mark.parametrize("state", ["Filled", "Inactive", "Submitted", "PreSubmitted", "Rejected", "Unknown"])
def test_another_state_refuses_the_cancel(state: str) -> None:
    text = f"OrderId 7 that needs to be cancelled can not be cancelled, State: {state}."
    assert codes.meaning(10148, text, 7) is Refusal.CANCEL_REFUSED


@pytest.mark.parametrize(
    "words", ["order with ID = 35.", "order with id: 35", "order with id=35", "order 35", "order id #35"]
)
def test_the_parent_that_is_not_found_is_read_in_any_spelling(words: str) -> None:
    assert codes.meaning(135, f"Can't find {words}", 36) is Refusal.PARENT_GONE
    assert codes.meaning(135, f"Can't find {words}", 35) is Refusal.REQUEST_REFUSED


def test_an_order_not_found_may_be_the_parent() -> None:
    assert codes.meaning(135, "Can't find order with id = 35", 36) is Refusal.PARENT_GONE
    assert codes.meaning(135, "Can't find order with id = 36", 36) is Refusal.REQUEST_REFUSED
